"""Features of the networks that a space builds, known for a sample and learned for all other architectures.

A search looks at thousands of architectures, too many to build. What networks look like, their zero-cost proxies
included, is a function of the choices without noise. It is learned from a sample by a Gaussian process with a
`SlotKernel`, and everything that is read here is its posterior mean.

Shapes: n sampled networks, m architectures, G slots, F features of all blocks together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from nassurrogate.errors import InputError
from nassurrogate.predictors.space_process.network_sample import NetworkSample
from nassurrogate.predictors.space_process.slot_kernel import SlotKernel
from nassurrogate.proxies.normal_scores import normal_scores
from nassurrogate.spaces.base import Gene

STRUCTURE, PATHS, PROXIES = "network structure", "network paths", "network proxies"
NETWORK_BLOCKS: Final = {
    STRUCTURE: "size, depth and paths of the networks",
    PATHS: "operators on the networks' paths",
    PROXIES: "zero-cost proxies of the networks",
}
"""Block → its description."""
FEWEST_KNOWN: Final = 16
"""Networks that must have been measured for a block."""
_TUNING: Final = 300
"""Networks to which the kernel is fitted."""
_MOST_PATHS: Final = 64
_CHUNK: Final = 256
"""Architectures per call of linear algebra, always the same number: rounding depends on it."""
_DIGITS: Final = 6
_CODES, _KERNEL, _CHOICES = "networks.codes", "networks.kernel", "networks.choices"
_MOST_NETWORKS, _MOST_WIDTH = 50_000, 1000


class NetworkFeatures:
    """Features of every architecture of a space. Immutable.

    Args:
        genes: the G slots of the space.
        codes: (n, G) of the sampled networks.
        blocks: name, a key of `NETWORK_BLOCKS` → (n, F_b) values, NaN in rows where they are not known.
        parameters: of the kernel.
        choices: factor on the space's own features beside these.

    Attributes:
        names: (B,) the blocks.
        widths: (B,) number of features of each.
    """

    def __init__(
        self,
        genes: Sequence[Gene],
        codes: np.ndarray,
        blocks: Mapping[str, np.ndarray],
        parameters: np.ndarray,
        choices: float,
    ) -> None:
        from scipy.linalg import cho_factor, cho_solve

        self._codes, self._blocks, self.choices = codes, dict(blocks), choices
        self.names = list(blocks)
        self.widths = [block.shape[1] for block in blocks.values()]
        self._kernel = SlotKernel(genes, parameters)
        covariance = self._kernel.covariances(codes, codes)
        covariance.flat[:: len(codes) + 1] += self._kernel.noise
        weights = []
        for block in blocks.values():
            known = np.isfinite(block).all(axis=1)
            of_block = np.zeros_like(block)
            of_block[known] = cho_solve(cho_factor(covariance[np.ix_(known, known)], lower=True), block[known])
            weights.append(of_block)
        self._weights = np.concatenate(weights, axis=1)
        ends = np.cumsum(self.widths)[:-1]
        learned = np.split(self._posterior(codes), ends, axis=1)
        self._centre = np.concatenate([block.mean(axis=0) for block in learned])
        # As in `SpaceFeatures`: an average architecture has distance 1 from the mean in every block.
        sizes = [np.square(block - block.mean(axis=0)).sum(axis=1).mean() for block in learned]
        self._factor = np.repeat([size**-0.5 if size > 1e-18 else 0.0 for size in sizes], self.widths)

    def __deepcopy__(self, memo: object) -> NetworkFeatures:
        return self

    @classmethod
    def of_sample(cls, genes: Sequence[Gene], sample: NetworkSample, choices: float) -> NetworkFeatures | None:
        """Learned from a sample; None if too few networks could be measured, or if all look the same."""
        counts = _scaled(_columns(sample.paths, most=_MOST_PATHS))
        found = {
            STRUCTURE: _ranked(_columns(sample.structure)),
            PATHS: _scaled(np.log1p(_columns(sample.paths, most=_MOST_PATHS))),
            PROXIES: _ranked(_columns(sample.proxies)),
        }
        blocks = {name: block for name, block in found.items() if block.shape[1]}
        tuned = [block for name, block in blocks.items() if name != PATHS]
        if not tuned:
            return None
        known = np.flatnonzero(np.isfinite(np.concatenate([*tuned, counts], axis=1)).all(axis=1))[:_TUNING]
        if len(known) < FEWEST_KNOWN:
            return None
        kernel = SlotKernel(genes).fit(sample.codes[known], counts[known], np.concatenate(tuned, axis=1)[known])
        return cls(genes, sample.codes, blocks, kernel.parameters, choices)

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """(m, G) codes → (m, F) scaled features, block after block."""
        rows = np.empty((len(codes), sum(self.widths)))
        for start in range(0, len(codes), _CHUNK):
            chunk = codes[start : start + _CHUNK]
            rows[start : start + len(chunk)] = self._posterior(chunk[np.arange(_CHUNK) % len(chunk)])[: len(chunk)]
        # Rounded, as in some linear-algebra libraries the last digits of a row depend on its position.
        return np.asarray(np.round((rows - self._centre) * self._factor, _DIGITS))

    def _posterior(self, codes: np.ndarray) -> np.ndarray:
        return np.asarray(self._kernel.covariances(codes, self._codes) @ self._weights)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays, for a file."""
        blocks = {f"networks.{name}": block for name, block in self._blocks.items()}
        return {_CODES: self._codes, _KERNEL: self._kernel.parameters, _CHOICES: np.array([self.choices]), **blocks}

    @classmethod
    def from_arrays(cls, genes: Sequence[Gene], names: Any, tensors: Mapping[str, np.ndarray]) -> NetworkFeatures:
        """The inverse of `arrays`, given the names of the blocks.

        Raises `InputError` or `KeyError` for arrays, perhaps of a hostile file, that it cannot have returned.
        """
        if not isinstance(names, list) or not names or not set(map(str, names)) <= NETWORK_BLOCKS.keys():
            raise InputError(f"blocks of network features are some of {', '.join(NETWORK_BLOCKS)}")
        codes, parameters, choices = tensors[_CODES], tensors[_KERNEL], tensors[_CHOICES]
        n_choices = np.array([len(gene.choices) for gene in genes])
        if codes.dtype != np.int64 or codes.ndim != 2 or codes.shape[1] != len(genes) or len(codes) > _MOST_NETWORKS:
            raise InputError(f"codes of networks are {codes.dtype}{codes.shape}, expected int64(n, {len(genes)})")
        if not ((codes >= -1) & (codes < n_choices)).all():
            raise InputError("a network's code names a choice that its slot does not have")
        expected = SlotKernel(genes).parameters.shape
        if parameters.dtype != np.float64 or parameters.shape != expected or not (np.abs(parameters) < 1e3).all():
            raise InputError(f"the kernel of network features has {expected[0]} finite parameters")
        if choices.dtype != np.float64 or choices.shape != (1,) or not 0.0 <= choices[0] <= 1.0:
            raise InputError("the factor of choices beside networks is one number from 0 to 1")
        blocks = {name: tensors[f"networks.{name}"] for name in names}
        for name, block in blocks.items():
            if block.dtype != np.float64 or block.ndim != 2 or len(block) != len(codes):
                raise InputError(f"{name} is {block.dtype}{block.shape}, expected float64({len(codes)}, F)")
            known = np.isfinite(block).all(axis=1)
            if (
                not 0 < block.shape[1] <= _MOST_WIDTH
                or known.sum() < FEWEST_KNOWN
                or (np.abs(block[known]) > 1e6).any()
            ):
                raise InputError(f"{name} of the networks is out of range")
        return cls(genes, codes, blocks, parameters, float(choices[0]))


