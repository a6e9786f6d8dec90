"""Records what a module does, part by part, by running a copy of it on tensors without data."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import TorchFunctionMode

from nassurrogate.errors import one_line
from nassurrogate.export.source.errors import NoSourceError
from nassurrogate.export.source.layers import is_layer
from nassurrogate.export.source.recording.calls import (
    Constant,
    Frame,
    Recording,
    Step,
    Stored,
    Value,
    leaves,
    map_tree,
    values_in,
)
from nassurrogate.graphs.readers.from_torch.copies import Copy
from nassurrogate.graphs.readers.from_torch.names import works_in_place
from nassurrogate.graphs.readers.from_torch.recorder import quiet

_DEPENDS = {
    "DataDependentOutputException": "its forward reads numbers out of a tensor, such as for an if",
    "DynamicOutputShapeException": "the shape of a tensor depends on the numbers in another",
}
"""What torch's errors mean here."""


def record(module: nn.Module, input_shape: Sequence[int], dtype: torch.dtype, *, training: bool) -> Recording:
    """One run of a module, which itself is not touched.

    Args:
        module: on any device.
        input_shape: with the batch.
        dtype: of the input.
        training: whether it runs in training mode.

    Raises `NoSourceError` if it cannot be recorded.
    """
    try:
        copied = Copy(module)
    except Exception as error:  # attributes of a module may be of any type
        raise NoSourceError(f"it cannot be copied: {one_line(error)}") from error
    copied.module.train(training)
    recorder = _Recorder(copied, training)
    (tensor,) = copied.inputs([tuple(input_shape)], [dtype])
    try:
        with quiet(), torch.enable_grad(), copied.mode, recorder:
            copied.module(tensor)
    except NoSourceError:
        raise
    except Exception as error:  # whatever the module raises
        raise NoSourceError(_DEPENDS.get(type(error).__name__) or one_line(error)) from error
    return recorder.finished()


def module_paths(module: nn.Module) -> dict[int, tuple[str, ...]]:
    """All names of every part, by the part's `id`."""
    paths: dict[int, list[str]] = {}
    for path, part in module.named_modules(remove_duplicate=False):
        paths.setdefault(id(part), []).append(path)
    return {part: tuple(names) for part, names in paths.items()}


def tensor_paths(module: nn.Module) -> dict[int, tuple[str, ...]]:
    """All names of every parameter, buffer and tensor that is a plain attribute, by the tensor's `id`."""
    paths: dict[int, list[str]] = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        attributes = {name: value for name, value in vars(part).items() if isinstance(value, torch.Tensor)}
        for name, tensor in {**attributes, **part._parameters, **part._buffers}.items():
            if tensor is not None:
                paths.setdefault(id(tensor), []).append(f"{prefix}.{name}" if prefix else name)
    return {tensor: tuple(names) for tensor, names in paths.items()}


