"""Reads a torch module as a graph of operators, without computing anything."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.operator_graph import INPUT, OperatorGraph, Shape
from nassurrogate.graphs.operator_kinds import warn_unknown
from nassurrogate.graphs.simplification import simplified

if TYPE_CHECKING:
    import torch
    from torch import fx, nn

    from nassurrogate.graphs.readers.from_torch.copies import Copy

logger = logging.getLogger(__name__)


class RefusedShapeError(InputError):
    """The module does not accept inputs of the given shapes and types.

    Attributes:
        takes_indices: whether it wants integers, such as tokens.
    """

    def __init__(self, message: str, *, takes_indices: bool = False) -> None:
        super().__init__(message)
        self.takes_indices = takes_indices


class ConstantModuleError(InputError):
    """The module returns only tensors that no input changes.

    Attributes:
        shape: of the first one.
    """

    def __init__(self, message: str, shape: Shape) -> None:
        super().__init__(message)
        self.shape = shape


class UnreadableModuleError(InputError):
    """The module cannot be read, although it may well run."""


def read_torch(
    module: nn.Module,
    input_shape: Shape | Sequence[Shape] = (1, 3, 224, 224),
    dtypes: torch.dtype | Sequence[torch.dtype] | None = None,
    *,
    name: str | None = None,
    warn: bool = True,
) -> OperatorGraph:
    """The operators that a module runs at inference.

    A copy of the module without data is run once on inputs without data, and what it does is recorded; what cannot be
    recorded is read by `torch.export`, which is slower. The module itself stays as it is, even in training mode; its
    hooks run on the copy.

    Args:
        module: on any device, of any floating-point type.
        input_shape: shape of its input with the batch, such as (1, 3, 224, 224), or a list of shapes, one an input.
        dtypes: types of the inputs, one for all or one each, such as `torch.long` for indices; None: the type of its
            parameters.
        name: for messages and tables; None: the name of its class.
        warn: whether to log a warning for operators of unknown kinds.

    Raises `InputError` for what is no module or no shape: `RefusedShapeError` for a module that does not accept inputs
    of these shapes, `ConstantModuleError` for one whose output depends on none, `UnreadableModuleError` for one that
    cannot be read, such as one whose control flow depends on numbers.

    >>> from torch import nn
    >>> graph = read_torch(nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU()), (1, 3, 8, 8))
    >>> [operator.kind for operator in graph.operators], graph.flops, graph.params
    (['Input', 'Conv', 'Relu'], 1536, 16)
    """
    module, shapes = _checked(module), _checked_shapes(input_shape)
    name = type(module).__name__ if name is None else name
    graph = _operators(_recorded(module, shapes, dtypes, name), shapes, name)
    if warn:
        warn_unknown((operator.kind for operator in graph.operators if operator.kind != INPUT), name)
    return graph


def torch_key(
    module: nn.Module,
    input_shape: Shape | Sequence[Shape] = (1, 3, 224, 224),
    dtypes: torch.dtype | Sequence[torch.dtype] | None = None,
    *,
    name: str | None = None,
) -> str:
    """A digest that is equal for modules that compute the same, at inference and in training, and learn the same way.

    It is stricter than the key of `read_torch`, which leaves out what no cost depends on, and what does nothing at
    inference. Here the arguments of all operations count too, such as the slope of a LeakyReLU, the rate of dropout or
    the momentum of a batch norm; so do constants, the way in which weights are initialised, and whether they are
    frozen. Weights themselves, names, hooks, and parts that the outputs do not depend on count nothing.

    Args:
        module, input_shape, dtypes, name: as in `read_torch`. In training, the batch is larger by one, as a batch norm
            may not accept a batch of one.

    Raises `InputError` as `read_torch` does, and `UnreadableModuleError` for a module that draws random numbers without
    torch while it trains: what it does then shows in no record.

    >>> from torch import nn
    >>> torch_key(nn.Sequential(nn.Identity(), nn.ReLU()), (1, 4)) == torch_key(nn.ReLU(inplace=True), (1, 4))
    True
    >>> torch_key(nn.Dropout(0.1), (1, 4)) == torch_key(nn.Dropout(0.2), (1, 4))
    False
    """
    from nassurrogate.graphs.readers.from_torch.digests import digest_of
    from nassurrogate.graphs.readers.from_torch.recorder import UnreadableError
    from nassurrogate.runtime.generators import global_generators_kept, states_of_python_generators

    module, shapes = _checked(module), _checked_shapes(input_shape)
    name = type(module).__name__ if name is None else name
    larger = [(shape[0] + 1, *shape[1:]) for shape in shapes]
    inference = _recorded(module, shapes, dtypes, name)
    with global_generators_kept():
        before = states_of_python_generators()
        training = _recorded(module, larger, dtypes, name, training=True)
        if states_of_python_generators() != before:
            raise UnreadableModuleError(f"{name} draws random numbers in training by Python's or NumPy's generator")
    try:
        return digest_of(inference) + digest_of(training)
    except UnreadableError as error:
        raise UnreadableModuleError(f"{name} cannot be read: {error}") from error


def _recorded(
    module: nn.Module,
    shapes: list[Shape],
    dtypes: torch.dtype | Sequence[torch.dtype] | None,
    name: str,
    *,
    training: bool = False,
) -> fx.Graph:
    from nassurrogate.graphs.readers.from_torch.copies import Copy

    try:
        copied = Copy(module, training=training)
    except Exception as error:  # attributes of a module may be of any type
        raise UnreadableModuleError(f"{name} cannot be copied: {_reason(error)}") from error
    return _graph(copied, copied.inputs(shapes, _checked_dtypes(dtypes, len(shapes), copied)), shapes, name)


def _graph(copied: Copy, inputs: list[torch.Tensor], shapes: list[Shape], name: str) -> fx.Graph:
    from nassurrogate.graphs.readers.from_torch.exported import export
    from nassurrogate.graphs.readers.from_torch.recorder import RefusedInputError, UnreadableError, record
    from nassurrogate.graphs.readers.from_torch.translation import HANDLERS

    try:
        return record(copied, inputs, HANDLERS.keys())
    except RefusedInputError as error:
        takes_indices = "Long" in str(error) and all(tensor.is_floating_point() for tensor in inputs)
        hint = "; for indices, give read_torch dtypes=torch.long" if takes_indices else ""
        message = f"{name} does not accept inputs of shape {_listed(shapes)}: {_reason(error)}{hint}"
        raise RefusedShapeError(message, takes_indices=takes_indices) from error
    except UnreadableError as first:
        logger.debug("%s cannot be recorded (%s); torch.export reads it", name, first)
        try:
            return export(copied, inputs)
        except UnreadableError as second:
            reasons = [_reason(first), _reason(second)]
            both = f"recording and torch.export: {reasons[0]}" if len(set(reasons)) == 1 else None
            raise UnreadableModuleError(
                f"{name} cannot be read with inputs of shape {_listed(shapes)}; "
                + (both or f"recording: {reasons[0]}; torch.export: {reasons[1]}")
            ) from second


def _operators(graph: fx.Graph, shapes: list[Shape], name: str) -> OperatorGraph:
    from nassurrogate.graphs.readers.from_torch.recorder import UnreadableError
    from nassurrogate.graphs.readers.from_torch.translation import translate

    try:
        translation = translate(graph)
    except UnreadableError as error:
        message = f"{name} cannot be read with inputs of shape {_listed(shapes)}: {_reason(error)}"
        raise UnreadableModuleError(message) from error
    if not translation.outputs:
        message = f"{name} returns no tensor that depends on its inputs"
        constant = translation.constant_outputs
        raise ConstantModuleError(message, constant[0]) if constant else InputError(message)
    return OperatorGraph(simplified(translation.operators, translation.outputs, translation.values), name)


def _checked(module: nn.Module) -> nn.Module:
    import torch
    from torch import nn
    from torch.nn.parameter import is_lazy

    if isinstance(module, type) and issubclass(module, nn.Module):
        raise InputError(
            f"a torch module is expected, got the class {module.__name__}; make one of it: {module.__name__}(…)"
        )
    if not isinstance(module, nn.Module):
        raise InputError(f"a torch module is expected, got {brief(module)}")
    if isinstance(module, nn.DataParallel):
        module = module.module
    module = getattr(module, "_orig_mod", module)  # what torch.compile wraps
    if isinstance(module, torch.jit.ScriptModule):
        raise UnreadableModuleError(
            f"a TorchScript module ({type(module).__name__}) cannot be read; give the module that it was made from"
        )
    for where, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            raise UnreadableModuleError(
                f"{type(module).__name__} has no shapes yet, as {where} is lazy; call it once on an input to set them"
            )
    return module


def _checked_shapes(given: Shape | Sequence[Shape]) -> list[Shape]:
    if not isinstance(given, Sequence) or isinstance(given, str | bytes) or not given:
        raise InputError(f"input_shape is the shape of the input, such as (1, 3, 224, 224), got {brief(given)}")
    shapes = [given] if not isinstance(given[0], Sequence) else list(given)
    for shape in shapes:
        lengths = tuple(shape) if isinstance(shape, Sequence) and not isinstance(shape, str | bytes) else (None,)
        if not all(type(length) is int and 0 < length < 1 << 31 for length in lengths):
            raise InputError(f"a shape has positive whole numbers, such as (1, 3, 224, 224), got {brief(shape)}")
    return [tuple(shape) for shape in shapes]  # type: ignore[arg-type]


def _checked_dtypes(given: object, count: int, copied: Copy) -> list[torch.dtype]:
    import torch

    if given is None:
        return [copied.float_dtype] * count
    dtypes = [given] * count if isinstance(given, torch.dtype) else list(given) if isinstance(given, Sequence) else []
    if len(dtypes) != count or not all(isinstance(dtype, torch.dtype) for dtype in dtypes):
        raise InputError(f"dtypes is one torch.dtype, or one for each of the {count} inputs, got {brief(given)}")
    return dtypes


def _listed(shapes: list[Shape]) -> str:
    return " and ".join(map(str, shapes))


def _reason(error: Exception) -> str:
    return brief(" ".join(str(error).split()), 160)[1:-1]
