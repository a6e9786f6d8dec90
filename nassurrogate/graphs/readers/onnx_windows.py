"""Sliding windows of ONNX convolutions and pools: kernel, stride, padding and dilation per axis, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nassurrogate.graphs.operator_graph import Shape


class Window(NamedTuple):
    """Sizes per spatial axis; the padding holds all beginnings, then all ends. Named as the fields of `Operator`."""

    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape


def sliding_window(attributes: Mapping[str, Any], sizes: Shape, kernel: Shape) -> Window:
    """The window of a convolution or a pool, with automatic padding resolved.

    Args:
        attributes: of the operator.
        sizes: the spatial sizes of its input.
        kernel: sizes of the kernel if the attributes do not have them.

    >>> sliding_window({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (8, 7), (3, 3)).padding
    (0, 1, 1, 1)
    """
    kernel, stride, dilation = _per_axis(attributes, kernel)
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    totals = [
        max(0, (-(-size // s) - 1) * s + extent - size) for size, s, extent in zip(sizes, stride, extents, strict=True)
    ]
    return Window(kernel, stride, _padding(attributes, totals), dilation)


def transposed_window(attributes: Mapping[str, Any], sizes: Shape, kernel: Shape) -> Window:
    """The window of a transposed convolution, with automatic padding and a given output shape resolved."""
    kernel, stride, dilation = _per_axis(attributes, kernel)
    extra = attributes.get("output_padding") or (0,) * len(kernel)
    wanted = attributes.get("output_shape")
    if wanted is None:
        wanted = [size * s for size, s in zip(sizes, stride, strict=True)]
    totals = [
        max(0, s * (size - 1) + more + (k - 1) * d + 1 - length)
        for size, s, more, k, d, length in zip(sizes, stride, extra, kernel, dilation, wanted, strict=True)
    ]
    if attributes.get("output_shape") is None:
        return Window(kernel, stride, _padding(attributes, totals), dilation)
    upper = attributes.get("auto_pad") == "SAME_UPPER"
    return Window(kernel, stride, _halved(totals, more_at_end=upper), dilation)


def _per_axis(attributes: Mapping[str, Any], kernel: Shape) -> tuple[Shape, Shape, Shape]:
    sizes = tuple(attributes.get("kernel_shape") or kernel)
    ones = (1,) * len(sizes)
    return sizes, tuple(attributes.get("strides") or ones), tuple(attributes.get("dilations") or ones)


def _padding(attributes: Mapping[str, Any], totals: Sequence[int]) -> Shape:
    """The padding as given, or so that it adds up to `totals` if it is automatic."""
    mode = attributes.get("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        return _halved(totals, more_at_end=mode == "SAME_UPPER")
    none = (0,) * (2 * len(totals))
    return none if mode == "VALID" else tuple(attributes.get("pads") or none)


def _halved(totals: Sequence[int], *, more_at_end: bool) -> Shape:
    smaller = [total // 2 for total in totals]
    larger = [total - half for total, half in zip(totals, smaller, strict=True)]
    return (*smaller, *larger) if more_at_end else (*larger, *smaller)
