"""The prior score of an architecture before any training: a sum of zero-cost proxies.

The proxies are columns of the table that ships with a space (see `proxies.names`): statistics of networks with random
weights. The five were chosen with the labels of cifar10 inside `development_split`: of the 2,431 sums of three to six
columns that rise with accuracy there, this one has the fourth highest Kendall's τ (0.707; the highest, 0.715, is the
same without the first stage, and treating all stages alike seemed sounder). Using it takes no label.

Logarithms of ranks are summed, as in AZ-NAS (Lee & Ham, CVPR 2024, arXiv 2403.19232): the other
proxies cannot make up for one that is among the worst.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.metric import Metric
from nassurrogate.predictors.inputs.path_features import class_numbers
from nassurrogate.proxies.names import PROBE_NAMES
from nassurrogate.proxies.normal_scores import mean_ranks
from nassurrogate.proxies.table import has_probes, probe_features
from nassurrogate.spaces import CellSpace

PROXIES = (
    "stage 1 cosine between images",
    "stage 2 cosine between images",
    "stage 3 cosine between images",
    "log-determinant of the activation patterns",
    "jacobian covariance",
)
"""Columns to sum; higher is better in all of them."""


@lru_cache(maxsize=4)
def proxy_scores(space: CellSpace) -> np.ndarray:
    """(n_classes,) float64, read-only: normal scores of the sum of log-ranks; zeros if no table ships.

    >>> from nassurrogate.spaces import get_space
    >>> proxy_scores(get_space("nb201")).shape
    (5425,)
    """
    from scipy.special import ndtri

    if has_probes(space):
        total = log_rank_sum(proxy_columns(space, PROXIES))
        scores = np.asarray(ndtri((mean_ranks(total) - 0.5) / space.n_classes))
    else:
        scores = np.zeros(space.n_classes)
    scores.flags.writeable = False
    return scores


def proxy_columns(space: CellSpace, names: Sequence[str]) -> list[np.ndarray]:
    """(n_classes,) each: the shipped proxies of these names."""
    proxies = probe_features(space)
    return [proxies[:, PROBE_NAMES.index(name)] for name in names]


def log_rank_sum(columns: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) sum of the logarithms of the ranks, as shares of n, in some columns of n rows.

    >>> log_rank_sum([np.array([1.0, 5.0]), np.array([30.0, 10.0])]).round(2).tolist()
    [-0.69, -0.69]
    """
    return np.asarray(sum(np.log(mean_ranks(column) / len(column)) for column in columns))


def prior_sign(metric: Metric) -> int:
    """+1 if architectures with a higher `proxy_scores` are expected to be better, −1 if worse, 0 if nobody knows.

    They are more accurate, have a lower loss and cost more.

    >>> from nassurrogate.metric import known_metric
    >>> [prior_sign(known_metric(name)) for name in ("val_accuracy_pct", "val_loss", "latency_ms")]
    [1, 1, -1]
    """
    if metric.direction is None:
        return 0
    return 1 if metric.belongs_to == "function" else -1


def prior_slope(metric: Metric, size: float) -> float:
    """The slope of a metric's values in `proxy_scores`: negative for a loss and a throughput, 0 if nobody knows.

    Args:
        metric: of the values.
        size: of the slope.
    """
    return size * prior_sign(metric) * metric.sign if prior_sign(metric) else 0.0


def prior_scores(
    space: CellSpace,
    metric: Metric,
    archs: Sequence[Architecture],
    scores: Callable[[CellSpace], np.ndarray] = proxy_scores,
) -> np.ndarray | None:
    """(B,) scores of B architectures, higher if better; None if no table ships or the direction is unknown.

    Args:
        space: of the architectures.
        metric: that they are good or bad at.
        archs: the architectures.
        scores: gives the (n_classes,) scores of a space, higher for more accurate classes.
    """
    sign = prior_sign(metric)
    return sign * scores(space)[class_numbers(space, archs)] if sign and has_probes(space) else None
