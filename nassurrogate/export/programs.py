"""A network as a program of `torch.export` and as ONNX, for batches of any size."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from nassurrogate.errors import InputError, one_line
from nassurrogate.export.agreement import example
from nassurrogate.graphs.readers.from_torch.recorder import quiet

if TYPE_CHECKING:
    import onnx

_BATCH: Final = 2
_TRACED_OPSET: Final = 17
_LOGGERS: Final = ("torch.onnx", "torch.onnx._internal.exporter._registration", "onnxscript", "onnx_ir")
ABOUT_FILE: Final = "nassurrogate.json"
"""The extra file of a program that says what it is."""


def program_bytes(module: nn.Module, shape: Sequence[int], dtype: torch.dtype, about: Mapping[str, str]) -> bytes:
    """A `.pt2` file: what `torch.export.save` writes of the module at inference.

    Args:
        module: in eval mode.
        shape: of one example, without the batch.
        dtype: of the input.
        about: what it is, stored with it.

    Raises `InputError` if the module cannot be exported.
    """
    program = _program(module, shape, dtype)
    for part in program.graph_module.modules():
        for node in getattr(part, "graph", torch.fx.Graph()).nodes:
            node.meta.pop("stack_trace", None)  # paths of the user's files
    buffer = io.BytesIO()
    with _silenced("a program of torch.export"):
        torch.export.save(program, buffer, extra_files={ABOUT_FILE: json.dumps(dict(about))})
    return buffer.getvalue()


def run_program(content: bytes) -> Callable[[torch.Tensor], Any]:
    """The program in a `.pt2` file."""
    with _silenced("a program of torch.export"):
        loaded: Callable[[torch.Tensor], Any] = torch.export.load(io.BytesIO(content)).module()
    return loaded


def onnx_bytes(module: nn.Module, shape: Sequence[int], dtype: torch.dtype, about: Mapping[str, str]) -> bytes:
    """An `.onnx` file of the module at inference; input `input`, outputs `output`, `output_1`, ….

    Args: as in `program_bytes`.

    Raises `InputError` if the module cannot be exported, or takes 2 GiB or more.
    """
    program = _program(module, shape, dtype)
    with _silenced("ONNX"):
        exported = torch.onnx.export(program, dynamo=True, verbose=False)
        assert exported is not None
        return _finished(exported.model_proto, about)


def traced_onnx_bytes(module: nn.Module, shape: Sequence[int], dtype: torch.dtype, about: Mapping[str, str]) -> bytes:
    """The same by the older exporter of torch, which traces one run of the module.

    It knows operators that the newer one fails at, and may take what depends on the input for a constant.
    """
    import onnx

    buffer: Any = io.BytesIO()  # this exporter takes files, although torch says that it takes paths
    with _silenced("ONNX"):
        torch.onnx.export(
            module,
            (example((_BATCH, *shape), dtype),),
            buffer,
            dynamo=False,
            opset_version=_TRACED_OPSET,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch"}},
        )
        return _finished(onnx.load_model_from_string(buffer.getvalue()), about)


def _finished(model: onnx.ModelProto, about: Mapping[str, str]) -> bytes:
    _tidy(model, about)
    content: bytes = model.SerializeToString()
    return content


def run_onnx(content: bytes) -> Callable[[torch.Tensor], list[torch.Tensor]]:
    """The model in an `.onnx` file, run by ONNX Runtime on one core. Raises `InputError` if it cannot be loaded."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    with _silenced("ONNX"):
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def run(inputs: torch.Tensor) -> list[torch.Tensor]:
        given = {name: inputs.numpy() for name in names}  # none if the output is a constant
        return [torch.from_numpy(array) for array in session.run(None, given)]

    return run


def _program(module: nn.Module, shape: Sequence[int], dtype: torch.dtype) -> torch.export.ExportedProgram:
    inputs = example((_BATCH, *shape), dtype)
    with _silenced("a program of torch.export"), torch.no_grad():
        batch = torch.export.Dim("batch")
        return torch.export.export(module, (inputs,), dynamic_shapes=({0: batch},), strict=False)


@contextmanager
def _silenced(form: str) -> Iterator[None]:
    """Turn whatever torch raises into an `InputError`, and keep what it prints to itself."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        with quiet(), warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # each part of torch raises its own types
        raise InputError(f"the network cannot be written as {form}: {one_line(error)}") from error
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _tidy(model: onnx.ModelProto, about: Mapping[str, str]) -> None:
    """Name inputs, outputs and the batch, and replace what the exporter says about the user's code."""
    graph = model.graph
    names = {entry.name: "input" for entry in graph.input}
    names |= {entry.name: f"output_{place}" if place else "output" for place, entry in enumerate(graph.output)}
    taken = {name for node in graph.node for name in (*node.input, *node.output)} - names.keys()
    names = {old: new for old, new in names.items() if new not in taken}
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    symbols = {dim.dim_param for entry in graph.input for dim in entry.type.tensor_type.shape.dim if dim.dim_param}
    for entry in (*graph.input, *graph.output, *graph.value_info):
        del entry.metadata_props[:]
        entry.name = names.get(entry.name, entry.name)
        for dim in entry.type.tensor_type.shape.dim:
            for symbol in symbols:
                if dim.dim_param:
                    dim.dim_param = re.sub(rf"\b{re.escape(symbol)}\b", "batch", dim.dim_param)
    for tensor in graph.initializer:
        del tensor.metadata_props[:]
    del graph.metadata_props[:]
    del model.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
        for node in function.node:
            del node.metadata_props[:]
    for key, value in about.items():
        model.metadata_props.add(key=key, value=value)
    model.producer_name = "nassurrogate"
    model.producer_version = about.get("version", "")
