"""What Probe-Former expects of a class before any label.

The score is the sum of the log-ranks of four zero-cost proxies and of the number of weights, as in AZ-NAS (Lee & Ham,
CVPR 2024, arXiv 2403.19232). The proxies were chosen on cifar10 inside `development_split`: of the sums of one to six
columns that rise with accuracy there, this one has the highest Kendall's τ, 0.736; with the number of weights 0.773.

A label is then modelled as

    s = z · w + f + noise,   w ~ N(slope, slope_std²),   f ~ the process of `cell_kernel`,

where s is the normal score of its rank among the n labels, and z the score here, relative to the whole space. Few ranks
say little: the variance of the noise has the additional part rank_noise / n.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nassurrogate.graphs.codes import op_vocabulary
from nassurrogate.predictors.proxy_process.prior import log_rank_sum, proxy_columns
from nassurrogate.proxies.normal_scores import normal_scores
from nassurrogate.proxies.table import has_probes
from nassurrogate.spaces import CellSpace

PROXIES = (
    "stage 1 cosine between images",
    "stage 2 cosine between images",
    "log-determinant of the activation patterns",
    "jacobian covariance",
)
_WEIGHTS = {"nor_conv_1x1": 1, "nor_conv_3x3": 9, "conv1x1-bn-relu": 1, "conv3x3-bn-relu": 9}
"""Weights of an operation for each pair of channels; other operations have none."""


@dataclass(frozen=True)
class Prior:
    """How labels are expected to follow the prior score; `examples/choices/choose_probe_former.py` shows other values.

    Attributes:
        slope: expected normal score of a label per unit of the prior score, of a metric that is better when larger.
        slope_std: standard deviation of the slope.
        rank_noise: variance of a label's normal score, times the number of labels, because its rank is among so few.
    """

    slope: float = 0.8
    slope_std: float = 0.5
    rank_noise: float = 4.0


PRIOR = Prior()


@lru_cache(maxsize=4)
def class_prior(space: CellSpace) -> np.ndarray:
    """(n_classes,) float64, read-only: normal scores, higher for classes expected to be more accurate.

    Zeros if no proxies of the space ship.

    >>> from nassurrogate.spaces import get_space
    >>> class_prior(get_space("nb201")).shape
    (5425,)
    """
    if has_probes(space):
        total = log_rank_sum([*proxy_columns(space, PROXIES), n_weights(space)])
        scores = normal_scores([total[:, None]]).ravel()  # not by SciPy, whose import takes longer than a score
    else:
        scores = np.zeros(space.n_classes)
    scores.flags.writeable = False
    return scores


def n_weights(space: CellSpace) -> np.ndarray:
    """(n_classes,) weights of the convolutions of a canonical cell of one channel."""
    of_code = np.array([_WEIGHTS.get(op, 0) for op in op_vocabulary(space.computing_ops)])
    return np.asarray(of_code[space.class_graphs.ops].sum(axis=1))
