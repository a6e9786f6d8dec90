"""Zero-cost proxies of the networks that a space builds, kept in memory by canonical key."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief, one_line
from nassurrogate.proxies.names import NETWORK_PROXY_NAMES
from nassurrogate.runtime.generators import global_generators_kept
from nassurrogate.spaces.base import Space

_log = logging.getLogger(__name__)


class NetworkProxies:
    """Builds networks with random weights and keeps their zero-cost proxies; for hundreds, not thousands.

    Args:
        space: with `build`.
        input_shape: of one input.
        seed: of the weights, the noise and all else that is random. An architecture's proxies depend on nothing else.
        images: inputs of the batch of noise.

    Attributes:
        reasons: canonical key → why the network has no proxies.
    """

    def __init__(self, space: Space, input_shape: Sequence[int], *, seed: int = 0, images: int = 16) -> None:
        self._space, self._input_shape, self._seed, self._images = space, tuple(input_shape), seed, images
        self._known: dict[str, np.ndarray] = {}
        self.reasons: dict[str, str] = {}

    def rows(self, archs: Sequence[Architecture], progress: Callable[[int], object] | None = None) -> np.ndarray:
        """(n, P) proxies in the columns `NETWORK_PROXY_NAMES`; NaN for a network that does not run.

        Logs a warning for the first such network.

        Args:
            archs: n architectures.
            progress: called after every architecture with their number so far.
        """
        keys = self._space.canonical_keys(archs)
        for number, (arch, key) in enumerate(zip(archs, keys, strict=True), start=1):
            if key not in self._known:
                self._known[key] = self._measured(arch, key)
            if progress is not None:
                progress(number)
        return np.array([self._known[key] for key in keys]).reshape(len(archs), len(NETWORK_PROXY_NAMES))

    def _measured(self, arch: Architecture, key: str) -> np.ndarray:
        from nassurrogate.proxies.real_networks import module_proxies

        try:
            with global_generators_kept(self._seed):  # the user's code draws the first weights
                module = self._space.build(arch)
            found = module_proxies(module, self._input_shape, seed=self._seed, images=self._images)
        except Exception as error:  # the user's code may raise anything
            reason = str(error) if isinstance(error, InputError) else one_line(error)
            if not self.reasons:
                _log.warning(
                    "%s of space %r has no zero-cost proxies: %s", brief(arch.string), self._space.name, reason
                )
            self.reasons[key] = reason
            return np.full(len(NETWORK_PROXY_NAMES), np.nan)
        return np.array([found[name] for name in NETWORK_PROXY_NAMES])
