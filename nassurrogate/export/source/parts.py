"""How every part of a module is made: layers, containers, and classes of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from nassurrogate.export.source.classes import Classes, Template
from nassurrogate.export.source.errors import NoSourceError
from nassurrogate.export.source.expressions import Call, Expression, Items, Literal, Raw, text
from nassurrogate.export.source.forward import Forward
from nassurrogate.export.source.layers import constructor, is_layer
from nassurrogate.export.source.places import is_name, place
from nassurrogate.export.source.recording.recorder import module_paths, tensor_paths
from nassurrogate.export.source.tensors import parameter_expression, tensor_expression

_LISTS = (nn.Sequential, nn.ModuleList)
_MODULES = (*_LISTS, nn.ModuleDict)
_PARAMETERS = (nn.ParameterList, nn.ParameterDict)


def is_container(module: nn.Module) -> bool:
    """Whether it is a container of `torch.nn`, or of a class that changes no more of it than its constructor."""
    for kind in type(module).__mro__:
        if kind in (*_MODULES, *_PARAMETERS):
            return not module._buffers and (isinstance(module, _PARAMETERS) or not module._parameters)
        if any(callable(value) for name, value in vars(kind).items() if name not in ("__init__", "__annotate_func__")):
            return False
    return False


class Parts:
    """Writes the classes of a module, those inside before those around them.

    Args:
        module: the whole module.
        forwards: the methods of its parts, by the part's first name.
        read_attributes: names of the tensors in no state dict that some method reads.

    Attributes:
        classes: what was written.
        not_written: names of tensors in the state dict whose numbers the source does not have, although they are not
            trained.

    Raises `NoSourceError` for a part that cannot be written.
    """

    def __init__(self, module: nn.Module, forwards: Mapping[str, Forward], read_attributes: set[str]) -> None:
        self._module, self._forwards, self._read = module, forwards, read_attributes
        self._paths = module_paths(module)
        self._tensor_paths = tensor_paths(module)
        self._made: dict[int, Call] = {}
        self._tied_here: set[str] = set()
        self.classes = Classes()
        self.not_written: list[str] = []
        by_depth: dict[int, list[nn.Module]] = {}
        for part in module.modules():
            if part is not module and not is_layer(part) and not is_container(part):
                by_depth.setdefault(self._depth(part), []).append(part)
        for _, parts in sorted(by_depth.items()):
            templates = [self._template(part) for part in parts]
            for part, call in zip(parts, self.classes.add(templates), strict=True):
                self._made[id(part)] = call
        self.classes.add([self._whole()], name="Network")

    def _depth(self, module: nn.Module) -> int:
        return max((1 + self._depth(part) for part in module.children()), default=0)

    def _path(self, module: nn.Module) -> str:
        return self._paths[id(module)][0]

    # --- classes -------------------------------------------------------------------------------------------------

    def _whole(self) -> Template:
        template = self._template(self._module)
        statements = [*template.statements, *self._ties(), *self._frozen(), *self._dtype()]
        return replace(template, statements=statements)

    def _template(self, module: nn.Module) -> Template:
        base, start = "nn.Module", Call("super().__init__")
        if isinstance(module, _LISTS) and not module._parameters and not module._buffers:
            base = "nn.Sequential" if isinstance(module, nn.Sequential) else "nn.ModuleList"
            held = self._container(module)
            assert isinstance(held, Call)
            start = replace(held, function=start.function)
        statements: list[tuple[str, Expression]] = []
        for name, parameter in module._parameters.items():
            if parameter is not None:
                statements.append(_attribute(name, self._parameter(parameter)))
            else:
                statements.append(("", Call("self.register_parameter", [Raw(text(name)), Raw("None")])))
        statements += self._buffers(module)
        if base == "nn.Module":
            for name, part in module._modules.items():
                statements += [] if part is None else [self._child(module, name, part)]
        forward = self._forwards.get(self._path(module))
        return Template(type(module).__name__, base, start, statements, forward)

    def _child(self, module: nn.Module, name: str, part: nn.Module) -> tuple[str, Expression]:
        first = next(other for other, each in module._modules.items() if each is part)
        if first != name and is_name(name) and _has_state(part):  # one part under two names
            self._tied_here.update(f"{path}.{name}" if path else name for path in self._paths[id(module)])
            return f"self.{name} = ", Raw(place(module, first))
        return _attribute(name, self.made(part), "add_module")

    def _buffers(self, module: nn.Module) -> list[tuple[str, Expression]]:
        plain = {name: value for name, value in vars(module).items() if isinstance(value, torch.Tensor)}
        found: list[tuple[str, Expression]] = []
        for name, buffer in {**module._buffers, **plain}.items():
            path = f"{self._path(module)}.{name}".removeprefix(".")
            persistent = name in module._buffers and name not in module._non_persistent_buffers_set
            if not persistent and path not in self._read:
                continue
            flags: dict[str, Expression] = {} if persistent else {"persistent": Raw("False")}
            made: Expression | None = Raw("None") if buffer is None else tensor_expression(buffer)
            if made is None:
                assert buffer is not None
                if not persistent:
                    raise NoSourceError(
                        f"it reads {path}, {buffer.numel()} numbers that are in no state dict; register it as a buffer"
                    )
                self.not_written.append(path)
                made = Call(
                    "torch.zeros",
                    [Literal(size, "size") for size in buffer.shape],
                    {} if buffer.dtype == torch.float32 else {"dtype": Raw(str(buffer.dtype))},
                )
            found.append(("", Call("self.register_buffer", [Raw(text(name)), made], flags)))
        return found

    def _parameter(self, parameter: nn.Parameter) -> Expression:
        made, is_complete = parameter_expression(parameter)
        if not is_complete:
            self.not_written.append(self._tensor_paths[id(parameter)][0])
        return made

    # --- expressions ---------------------------------------------------------------------------------------------

    def made(self, module: nn.Module) -> Expression:
        """What makes a part."""
        if id(module) in self._made:
            return self._made[id(module)]
        try:
            return constructor(module) if is_layer(module) else self._container(module)
        except NoSourceError as error:
            raise NoSourceError(f"{self._path(module)}: {error}") from error

    def _container(self, module: nn.Module) -> Expression:
        if isinstance(module, _PARAMETERS):
            parameters: dict[str, Any] = module._parameters
            made = [self._parameter(parameter) for parameter in parameters.values() if parameter is not None]
            is_list = isinstance(module, nn.ParameterList)
            name = "nn.ParameterList" if is_list else "nn.ParameterDict"
            return Call(name, [Items(made, None if is_list else list(parameters))])
        parts = {name: self.made(part) for name, part in module._modules.items() if part is not None}
        if isinstance(module, nn.ModuleDict):
            return Call("nn.ModuleDict", [Items([*parts.values()], [*parts])])
        if isinstance(module, nn.ModuleList):
            return Call("nn.ModuleList", [Items([*parts.values()])])
        if list(parts) == [str(number) for number in range(len(parts))]:
            return Call("nn.Sequential", [*parts.values()])
        return Call("nn.Sequential", [Call("OrderedDict", [Items([*parts.values()], [*parts])])])

    # --- the whole module ----------------------------------------------------------------------------------------

    def _ties(self) -> list[tuple[str, Expression]]:
        """Statements that give one part or one parameter its further names."""
        again: set[str] = {path for paths in self._paths.values() for path in paths[1:]}
        found: list[tuple[str, Expression]] = []
        for part, (first, *others) in self._paths.items():
            if _has_state(self._module.get_submodule(first)):
                assert id(self._module.get_submodule(first)) == part
                found += [self._tie(path, first) for path in others if not self._is_tied(path, again)]
        for first, *others in self._tensor_paths.values():
            found += [self._tie(path, first) for path in others if path.rpartition(".")[0] not in again]
        return found

    def _is_tied(self, path: str, again: set[str]) -> bool:
        """Whether it has this name already, as a part around it or its neighbour has."""
        return path in self._tied_here or path.rpartition(".")[0] in again

    def _tie(self, path: str, first: str) -> tuple[str, Expression]:
        return f"{place(self._module, path)} = ", Raw(place(self._module, first))

    def _frozen(self) -> list[tuple[str, Expression]]:
        """Statements for layers that are not trained."""
        found: list[tuple[str, Expression]] = []
        for part in self._module.modules():
            parameters = [*part.parameters(recurse=False)]
            if is_layer(part) and parameters and not any(p.requires_grad for p in part.parameters()):
                found.append(("", Call(f"{place(self._module, self._path(part))}.requires_grad_", [Raw("False")])))
            elif is_layer(part):
                names = [name for name, p in part.named_parameters(recurse=False) if not p.requires_grad]
                at = place(self._module, self._path(part))
                found += [("", Call(f"{at}.{name}.requires_grad_", [Raw("False")])) for name in names]
        return found

    def _dtype(self) -> list[tuple[str, Expression]]:
        """A statement for parameters of another type than single precision."""
        dtypes = {p.dtype for p in self._module.parameters() if p.is_floating_point()}
        if len(dtypes) > 1:
            raise NoSourceError(f"its parameters are of several types: {', '.join(sorted(map(str, dtypes)))}")
        return [("", Call("self.to", [Raw(str(dtype))])) for dtype in dtypes if dtype != torch.float32]


def _has_state(module: nn.Module) -> bool:
    return any(True for _ in module.parameters()) or any(True for _ in module.buffers())


def _attribute(name: str, made: Expression, register: str = "register_parameter") -> tuple[str, Expression]:
    if is_name(name):
        return f"self.{name} = ", made
    return "", Call(f"self.{register}", [Raw(text(name)), made])
