"""The source of a module: recorded for several shapes in both modes, then written class by class."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from nassurrogate.export.source.errors import NoSourceError
from nassurrogate.export.source.forwards import write_forwards
from nassurrogate.export.source.layers import is_layer
from nassurrogate.export.source.parts import Parts
from nassurrogate.export.source.recording.calls import Recording, Stored, leaves
from nassurrogate.export.source.recording.merging import DifferentError, merge_shapes
from nassurrogate.export.source.recording.recorder import record

logger = logging.getLogger(__name__)

_BATCHES = (3, 5)
"""Sizes of the batch that are compared: whatever differs depends on it."""
_FACTORS = (2, 3)
"""Of two sides of the input, for the runs that tell what depends on them."""


class FreeAxes(NamedTuple):
    """Axes of the input that may have other sizes.

    Attributes:
        axes: of one example, without the batch.
        multiples: whether only multiples of their sizes were tried, as others failed.
        shapes: of one example: those that were tried.
    """

    axes: tuple[int, ...]
    multiples: bool
    shapes: tuple[tuple[int, ...], ...]


class Source(NamedTuple):
    """Classes as text, the last of them `Network`.

    Attributes:
        classes: in an order in which they can be defined.
        not_written: names of tensors in the state dict whose numbers the source does not have, although they are not
            trained.
        free: the axes of the input, besides the batch, that may have other sizes.
    """

    classes: tuple[str, ...]
    not_written: tuple[str, ...]
    free: tuple[FreeAxes, ...]


def write_source(module: nn.Module, input_shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Source:
    """The source of a module, for any batch and, where the module allows, for inputs of other sizes.

    Args:
        module: in any mode; it stays as it is.
        input_shape: of one example, without the batch.
        dtype: of the input.

    Raises `NoSourceError` if it has none.
    """
    _check(module)
    runs = _Runs(module, dtype)
    given = [(batch, *input_shape) for batch in _BATCHES]
    both = [runs.merged(given, training) for training in (False, True)]
    forwards = write_forwards(module, *both, inline_for_sizes=True)
    free: list[FreeAxes] = []
    for axes in _axes_to_try(len(input_shape)):
        if free and len(axes) < len(free[0].axes):
            break  # all axes at once are fine
        for attempt in _attempts(tuple(input_shape), axes):
            shapes = [*given, *((_BATCHES[0], *other) for each in [*free, attempt] for other in each.shapes)]
            try:
                wider = [runs.merged(shapes, training) for training in (False, True)]
                forwards, both = write_forwards(module, *wider, inline_for_sizes=False), wider
            except NoSourceError as error:
                logger.debug("sizes of %s are written as numbers: %s", attempt.shapes, error)
                continue
            free.append(attempt)
            break
    parts = Parts(module, forwards, _read_tensors(both))
    return Source(tuple(parts.classes.texts), tuple(parts.not_written), tuple(free))


def _axes_to_try(rank: int) -> list[tuple[int, ...]]:
    """All axes but the first, which are those of an image, at once; then each one."""
    if rank < 2:
        return []
    single = [(axis,) for axis in range(1 if rank > 2 else 0, rank)]
    return [*([tuple(range(1, rank))] if rank > 2 else []), *single]


def _attempts(shape: tuple[int, ...], axes: tuple[int, ...]) -> list[FreeAxes]:
    """Longer axes: first of odd sizes, so that nothing is equal by chance; then of multiples."""
    found = []
    for multiples in (False, True):
        shapes = []
        for factors in (_FACTORS, _FACTORS[::-1]):
            longer = list(shape)
            for place, axis in enumerate(axes):
                size = factors[place % 2] * shape[axis]
                longer[axis] = size if multiples else size + 1 + size % 2
            shapes.append(tuple(longer))
        found.append(FreeAxes(axes, multiples, tuple(shapes)))
    return found


class _Runs:
    """Runs of a module, each made once."""

    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        self._module, self._dtype = module, dtype
        self._done: dict[tuple[tuple[int, ...], bool], Recording] = {}

    def merged(self, shapes: Sequence[tuple[int, ...]], training: bool) -> Recording:
        """The runs on inputs of these shapes as one. Raises `NoSourceError` if they do different things."""
        for shape in shapes:
            if (shape, training) not in self._done:
                self._done[shape, training] = record(self._module, shape, self._dtype, training=training)
        try:
            return merge_shapes([self._done[shape, training] for shape in shapes])
        except DifferentError as error:
            raise NoSourceError("what it does depends on the size of the batch, or on chance") from error


def _read_tensors(runs: Sequence[Recording]) -> set[str]:
    """Names of all parameters, buffers and other tensors of the module that some run reads."""
    trees = [
        (step.args, step.kwargs, frame.output) for run in runs for frame in run.frame.calls() for step in frame.steps
    ]
    return {path for leaf in leaves(trees) if isinstance(leaf, Stored) for path in leaf.paths}


def _check(module: nn.Module) -> None:
    """Raise `NoSourceError` for what changes what a module does from outside its forward."""
    if is_layer(module):
        raise NoSourceError("it is a single layer of torch.nn")
    if isinstance(module, torch.jit.ScriptModule):
        raise NoSourceError("it is a TorchScript module")
    for name, part in module.named_modules():
        where = f"its part {name}" if name else "it"
        if part._forward_hooks or part._forward_pre_hooks:
            raise NoSourceError(f"{where} has hooks")
        if hasattr(part, "parametrizations"):
            raise NoSourceError(f"{where} has parametrizations; remove them first")
        tensors = (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False))
        lazy = [tensor for tensor, value in tensors if is_lazy(value)]
        if lazy:
            raise NoSourceError(f"{where} has no shapes yet, as {lazy[0]} is lazy; call the module once")
