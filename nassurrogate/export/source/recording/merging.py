"""Several runs of a module as one: for several shapes of the input, and for training and inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from nassurrogate.export.source.recording.calls import (
    Constant,
    Frame,
    Recording,
    Step,
    Stored,
    Training,
    Value,
    Varied,
)


class DifferentError(Exception):
    """Two runs that did not take the same steps."""


def merge_shapes(recordings: Sequence[Recording]) -> Recording:
    """Runs on inputs of several shapes as one, with `Varied` for the numbers that differ.

    Raises `DifferentError` if they took different steps.
    """
    first, *others = recordings
    frame = first.frame
    for place, other in enumerate(others, start=1):
        frame = _merged_frame(frame, other.frame, partial(_varied, place))
    return Recording(frame, tuple(shapes for recording in recordings for shapes in recording.shapes))


def _varied(place: int, first: Any, second: Any) -> Any:
    """One leaf of two runs, the first of which stands for `place` runs."""
    if isinstance(first, Varied):
        return Varied((*first.values, second))
    if _same(first, second):
        return first
    if type(first) in (int, float) and type(second) is type(first):
        return Varied((first,) * place + (second,))
    raise DifferentError


def _merged_frame(first: Frame, second: Frame, leaf: Callable[[Any, Any], Any]) -> Frame:
    if first.paths != second.paths or len(first.steps) != len(second.steps):
        raise DifferentError
    merged = replace(
        first,
        inputs=merge_trees(leaf, first.inputs, second.inputs),
        output=merge_trees(leaf, first.output, second.output),
        inlined=first.inlined or second.inlined,
    )
    merged.steps = [_merged_step(a, b, leaf, merged) for a, b in zip(first.steps, second.steps, strict=True)]
    return merged


def _merged_step(first: Step, second: Step, leaf: Callable[[Any, Any], Any], parent: Frame) -> Step:
    frame = None
    if first.frame is not None and second.frame is not None:
        frame = replace(_merged_frame(first.frame, second.frame, leaf), parent=parent)
    return replace(merge_steps(first, second, leaf), frame=frame)


def merge_steps(first: Step, second: Step, leaf: Callable[[Any, Any], Any]) -> Step:
    """Two steps as one, apart from their frames. Raises `DifferentError` if they are not the same call."""
    same = (first.function, first.paths, first.frame is None) == (second.function, second.paths, second.frame is None)
    if not same:
        raise DifferentError
    args, kwargs, result = merge_trees(
        leaf, (first.args, first.kwargs, first.result), (second.args, second.kwargs, second.result)
    )
    return replace(first, args=args, kwargs=kwargs, result=result)


def merge_trees(leaf: Callable[[Any, Any], Any], first: Any, second: Any) -> Any:
    """Two trees as one, their leaves merged by `leaf`. Raises `DifferentError` for trees of different structure."""
    special = (Value, Stored, Varied, Training)
    if isinstance(first, special) or isinstance(second, special):
        return leaf(first, second)
    if type(first) is not type(second):
        return leaf(first, second)
    if isinstance(first, list | tuple):
        if len(first) != len(second):
            raise DifferentError
        parts = [merge_trees(leaf, a, b) for a, b in zip(first, second, strict=True)]
        return parts if isinstance(first, list) else tuple(parts)
    if isinstance(first, dict):
        if list(first) != list(second):
            raise DifferentError
        return {key: merge_trees(leaf, value, second[key]) for key, value in first.items()}
    if isinstance(first, slice):
        ends = merge_trees(leaf, (first.start, first.stop, first.step), (second.start, second.stop, second.step))
        return slice(*ends)
    return leaf(first, second)


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, Constant) and isinstance(second, Constant):
        return first.tensor is second.tensor or torch.equal(first.tensor, second.tensor)
    if isinstance(first, Constant) or isinstance(second, Constant):
        return False
    try:
        return type(first) is type(second) and bool(first == second or (first != first and second != second))
    except Exception:  # values of any type may be compared in any way
        return first is second


def merge_modes(inference: Any, training: Any, renamed: dict[Value, Value]) -> Any:
    """One leaf of a run at inference and one in training, with `Training` for a flag that says which it is.

    Args:
        inference, training: the leaves.
        renamed: the value at inference of every value in training so far; new ones are added.

    Raises `DifferentError` if the leaves differ otherwise.
    """
    if isinstance(inference, Value) and isinstance(training, Value):
        if renamed.setdefault(training, inference) != inference:
            raise DifferentError
        return inference
    if type(inference) is bool and type(training) is bool and inference != training:
        return Training(negated=inference)
    if _same(inference, training):
        return inference
    raise DifferentError
