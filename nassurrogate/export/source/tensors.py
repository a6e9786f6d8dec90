"""The numbers of tensors as Python: what a parameter starts from, and what a buffer holds."""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

from nassurrogate.export.source.expressions import Call, Expression, Literal, Raw, text

_MOST_LISTED: Final = 1024
"""Numbers that are written one by one."""


def parameter_expression(parameter: nn.Parameter) -> tuple[Expression, bool]:
    """What makes a parameter, and whether it has the same numbers.

    One that is trained starts from its constant, or from a normal distribution of its spread; one that is not has its
    numbers.
    """
    tensor = parameter.detach()
    exact = tensor_expression(tensor)
    flags = {} if parameter.requires_grad else {"requires_grad": Raw("False")}
    if exact is None or (parameter.requires_grad and not _is_constant(tensor)):
        spread = (
            float(f"{tensor.float().std().item():.1g}") if tensor.is_floating_point() and tensor.numel() > 1 else 1.0
        )
        drawn: Expression = Call("torch.randn", [Literal(size, "size") for size in tensor.shape])
        made = drawn if spread in (0.0, 1.0) else Call("torch.mul", [drawn, Literal(spread, "std")])
        return Call("nn.Parameter", [made], flags), parameter.requires_grad
    return Call("nn.Parameter", [exact], flags), True


def tensor_expression(tensor: torch.Tensor) -> Expression | None:
    """What makes a tensor with these numbers; None for many numbers without a pattern."""
    tensor = tensor.detach().cpu()
    sizes: list[Expression] = [Literal(size, "size") for size in tensor.shape]
    shape = Literal(tuple(tensor.shape), "shape")
    if _is_constant(tensor):
        value = tensor.flatten()[0].item() if tensor.numel() else 0
        filled = "torch.zeros" if value == 0 else "torch.ones" if value == 1 else None
        if filled is not None:
            return Call(filled, sizes or [Raw("()")], _dtype(tensor, torch.float32))
        return Call("torch.full", [shape, Literal(value, "value")], _dtype(tensor, _natural(value)))
    if tensor.dim() == 1 and torch.equal(tensor, torch.arange(len(tensor)).to(tensor.dtype)):
        return Call("torch.arange", [Literal(len(tensor), "size")], _dtype(tensor, torch.int64))
    triangle = _triangle(tensor)
    if triangle is not None:
        return triangle
    if tensor.numel() > _MOST_LISTED:
        return None
    return Call("torch.tensor", [Raw(_listed(tensor))], {"dtype": Raw(str(tensor.dtype))})


def _is_constant(tensor: torch.Tensor) -> bool:
    return tensor.numel() == 0 or bool((tensor == tensor.flatten()[0]).all())


def _natural(value: float | int | bool) -> torch.dtype:
    """The type of what `torch.full` makes of a value."""
    if isinstance(value, bool):
        return torch.bool
    return torch.int64 if isinstance(value, int) else torch.float32


def _dtype(tensor: torch.Tensor, natural: torch.dtype) -> dict[str, Expression]:
    return {} if tensor.dtype == natural else {"dtype": Raw(str(tensor.dtype))}


def _triangle(tensor: torch.Tensor) -> Expression | None:
    """A square mask, such as one that hides what comes later."""
    if tensor.dim() != 2 or tensor.shape[0] != tensor.shape[1] or tensor.is_complex():
        return None
    for name, corner, diagonal in (("triu", (0, -1), 1), ("tril", (-1, 0), 0)):
        value = tensor[corner].item()
        full = torch.full(tuple(tensor.shape), value, dtype=tensor.dtype)
        if torch.equal(getattr(full, name)(diagonal), tensor):
            size = Literal(tensor.shape[0], "size")
            sizes = Literal(tuple(tensor.shape), "shape")
            filled = Call("torch.full", [sizes, Literal(value, "value")], _dtype(tensor, _natural(value)))
            ones = Call("torch.ones", [size, size], _dtype(tensor, torch.float32))
            return Call(f"torch.{name}", [ones if value == 1 else filled, *([Literal(diagonal)] if diagonal else [])])
    return None


def _listed(tensor: torch.Tensor) -> str:
    if tensor.dim() == 0:
        return text(tensor.numpy()[()]) if tensor.dtype != torch.bfloat16 else text(tensor.item())
    return f"[{', '.join(map(_listed, tensor))}]"
