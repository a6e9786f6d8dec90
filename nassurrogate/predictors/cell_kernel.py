"""A fixed kernel of the paths and probes of two cells.

The kernel is Matérn 3/2 (Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, equation 4.17) in the
distance r with r² = Σ over blocks of features of (mean squared difference / length²). Its eight hyper-parameters were
chosen once on NAS-Bench-201's cifar10, inside `development_split`; with few labels that beats maximum likelihood.

Shapes: n labels, B cells, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nassurrogate.predictors.inputs.path_features import feature_names, path_names
from nassurrogate.spaces import CellSpace


@dataclass(frozen=True)
class Kernel:
    """The hyper-parameters of the kernel; `examples/choices/choose_probe_former.py` shows how other values do.

    Attributes:
        lengths_of_paths: length scales of the blocks of paths of 0, 1, 2, and 3 or more operations.
        length_of_counts: of the counts over the entire cell.
        length_of_probes: of the probes.
        variance: of the function, in normal scores.
        noise: variance of a label, in normal scores.
    """

    lengths_of_paths: tuple[float, ...] = (1.5, 1.8, 2.9, 2.2)
    length_of_counts: float = 1.9
    length_of_probes: float = 3.5
    variance: float = 1.5
    noise: float = 0.027

    def covariances(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(B, F), (n, F) rows of `kernel_inputs` → (B, n)."""
        squared = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1)
        squared -= 2.0 * (x @ y.T)
        distance = np.sqrt(3.0 * np.maximum(squared, 0.0))
        return np.asarray(self.variance * (1.0 + distance) * np.exp(-distance))


KERNEL = Kernel()


def kernel_inputs(
    space: CellSpace, path_features: np.ndarray, probes: np.ndarray | None, kernel: Kernel = KERNEL
) -> np.ndarray:
    """Features in units of their length scales, so that the squared distance of two rows is r².

    Args:
        space: defines the columns of the path features.
        path_features: (B, F), see `path_features`.
        probes: (B, P) normal scores, or None.
        kernel: the length scales.
    """
    counts = path_features.copy()
    counts[:, -1] += 1.0  # the longest path, −1 in a cell without a path
    np.log1p(counts, out=counts)
    counts /= _column_lengths(space, kernel)
    if probes is None:
        return counts
    return np.hstack([counts, probes / (kernel.length_of_probes * np.sqrt(probes.shape[1]))])


@lru_cache(maxsize=4)
def _column_lengths(space: CellSpace, kernel: Kernel) -> np.ndarray:
    """(F,) divisors of the path features: the length of the block times √(columns of the block)."""
    last = len(kernel.lengths_of_paths) - 1
    of_paths = np.array([min(len(path), last) for path in path_names(space)])
    block = np.concatenate([of_paths, np.full(len(feature_names(space)) - len(of_paths), last + 1)])
    lengths = np.array([*kernel.lengths_of_paths, kernel.length_of_counts])
    return np.asarray((lengths * np.sqrt(np.bincount(block)))[block])
