"""The NAS-Bench-Macro search space (Su et al., arXiv 2103.11922): 6,561 chains of 8 layers, 3,969 functions.

The network, from the authors' code: a 3x3 convolution to 32 channels, three stages of 2, 3 and 3 layers, a 1x1
convolution to 1,280 channels, global pooling, a linear classifier; batch norm and ReLU after convolutions. The first
layer of a stage halves the image and doubles the channels (64, 128, 256); there `identity` is a strided 1x1 convolution
with batch norm. In all other layers it is a true identity, so `identity, A` and `A, identity` are the same network.

The published table agrees: its parameters and FLOPs of all 6,561 networks equal `exact_costs` to the last digit, and
it has 3,969 different rows of accuracies, one per canonical key: equivalent networks were trained only once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Self, cast

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.cell_graph import INPUT, OUTPUT, CellGraph
from nassurrogate.spaces.base import ArchLike
from nassurrogate.spaces.categorical.enumerable import EnumerableCategoricalSpace
from nassurrogate.spaces.categorical.space import Slot
from nassurrogate.spaces.macro.costs import (
    CHOICES,
    FIXED_COSTS,
    IMAGE_SIDE,
    LAYER_COSTS,
    LAYERS,
    N_LABELS,
    STAGES,
    STEM_CHANNELS,
)
from nassurrogate.spaces.network_space import NetworkSpace

if TYPE_CHECKING:
    import torch

    from nassurrogate.graphs.operator_graph import OperatorGraph

DATASET: Final = "cifar10"
_DIGITS = re.compile(r"[012]{8}")


class Macro(EnumerableCategoricalSpace, NetworkSpace):
    """Eight layers of a MobileNet-like network with a choice of three blocks each.

    An architecture is named by eight digits, one per layer: 0 is the identity, 1 an inverted residual (MBConv) with
    kernel 3 and expansion 3, 2 one with kernel 5 and expansion 6. The digits are text, never an index.

    >>> space = Macro()
    >>> arch = space.parse("01201201")
    >>> arch.choices["layer3"], arch.key, space.costs([arch])["params_m"]
    ('k5_e6', '01210210', array([1.283434]))
    """

    _instance: ClassVar[Macro]

    def __new__(cls) -> Self:
        # A singleton like the other built-in spaces: unpickling gives the same object.
        if "_instance" not in vars(cls):
            cls._instance = super().__new__(cls)
        return cast("Self", vars(cls)["_instance"])

    def __init__(self) -> None:
        if "slots" not in vars(self):
            super().__init__(
                "macro",
                {f"layer{place}": Slot(CHOICES, ordered=True) for place in range(1, len(LAYERS) + 1)},
                input_shape=(3, IMAGE_SIDE, IMAGE_SIDE),
                description="NAS-Bench-Macro networks: 8 layers, each one of 3 blocks",
            )

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    # --- names ---------------------------------------------------------------------------------------------------

    def parse(self, arch: ArchLike) -> Architecture:
        if isinstance(arch, int | np.integer) and not isinstance(arch, bool):
            raise InputError(
                f"a macro architecture is named by eight digits as text, such as '01201201', never by a number; "
                f"got {arch}"
            )
        return super().parse(arch)

    def _print(self, codes: Sequence[int]) -> str:
        return "".join(map(str, codes))

    def _read(self, string: str) -> tuple[int, ...]:
        if "=" in string:
            return super()._read(string)
        if _DIGITS.fullmatch(string) is None:
            hint = "; were leading zeros lost?" if string.isdigit() and len(string) < len(LAYERS) else ""
            raise InputError(
                f"malformed macro architecture {brief(string)}; expected eight digits, each 0, 1 or 2, such as "
                f"'01201201'{hint}"
            )
        return tuple(map(int, string))

    # --- identity ------------------------------------------------------------------------------------------------

    def canonical_key(self, arch: Architecture) -> str:
        """The digits with every stage's identities moved to its end; its first layer stays."""
        digits = self.parse(arch).string
        key, start = "", 0
        for depth in STAGES:
            free = digits[start + 1 : start + depth]
            key += digits[start] + free.replace("0", "").ljust(depth - 1, "0")
            start += depth
        return key

    # --- structure -----------------------------------------------------------------------------------------------

    def graph(self, arch: Architecture, *, canonical: bool = True) -> CellGraph:
        """A chain of the layers, such as `layer3=k5_e6`; the canonical one, of the key's layers, omits identities."""
        digits = self.canonical_key(arch) if canonical else self.parse(arch).string
        names = [
            f"layer{place}={CHOICES[int(digit)]}"
            for place, (digit, layer) in enumerate(zip(digits, LAYERS, strict=True), start=1)
            if not (canonical and digit == "0" and layer.stride == 1)
        ]
        return CellGraph((INPUT, *names, OUTPUT), np.eye(len(names) + 2, k=1, dtype=np.uint8))

    def operator_graph(self, arch: Architecture) -> OperatorGraph:
        """The CIFAR-10 network (see `macro.expansion`)."""
        from nassurrogate.spaces.macro.expansion import macro_network

        digits = self.parse(arch).string
        return macro_network([CHOICES[int(digit)] for digit in digits], digits)

    def costs(self, archs: Sequence[Architecture], dataset: str | None = None) -> dict[str, np.ndarray]:
        """Exact parameters and multiply-accumulates of the CIFAR-10 network, in millions; none for other data sets."""
        if dataset not in (None, DATASET):
            return {}
        params, macs = self.exact_costs(archs).T
        return {"params_m": params / 1e6, "flops_m": macs / 1e6}

    def exact_costs(self, archs: Sequence[Architecture]) -> np.ndarray:
        """(n, 2) int64: parameters and multiply-accumulates; the published table calls them `params` and `flops`."""
        total: np.ndarray = FIXED_COSTS + LAYER_COSTS[np.arange(len(LAYERS)), self.gene_codes(archs)].sum(axis=1)
        return total

    def build(self, arch: Architecture, *, n_labels: int = N_LABELS, width: int = STEM_CHANNELS) -> torch.nn.Module:
        """The network as it was trained: (B, 3, 32, 32) images → (B, 10) logits.

        Args:
            arch: the architecture.
            n_labels: number of classes.
            width: channels of the stem; all others are in proportion.

        Raises `InputError` for sizes that are too small.
        """
        from nassurrogate.spaces.macro.network import MacroNetwork

        choices = [CHOICES[int(digit)] for digit in self.parse(arch).string]
        return MacroNetwork(choices, n_labels=n_labels, width=width)