class _Recorder(TorchFunctionMode):
    """Follows tensors by their identity through all calls of torch and of the module's parts."""

    def __init__(self, copied: Copy, training: bool) -> None:
        super().__init__()
        self._copied, self._training = copied, training
        self._stored = tensor_paths(copied.module)
        self._shapes: dict[int, tuple[int, ...]] = {}
        self._known: dict[int, tuple[Value, Frame]] = {}
        self._alive: list[torch.Tensor] = []  # so that no two tensors share an id
        self._stack: list[Frame] = []
        self._hidden: list[tuple[dict[int, tuple[Value, Frame] | None], Any]] = []
        self._in_layer = 0
        self._call: tuple[Any, Any] = ((), {})
        self._root: Frame | None = None
        for part, paths in module_paths(copied.module).items():
            self._watch(part, paths)

    def _watch(self, part: int, paths: tuple[str, ...]) -> None:
        module = self._copied.module.get_submodule(paths[0])
        assert id(module) == part
        layer = is_layer(module)

        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            if self._in_layer or layer:
                self._in_layer += 1
                if self._in_layer == 1:
                    self._call = map_tree(self._argument, (tuple(args), dict(kwargs)))
            else:
                self._enter(module, paths, args, kwargs)

        def leave(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            if not self._in_layer:
                self._leave(output)
                return
            self._in_layer -= 1
            if not self._in_layer:
                given, named = self._call
                self._add(Step(None, paths, given, named, None), output)

        module.register_forward_pre_hook(enter, with_kwargs=True)
        module.register_forward_hook(leave, with_kwargs=True)

    def finished(self) -> Recording:
        """The recording, once the module has run."""
        assert self._root is not None
        return Recording(self._root, (self._shapes,))

    # --- calls of parts ------------------------------------------------------------------------------------------

    def _enter(self, module: nn.Module, paths: tuple[str, ...], args: Any, kwargs: Any) -> None:
        parent = self._stack[-1] if self._stack else None
        # The arguments as the caller knows them; the part knows them by its own names.
        given = map_tree(self._argument, (tuple(args), dict(kwargs))) if parent is not None else ((), {})
        frame = Frame(paths, parent)
        hidden: dict[int, tuple[Value, Frame] | None] = {}
        self._stack.append(frame)
        tensors = [leaf for leaf in leaves((tuple(args), dict(kwargs))) if isinstance(leaf, torch.Tensor)]
        for tensor in tensors:
            if id(tensor) not in hidden:
                hidden[id(tensor)] = self._known.get(id(tensor))
                self._bind(tensor)
        frame.bound = tuple(map(self._input, tensors))
        arguments = _arguments(module, args, kwargs)
        frame.inputs = [
            (name, map_tree(self._input, value))
            for name, value in arguments.items()
            if any(isinstance(leaf, torch.Tensor) for leaf in leaves(value))
        ]
        frame.inlined = any(_has_dict(value) for _, value in frame.inputs)
        self._hidden.append((hidden, given))

    def _leave(self, output: Any) -> None:
        frame = self._stack[-1]
        frame.output = map_tree(lambda leaf: self._ref(leaf) if isinstance(leaf, torch.Tensor) else None, output)
        self._stack.pop()
        hidden, (args, kwargs) = self._hidden.pop()
        for tensor, before in hidden.items():
            if before is None:
                self._known.pop(tensor, None)
            else:
                self._known[tensor] = before
        if frame.parent is None:
            self._root = frame
            return
        frame.inlined = frame.inlined or _has_dict(frame.output)
        self._add(Step(None, frame.paths, args, kwargs, None, frame=frame), output)

    def _input(self, leaf: Any) -> Any:
        return self._known[id(leaf)][0] if isinstance(leaf, torch.Tensor) else None

    # --- calls of functions --------------------------------------------------------------------------------------

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._in_layer or not self._stack:
            return func(*args, **kwargs)
        before = {id(leaf) for leaf in leaves((tuple(args), kwargs)) if isinstance(leaf, torch.Tensor)}
        result = func(*args, **kwargs)
        sets_item = getattr(func, "__name__", "") == "__setitem__"
        if sets_item or any(isinstance(leaf, torch.Tensor) for leaf in leaves(result)):
            changes = sets_item or works_in_place(func, kwargs) or "out" in kwargs or id(result) in before
            given, named = map_tree(self._argument, (tuple(args), dict(kwargs)))
            self._add(Step(func, (), given, named, None, changes_input=changes), result)
        return result

    def _add(self, step: Step, result: Any) -> None:
        """Add a step to the current frame; what it returned is a new value, also if it is an argument."""
        if self._training and not torch.is_grad_enabled():
            raise NoSourceError(
                "a part of its forward runs without gradients, under torch.no_grad or in a custom autograd function"
            )
        step.result = map_tree(lambda leaf: self._bind(leaf) if isinstance(leaf, torch.Tensor) else None, result)
        self._stack[-1].steps.append(step)

    # --- tensors -------------------------------------------------------------------------------------------------

    def _bind(self, tensor: torch.Tensor) -> Value:
        value = Value(len(self._shapes))
        self._shapes[value.number] = tuple(tensor.shape)
        self._known[id(tensor)] = value, self._stack[-1]
        self._alive.append(tensor)
        return value

    def _argument(self, leaf: Any) -> Any:
        return self._ref(leaf) if isinstance(leaf, torch.Tensor) else leaf

    def _ref(self, tensor: torch.Tensor) -> Value | Stored | Constant:
        known = self._known.get(id(tensor))
        if known is not None:
            value, frame = known
            _inline_up_to(frame, self._stack[-1])
            return value
        paths = self._stored.get(id(tensor))
        if paths is not None:
            for frame in reversed(self._stack):
                if owned_path(frame.paths, paths) is not None:
                    break
                frame.inlined = True
            return Stored(paths)
        original = self._copied.constants.get(id(tensor))
        if original is None and isinstance(tensor, FakeTensor):
            raise NoSourceError("it makes tensors in code that torch does not show, such as a custom autograd function")
        self._alive.append(tensor)
        return Constant(tensor if original is None else original[1])


def owned_path(owners: Sequence[str], paths: Sequence[str]) -> str | None:
    """The first of the paths that is in one of the owners, relative to it; None if there is none.

    >>> owned_path(["blocks.0"], ["stem.weight", "blocks.0.conv.weight"])
    'conv.weight'
    """
    for owner in owners:
        for path in paths:
            if not owner or path.startswith(f"{owner}."):
                return path.removeprefix(f"{owner}.") if owner else path
    return None


def _inline_up_to(defined: Frame, used: Frame) -> None:
    """Inline the frames between one that defines a value and one that uses it, as it is no argument or result there."""
    if defined is used:
        return
    above, frame = [], used
    while frame is not None:
        above.append(frame)
        frame = frame.parent  # type: ignore[assignment]
    while defined not in above:
        defined.inlined = True
        assert defined.parent is not None
        defined = defined.parent
    for frame in above[: above.index(defined)]:
        frame.inlined = True


def _arguments(module: nn.Module, args: Any, kwargs: Any) -> dict[str, Any]:
    try:
        return dict(inspect.signature(module.forward).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):
        return {**{f"x{place}": value for place, value in enumerate(args)}, **kwargs}


def _has_dict(tree: Any) -> bool:
    if isinstance(tree, dict):
        return bool(values_in(tree))
    return isinstance(tree, list | tuple) and not isinstance(tree, Value) and any(map(_has_dict, tree))