def _columns(values: np.ndarray, most: int | None = None) -> np.ndarray:
    """The columns that vary among the known rows, in at least three of them; at most the `most` most varied ones."""
    known = values[np.isfinite(values).all(axis=1)]
    if len(known) < FEWEST_KNOWN:
        return np.empty((len(values), 0))
    usual = np.median(known, axis=0)
    kept = np.flatnonzero(((known != usual).sum(axis=0) >= 3) & (known.std(axis=0) > 1e-9))
    if most is not None and len(kept) > most:
        varied = np.argsort(-np.log1p(known[:, kept]).std(axis=0), kind="stable")[:most]
        kept = kept[np.sort(varied)]
    return np.asarray(values[:, kept])


def _ranked(values: np.ndarray) -> np.ndarray:
    """Normal scores of the known rows of each column."""
    known = np.isfinite(values).all(axis=1)
    scores = np.full_like(values, np.nan)
    scores[known] = normal_scores([values[known]])
    return scores


def _scaled(values: np.ndarray) -> np.ndarray:
    """Centred columns with standard deviations up to 1, the square root of their share of the largest."""
    if not values.shape[1]:
        return values
    known = values[np.isfinite(values).all(axis=1)]
    deviation = known.std(axis=0)
    return np.asarray((values - known.mean(axis=0)) / np.sqrt(deviation * deviation.max()))
