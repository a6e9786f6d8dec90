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


class Source(NamedTuple):
    """Classes as text, the last of them `Network`.

    Attributes:
        classes: in an order in which they can be defined.
        not_written: names of tensors in the state dict whose numbers the source does not have, although they are not
            trained.
        other_shapes: of one example, without the batch: shapes that it was written for besides the given one.
    """

    classes: tuple[str, ...]
    not_written: tuple[str, ...]
    other_shapes: tuple[tuple[int, ...], ...]


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
    forwards, other_shapes = write_forwards(module, *both, inline_for_sizes=True), list[tuple[int, ...]]()
    for axes in _axes_to_try(len(input_shape)):
        if other_shapes and len(axes) < _axes_changed(other_shapes, input_shape):
            break  # all axes at once are fine
        for shape in _other_shapes(tuple(input_shape), axes):
            shapes = [*given, *((_BATCHES[0], *other) for other in [*other_shapes, shape])]
            try:
                wider = [runs.merged(shapes, training) for training in (False, True)]
                forwards, both = write_forwards(module, *wider, inline_for_sizes=False), wider
            except NoSourceError as error:
                logger.debug("sizes of %s are written as numbers: %s", shape, error)
                continue
            other_shapes.append(shape)
            break
    parts = Parts(module, forwards, _read_tensors(both))
    return Source(tuple(parts.classes.texts), tuple(parts.not_written), tuple(other_shapes))


def _axes_to_try(rank: int) -> list[tuple[int, ...]]:
    """All axes but the first, which are those of an image, at once; then each one."""
    if rank < 2:
        return []
    single = [(axis,) for axis in range(1 if rank > 2 else 0, rank)]
    return [*([tuple(range(1, rank))] if rank > 2 else []), *single]


def _axes_changed(shapes: Sequence[Sequence[int]], given: Sequence[int]) -> int:
    return max(sum(a != b for a, b in zip(shape, given, strict=True)) for shape in shapes)


def _other_shapes(shape: tuple[int, ...], axes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Shapes in which some axes are longer: first odd, so that nothing is equal by chance; then as multiples."""
    found = []
    for is_odd in (True, False):
        longer = list(shape)
        for place, axis in enumerate(axes):
            size = _FACTORS[place % 2] * shape[axis]
            longer[axis] = size + 1 + size % 2 if is_odd else size
        found.append(tuple(longer))
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
