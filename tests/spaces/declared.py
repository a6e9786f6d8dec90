"""Spaces that tests declare; at module level, so that they go to other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nassurrogate import Architecture
from nassurrogate.spaces import CategoricalSpace, Slot
from nassurrogate.spaces.categorical.enumerable import EnumerableCategoricalSpace

if TYPE_CHECKING:
    import torch


def unordered(arch: Architecture) -> dict[str, Any]:
    """The first two layers of `ordered` may be swapped."""
    first, second = sorted((arch.choices["first"], arch.choices["second"]))
    return {**arch.choices, "first": first, "second": second}


def costs(arch: Architecture) -> dict[str, float]:
    """Of any space: its numbers added up."""
    return {"params_m": 0.5 + sum(v for v in arch.choices.values() if isinstance(v, int | float))}


def build(arch: Architecture) -> torch.nn.Module:
    """A convolution of the chosen width."""
    import torch

    return torch.nn.Conv2d(3, int(arch.choices["width"]), 1)


def build_untraced(arch: Architecture) -> torch.nn.Module:
    """A convolution of the chosen width whose output depends on the sign of a sum."""
    from tests.spaces.categorical.networks import DependsOnNumbers

    return DependsOnNumbers(int(arch.choices["width"]))


def build_narrow(arch: Architecture) -> torch.nn.Module:
    """Like `build`, but the widest network is a fault."""
    if arch.choices["width"] == 16:
        raise ValueError("too wide")
    return build(arch)


PLAIN = CategoricalSpace("plain", {"kernel": [3, 5], "width": [16, 32, 64], "op": ["conv", "pool"]})
HUGE = CategoricalSpace("huge", {f"slot{place}": [1, 2, 4, 8, 16] for place in range(30)}, costs=costs)
CONDITIONAL = CategoricalSpace(
    "conditional",
    {
        "depth": [1, 2, 3, 4],
        **{f"kernel{layer}": Slot([3, 5, 7], when={"depth": range(layer, 5)}) for layer in range(1, 5)},
        "head": ["linear", "mlp"],
        "hidden": Slot([32, 64], when={"head": "mlp"}),
        "dropout": Slot([0.0, 0.1, 0.5], when={"head": "mlp", "hidden": 64}),
    },
    costs=costs,
)
CANONICAL = CategoricalSpace("canonical", {"first": [1, 2, 3], "second": [1, 2, 3], "flag": [True, False]}, unordered)
BUILT = CategoricalSpace("built", {"width": [4, 8, 16]}, costs=costs, build=build, input_shape=(3, 8, 8))
LISTED_BUILT = EnumerableCategoricalSpace("listed and built", {"width": [4, 8, 16]}, build=build, input_shape=(3, 8, 8))
BUILT_WITHOUT_SHAPE = CategoricalSpace("built without a shape", {"width": [4, 8, 16]}, build=build)
UNTRACED = CategoricalSpace("untraced", {"width": [4, 8]}, build=build_untraced, input_shape=(3, 8, 8))
FAULTY = CategoricalSpace("faulty", {"width": [4, 8, 16]}, build=build_narrow, input_shape=(3, 8, 8))
SINGLE = CategoricalSpace("single", {"only": ["one"]})
MIXED = CategoricalSpace(
    "mixed", {"any": [None, True, 1, 0.5, "text", "a=b"], "order": Slot(["s", "m", "l"], ordered=True)}
)
LISTED = EnumerableCategoricalSpace(
    "listed", {"kernel": [3, 5, 7], "width": [16, 32], "bias": [True, False]}, costs=costs
)
LOCAL = CategoricalSpace("local", {"kernel": [3, 5, 7]}, costs=lambda arch: {"params_m": arch.choices["kernel"]})


def keys(archs: list[Architecture]) -> tuple[list[str], list[Architecture]]:
    """What another process says of architectures, and they themselves."""
    return [arch.key for arch in archs], archs
