"""The forward of a part: its own steps and those of the frames that are inlined in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nassurrogate.export.source.recording.calls import (
    Constant,
    Frame,
    Recording,
    Shapes,
    Step,
    Stored,
    Value,
    leaves,
    map_tree,
    values_in,
)
from nassurrogate.export.source.recording.merging import DifferentError, merge_modes, merge_steps, merge_trees


@dataclass(frozen=True)
class Body:
    """What a part does in one call.

    Attributes:
        inputs: name, and value with a `Value` for every tensor.
        steps: in order; those that call a part with a forward of its own have `args` in the order of its inputs.
        output: what is returned.
        shapes: of all values in every run.
    """

    inputs: list[tuple[str, Any]]
    steps: list[Step]
    output: Any
    shapes: tuple[Shapes, ...]


def body_of(recording: Recording, frame: Frame) -> Body:
    """The body of a frame, without steps that nothing needs."""
    meant: dict[Value, Any] = {}
    steps: list[Step] = []

    resolved = partial(_looked_up, meant)

    def add(inner: Frame) -> None:
        for step in inner.steps:
            args, kwargs = map_tree(resolved, (step.args, step.kwargs))
            if step.frame is None:
                steps.append(replace(step, args=args, kwargs=kwargs))
                continue
            refs = [leaf for leaf in leaves((args, kwargs)) if _is_tensor(leaf)]
            given = dict(zip(step.frame.bound, refs, strict=True))
            if step.frame.inlined:
                meant.update(given)
                add(step.frame)
                outputs = leaves(map_tree(resolved, step.frame.output))
                meant.update(
                    (value, output)
                    for value, output in zip(leaves(step.result), outputs, strict=True)
                    if isinstance(value, Value)
                )
            else:
                caller = partial(_looked_up, given)
                named = tuple(map_tree(caller, value) for _, value in step.frame.inputs)
                steps.append(replace(step, args=named, kwargs={}))

    add(frame)
    output = map_tree(resolved, frame.output)
    return Body(frame.inputs, _needed(steps, output), output, recording.shapes)


def _looked_up(names: dict[Value, Any], leaf: Any) -> Any:
    return names.get(leaf, leaf) if isinstance(leaf, Value) else leaf


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, Value | Stored | Constant)


def _needed(steps: list[Step], output: Any) -> list[Step]:
    """The steps without functions whose results nothing uses; parts of the module are always called."""
    used = set(values_in(output))
    kept = []
    for step in reversed(steps):
        if step.function is None or step.changes_input or used & set(values_in(step.result)):
            used.update(values_in((step.args, step.kwargs)))
            kept.append(step)
    return kept[::-1]


def one_body(inference: Body, training: Body) -> Body | None:
    """The body of both modes, with `Training` for flags that say which it is; None if they do different things."""
    renamed: dict[Value, Value] = {}

    def leaf(first: Any, second: Any) -> Any:
        return merge_modes(first, second, renamed)

    if len(inference.steps) != len(training.steps):
        return None
    try:
        inputs = merge_trees(leaf, inference.inputs, training.inputs)
        steps = [merge_steps(a, b, leaf) for a, b in zip(inference.steps, training.steps, strict=True)]
        output = merge_trees(leaf, inference.output, training.output)
    except DifferentError:
        return None
    return Body(inputs, steps, output, inference.shapes)
