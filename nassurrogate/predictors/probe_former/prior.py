"""What Probe-Former expects of a class before any label.

The score is the sum of the log-ranks of four zero-cost proxies and of the number of weights, as in AZ-NAS (Lee & Ham,
CVPR 2024, arXiv 2403.19232). The proxies were chosen on cifar10 inside `development_split`: of the sums of one to six
columns that rise with accuracy there, this one has the highest Kendall's τ, 0.736; with the number of weights 0.773.

A label is then modelled as

    s = z · w + f + noise,   w ~ N(SLOPE, SLOPE_STD²),   f ~ the process of `cell_kernel`,

where s is the normal score of its rank among the n labels, and z the score here, relative to the whole space. Few ranks
say little: the variance of the noise has the additional part RANK_NOISE / n.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nassurrogate.graphs.codes import op_vocabulary
from nassurrogate.predictors.proxy_process.prior import log_rank_scores, proxy_columns
from nassurrogate.proxies.table import has_probes
from nassurrogate.spaces import CellSpace

PROXIES = (
    "stage 1 cosine between images",
    "stage 2 cosine between images",
    "log-determinant of the activation patterns",
    "jacobian covariance",
)
SLOPE, SLOPE_STD = 0.8, 0.5
"""Of the normal score of a label per unit of the prior score. Chosen, as RANK_NOISE is, inside `development_split`."""
RANK_NOISE = 4.0
"""Variance of a label's normal score, times the number of labels, because its rank is among so few."""
_WEIGHTS = {"nor_conv_1x1": 1, "nor_conv_3x3": 9, "conv1x1-bn-relu": 1, "conv3x3-bn-relu": 9}
"""Weights of an operation for each pair of channels; other operations have none."""


@lru_cache(maxsize=4)
def class_prior(space: CellSpace) -> np.ndarray:
    """(n_classes,) float64, read-only: normal scores, higher for classes expected to be more accurate.

    Zeros if no proxies of the space ship.

    >>> from nassurrogate.spaces import get_space
    >>> class_prior(get_space("nb201")).shape
    (5425,)
    """
    if has_probes(space):
        scores = log_rank_scores([*proxy_columns(space, PROXIES), _n_weights(space)])
    else:
        scores = np.zeros(space.n_classes)
    scores.flags.writeable = False
    return scores


def _n_weights(space: CellSpace) -> np.ndarray:
    """(n_classes,) weights of the convolutions of a canonical cell of one channel."""
    of_code = np.array([_WEIGHTS.get(op, 0) for op in op_vocabulary(space.computing_ops)])
    return np.asarray(of_code[space.class_graphs.ops].sum(axis=1))
