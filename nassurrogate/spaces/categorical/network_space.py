"""Spaces that are declared by their choices, and whose networks the user's `build` makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nassurrogate.errors import InputError
from nassurrogate.spaces.categorical.declared_networks import DeclaredNetworks
from nassurrogate.spaces.categorical.enumerable import EnumerableCategoricalSpace
from nassurrogate.spaces.categorical.slots import text_of
from nassurrogate.spaces.categorical.space import NETWORK_CLASSES, CategoricalSpace
from nassurrogate.spaces.categorical.training_slots import training_slots
from nassurrogate.spaces.lazy_costs import LazyCosts
from nassurrogate.spaces.network_space import NetworkSpace

if TYPE_CHECKING:
    from nassurrogate.architecture import Architecture
    from nassurrogate.graphs.operator_graph import OperatorGraph


class CategoricalNetworkSpace(CategoricalSpace, NetworkSpace):
    """A `CategoricalSpace` that reads graphs, costs and equal networks from the modules that `build` makes.

    `CategoricalSpace(…, build=…, input_shape=…)` makes one; a class of your own with both has to inherit from this one.
    A module is read without computing anything. What was read is kept in memory, and never on disk, as the user's code
    may change.

    >>> from torch import nn
    >>> space = CategoricalSpace("mine", {"width": [4, 8]}, build=lambda arch: nn.Conv2d(3, arch.choices["width"], 1),
    ...     input_shape=(3, 8, 8))
    >>> arch = space.parse("width=4")
    >>> type(space).__name__, [operator.kind for operator in space.operator_graph(arch).operators]
    ('CategoricalNetworkSpace', ['Input', 'Conv'])
    >>> {metric: values.tolist() for metric, values in space.costs([arch]).items()}
    {'params_m': [1.6e-05], 'flops_m': [0.000768], 'activation_mb': [0.001792]}
    """

    _networks: DeclaredNetworks

    def _make_caches(self) -> None:
        super()._make_caches()
        if self._functions.build is None or self.input_shape is None:
            raise InputError(f"space {self.name!r} is a {type(self).__name__}, so it needs build and input_shape")
        self._networks = DeclaredNetworks(self._functions, self.input_shape)

    def __getstate__(self) -> dict[str, Any]:
        return {
            key: value for key, value in super().__getstate__().items() if key not in ("_networks", "training_slots")
        }

    def _declared_as(self) -> type[CategoricalSpace]:
        return CategoricalSpace if type(self) is CategoricalNetworkSpace else type(self)

    def operator_graph(self, arch: Architecture) -> OperatorGraph:
        """The network at inference, for one input of `input_shape`.

        Raises `InputError` for an architecture whose network cannot be built or read; the message says why.
        """
        return self._networks.graph(self.parse(arch))

    def costs(self, archs: Sequence[Architecture], dataset: str | None = None) -> Mapping[str, np.ndarray]:
        """Exact costs of a network; what the function `costs` returns takes precedence. Computed when they are read.

        - `params_m`: numbers in all parameters of the module, in millions, used or not. The network is built for it.
        - `flops_m`: multiply-accumulates of convolutions and matrix products for one input, in millions, as in other
          spaces; what the output does not depend on counts nothing. The network is built and read.
        - `activation_mb`: the most memory, in 10⁶ bytes, of 32-bit tensors that are alive at once for one input (see
          `OperatorGraph.activation_bytes`). The network is built and read.

        NaN where a network cannot be built or read; `why_untraced` says why, and so does one line in the log.
        """
        networks, owned = self._networks, [self._own(arch) for arch in archs]

        def column(value: Callable[[Architecture], float]) -> Callable[[], np.ndarray]:
            return lambda: np.array([value(arch) for arch in owned], dtype=np.float64)

        known = self.formula_costs(archs, dataset)
        later = {
            "params_m": column(lambda arch: networks.params(arch) / 1e6),
            "flops_m": column(lambda arch: networks.traced(arch).macs / 1e6),
            "activation_mb": column(lambda arch: networks.traced(arch).activation_bytes / 1e6),
        }
        return LazyCosts(known, {name: function for name, function in later.items() if name not in known})

    def formula_costs(self, archs: Sequence[Architecture], dataset: str | None = None) -> Mapping[str, np.ndarray]:
        """What the function `costs` returns."""
        return CategoricalSpace.costs(self, archs, dataset)

    def network_key(self, arch: Architecture) -> str | None:
        """Equal for architectures whose modules compute the same, at inference and in training, and learn the same way.

        See `torch_key` for what counts. A slot that never changes the network, such as a learning rate, is a setting of
        the training: architectures that differ in it are not the same (see `training_slots`). None where a module
        cannot be read in both ways.
        """
        key = self._networks.keyed(self._own(arch)).key
        if key is None or not self.training_slots:
            return key
        choices = self.choices_of(arch)
        settings = [f"{name}={text_of(choices[name])}" for name in self.training_slots if name in choices]
        return " ".join([key, *settings])

    @cached_property
    def training_slots(self) -> tuple[str, ...]:
        """Names of the slots that the network does not depend on."""
        return training_slots(self, lambda arch: self._networks.keyed(arch).key)

    def network_notes(self, rng: np.random.Generator) -> list[str]:
        notes = super().network_notes(rng)
        if self.training_slots:
            verb = "does" if len(self.training_slots) == 1 else "do"
            notes.append(
                f"{', '.join(self.training_slots)} {verb} not change the network, so architectures that differ there "
                "only are trained separately"
            )
        return notes

    def why_untraced(self, arch: Architecture) -> str | None:
        own = self._own(arch)
        return self._networks.traced(own).reason or self._networks.keyed(own).reason or None


class EnumerableCategoricalNetworkSpace(EnumerableCategoricalSpace, CategoricalNetworkSpace):
    """An `EnumerableCategoricalSpace` with `build` and `input_shape`."""

    def _declared_as(self) -> type[CategoricalSpace]:
        return EnumerableCategoricalSpace if type(self) is EnumerableCategoricalNetworkSpace else type(self)


NETWORK_CLASSES[CategoricalSpace] = CategoricalNetworkSpace
NETWORK_CLASSES[EnumerableCategoricalSpace] = EnumerableCategoricalNetworkSpace
