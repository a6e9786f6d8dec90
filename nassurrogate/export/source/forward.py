"""Writes what a part does as the statements of its `forward`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any, NamedTuple

import torch
from torch import nn

from nassurrogate.export.source.errors import NoSourceError
from nassurrogate.export.source.expressions import in_one_line, text
from nassurrogate.export.source.functions import call_text, in_place_text, is_default
from nassurrogate.export.source.places import is_name, place
from nassurrogate.export.source.recording.body import Body
from nassurrogate.export.source.recording.calls import (
    Constant,
    Step,
    Stored,
    Training,
    Value,
    Varied,
    map_tree,
    values_in,
)
from nassurrogate.export.source.recording.recorder import owned_path
from nassurrogate.export.source.sizes import Size, find_size
from nassurrogate.export.source.tensors import tensor_expression

_NAMES = ("y", "z", "w", "u", "v", "p", "q", "r", "s", "t")
_TAKEN = frozenset(("self", "torch", "nn", "F"))


class Forward(NamedTuple):
    """A method.

    Attributes:
        arguments: without `self`: name, and whether it is a tensor rather than a list of them.
        returns_tensor: whether it returns one tensor.
        lines: its statements.
    """

    arguments: tuple[tuple[str, bool], ...]
    returns_tensor: bool
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Device:
    """The device of a tensor."""

    value: Value | Stored


class UnknownSizeError(NoSourceError):
    """A number that depends on the shape of the input in a way that no size of a tensor gives."""


def forward_of(owner: nn.Module, paths: Sequence[str], body: Body, training: Body | None = None) -> Forward:
    """The method that does what a body says.

    Args:
        owner: the part.
        paths: its names in the whole module.
        body: what it does; without `training` in both modes, else at inference.
        training: what it does in training.

    Raises `NoSourceError` for what cannot be written, and `UnknownSizeError` if that is due to the shape of the input.
    """
    arguments = _argument_names(body if body.inputs or training is None else training)
    lines = _Writer(owner, paths, body).lines(arguments)
    if training is not None:
        if len(training.inputs) != len(body.inputs):
            raise NoSourceError(f"{type(owner).__name__} takes other arguments in training")
        inner = [f"    {line}" for line in _Writer(owner, paths, training).lines(arguments)]
        lines = ["if self.training:", *inner, *lines]
    typed = [(name, isinstance(pattern, Value)) for name, (_, pattern) in zip(arguments, body.inputs, strict=True)]
    return Forward(tuple(typed), isinstance(body.output, Value), tuple(lines))


def _argument_names(body: Body) -> list[str]:
    found: list[str] = []
    for name, _ in body.inputs:
        while not is_name(name) or name in _TAKEN or name in found:
            name = f"{name}_" if name.isidentifier() else "x"
        found.append(name)
    return found


@dataclass(frozen=True)
class _Line:
    """A statement; for one that calls the next part of a list on a tensor, the list and the place in it."""

    text: str
    container: str = ""
    position: int = -1
    length: int = 0


class _Writer:
    def __init__(self, owner: nn.Module, paths: Sequence[str], body: Body) -> None:
        self._owner, self._paths, self._body = owner, paths, body
        self._inputs = [value for _, pattern in body.inputs for value in values_in(pattern)]
        self._names: dict[Value, str] = {}
        self._steps = self._with_sizes(body.steps)
        self._last: dict[Value, int] = dict.fromkeys(self._inputs, -1)
        for position, step in enumerate(self._steps):
            self._last.update(dict.fromkeys(_read(step), position))
        self._last.update(dict.fromkeys(_values(body.output), len(self._steps)))

    # --- numbers that depend on the shape of the input -----------------------------------------------------------

    def _with_sizes(self, steps: Sequence[Step]) -> list[Step]:
        there = list(self._inputs)
        changed = []
        for step in steps:
            args, kwargs = map_tree(
                self._sized_by([*values_in((step.args, step.kwargs)), *there]), (step.args, step.kwargs)
            )
            changed.append(replace(step, args=args, kwargs=kwargs))
            there[len(self._inputs) : len(self._inputs)] = values_in(step.result)
        return changed

    def _sized_by(self, candidates: Sequence[Value]) -> Any:
        def sized(leaf: Any) -> Any:
            if isinstance(leaf, torch.device):
                return self._device(candidates)
            if not isinstance(leaf, Varied):
                return leaf
            found = None
            if all(isinstance(number, int) for number in leaf.values):
                found = find_size(leaf.values, candidates, self._body.shapes)
            if found is None:
                numbers = " and ".join(map(str, leaf.values[:2]))
                raise UnknownSizeError(f"the number {numbers} in its forward depends on the shape of the input")
            return found

        return sized

    def _device(self, candidates: Sequence[Value]) -> _Device:
        if candidates:
            return _Device(candidates[0])
        first = next((name for name, _ in self._owner.named_parameters()), None)
        if first is None:
            raise NoSourceError(f"{type(self._owner).__name__} names a device and has no tensor on it")
        return _Device(Stored(tuple(f"{path}.{first}" if path else first for path in self._paths)))

    # --- statements ----------------------------------------------------------------------------------------------

    def lines(self, arguments: Sequence[str]) -> list[str]:
        """The statements, `return` included."""
        written_lines = []
        for name, (_, pattern) in zip(arguments, self._body.inputs, strict=True):
            if isinstance(pattern, Value):
                self._names[pattern] = name
        for name, (_, pattern) in zip(arguments, self._body.inputs, strict=True):
            if not isinstance(pattern, Value):
                self._name(values_in(pattern), -1, reserved=arguments)
                written_lines.append(_Line(f"{self._target(pattern)} = {name}"))
        for position, step in enumerate(self._steps):
            written_lines.append(self._statement(position, step))
        looped = _with_loops(written_lines, set(self._names.values()) | _TAKEN)
        returned = self._show_bare(self._body.output)
        if looped and looped[-1].startswith(f"{returned} = "):
            return [*looped[:-1], f"return {looped[-1].removeprefix(f'{returned} = ')}"]
        return [*looped, f"return {returned}"]

    def _statement(self, position: int, step: Step) -> _Line:
        line = self._called_part(step) if step.function is None else _Line(self._called_function(step))
        if not any(value in self._last for value in values_in(step.result)):
            return _Line(line.text)
        # Before the result is named, as it may take over the name of what is read last here.
        in_place = None
        if step.function is not None and step.changes_input:
            in_place = in_place_text(step.function, step.args, step.kwargs, self._show)
        before = self._names.get(step.args[0]) if step.args and isinstance(step.args[0], Value) else None
        self._name(values_in(step.result), position, taken_over=_read(step))
        target = self._target(step.result)
        if in_place is not None and target == before:
            return _Line(in_place)
        is_link = line.text.endswith(f"]({target})") and target == before
        return replace(line, text=f"{target} = {line.text}", container=line.container if is_link else "")

    def _called_function(self, step: Step) -> str:
        assert step.function is not None
        return call_text(step.function, step.args, step.kwargs, self._show)

    def _called_part(self, step: Step) -> _Line:
        """The call of a part; with its place, if it is in a list."""
        path = owned_path(self._paths, step.paths)
        if path is None:
            raise NoSourceError(f"{type(self._owner).__name__} calls {step.paths[0]}, which is no part of it")
        forward = type(self._owner.get_submodule(path)).forward
        named = [
            f"{name}={self._show(value)}" for name, value in step.kwargs.items() if not is_default(forward, name, value)
        ]
        call = f"{place(self._owner, path)}({', '.join([*map(self._show, step.args), *named])})"
        above, _, name = path.rpartition(".")
        container = self._owner.get_submodule(above)
        if not isinstance(container, nn.ModuleList) or not above:
            return _Line(call)
        position = list(container._modules).index(name)
        return _Line(call, place(self._owner, above), position, len(container))

    def _name(
        self, values: Iterable[Value], position: int, *, taken_over: Sequence[Value] = (), reserved: Sequence[str] = ()
    ) -> None:
        """Name values that a statement computes; names of values that are not read any more are free."""
        live = {name for value, name in self._names.items() if self._last.get(value, -1) > position} | set(reserved)
        free = [self._names[value] for value in taken_over if self._last[value] == position and value in self._names]
        for value in values:
            if value not in self._last:
                continue
            names = chain(free, _NAMES, (f"y{number}" for number in count(1)))
            name = next(name for name in names if name not in live)
            live.add(name)
            self._names[value] = name

    def _target(self, tree: Any, *, nested: bool = False) -> str:
        if isinstance(tree, Value):
            return self._names.get(tree, "_") if tree in self._last else "_"
        if not isinstance(tree, list | tuple):
            return "_"
        inner = ", ".join(self._target(part, nested=True) for part in tree)
        inner = f"{inner}," if len(tree) == 1 else inner
        return f"({inner})" if nested or len(tree) == 1 else inner

    # --- values --------------------------------------------------------------------------------------------------

    def _show_bare(self, tree: Any) -> str:
        shown = self._show(tree)
        is_pair = isinstance(tree, tuple) and not isinstance(tree, Value | Stored) and len(tree) > 1
        return shown[1:-1] if is_pair else shown

    def _show(self, tree: Any) -> str:
        if isinstance(tree, Value):
            return self._names[tree]
        if isinstance(tree, Stored):
            path = owned_path(self._paths, tree.paths)
            if path is None:
                raise NoSourceError(f"{type(self._owner).__name__} reads {tree.paths[0]}, which is not its own")
            return place(self._owner, path)
        if isinstance(tree, Size):
            return tree.text(self._names[tree.value])
        if isinstance(tree, _Device):
            return f"{self._show(tree.value)}.device"
        if isinstance(tree, Training):
            return "not self.training" if tree.negated else "self.training"
        if isinstance(tree, Constant):
            return self._constant(tree.tensor)
        if isinstance(tree, list):
            return f"[{', '.join(map(self._show, tree))}]"
        if isinstance(tree, tuple):
            return f"({', '.join(map(self._show, tree))}{',' if len(tree) == 1 else ''})"
        if isinstance(tree, dict):
            return "{" + ", ".join(f"{text(key)}: {self._show(value)}" for key, value in tree.items()) + "}"
        return text(tree)

    def _constant(self, tensor: torch.Tensor) -> str:
        made = tensor_expression(tensor)
        if made is None:
            raise NoSourceError(f"it uses a tensor of {tensor.numel()} numbers that is no buffer of a module")
        shown = in_one_line(made)
        at = next((self._names[value] for value in self._inputs if value in self._names), None)
        return shown if at is None else f"{shown}.to({at}.device)"


def _values(tree: Any) -> Iterator[Value]:
    """All values that a tree reads, those of sizes and devices included."""
    found: list[Any] = []
    if isinstance(tree, Size | _Device):
        found = [tree.value]
    elif isinstance(tree, Value):
        found = [tree]
    elif isinstance(tree, Stored | Varied | Training):
        found = []
    elif isinstance(tree, list | tuple):
        found = [value for part in tree for value in _values(part)]
    elif isinstance(tree, dict):
        found = list(_values(list(tree.values())))
    elif isinstance(tree, slice):
        found = list(_values([tree.start, tree.stop, tree.step]))
    yield from (value for value in found if isinstance(value, Value))


def _read(step: Step) -> list[Value]:
    return list(_values((step.args, step.kwargs)))


def _with_loops(lines: Sequence[_Line], taken: set[str]) -> list[str]:
    """The statements, with a loop for those that call all parts of a list one after the other."""
    found: list[str] = []
    position = 0
    while position < len(lines):
        line = lines[position]
        run = lines[position : position + line.length]
        is_loop = (
            line.container != ""
            and len(run) == line.length > 1
            and [(each.container, each.position) for each in run] == [(line.container, n) for n in range(line.length)]
            and len({each.text.replace(f"[{n}](", "[](") for n, each in enumerate(run)}) == 1
        )
        if is_loop:
            variable = _variable(line.container, taken)
            found.append(f"for {variable} in {line.container}:")
            found.append("    " + line.text.replace(f"{line.container}[0](", f"{variable}("))
            position += line.length
        else:
            found.append(line.text)
            position += 1
    return found


def _variable(container: str, taken: set[str]) -> str:
    name = container.rpartition(".")[2]
    name = name.removesuffix("s") if name.endswith("s") and len(name) > 2 else "part"
    return name if is_name(name) and name not in taken else "part"
