"""A space: ten layers of a kernel, a width and an expansion each, 5³⁰ networks."""

from __future__ import annotations

from nassurrogate import Architecture
from nassurrogate.spaces import CategoricalSpace

LAYERS = range(10)


def costs(arch: Architecture) -> dict[str, float]:
    """Millions of parameters of inverted residuals, one after the other."""
    choices, params, previous = arch.choices, 0, 16
    for layer in LAYERS:
        kernel, width, expansion = (choices[f"{slot}{layer}"] for slot in ("kernel", "width", "expansion"))
        hidden = previous * expansion
        params += previous * hidden + kernel * kernel * hidden + hidden * width
        previous = width
    return {"params_m": params / 1e6}


SPACE = CategoricalSpace(
    "my-space",
    {
        f"{slot}{layer}": choices
        for layer in LAYERS
        for slot, choices in (
            ("kernel", [1, 3, 5, 7, 9]),
            ("width", [16, 24, 40, 64, 96]),
            ("expansion", [1, 2, 3, 4, 6]),
        )
    },
    costs=costs,
    description="ten inverted residuals",
)
