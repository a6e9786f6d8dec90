"""Loads an ONNX model without its weights, from a file, bytes or a proto, and refuses what is none in one line."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nassurrogate.errors import InputError, brief, one_line
from nassurrogate.graphs.readers.onnx_wire import MOST_INTEGER_TENSOR_BYTES, structure_of

if TYPE_CHECKING:
    import onnx

    OnnxSource: TypeAlias = str | os.PathLike[str] | bytes | onnx.ModelProto
"""A file, or what one holds, or what `onnx.load` returns."""

_OTHER_FILES = (
    (0, b"PK\x03\x04", "a zip archive, as torch.save writes; export the module to ONNX, or give the module itself"),
    (0, b"\x80\x02", "a pickle, as torch.save writes; export the module to ONNX, or give the module itself"),
    (0, b"\x80\x03", "a pickle; export the module to ONNX, or give the module itself"),
    (0, b"\x80\x04", "a pickle; export the module to ONNX, or give the module itself"),
    (0, b"\x80\x05", "a pickle; export the module to ONNX, or give the module itself"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x1f\x8b", "a gzip archive; unpack it first"),
    (0, b"\x89HDF", "an HDF5 file, as Keras writes; export the model to ONNX"),
    (4, b"TFL3", "a TensorFlow Lite model; convert it to ONNX"),
    (4, b"ORTM", "a model in ONNX Runtime's own format; give the ONNX model that it was made from"),
    (8, b'{"', "a safetensors file: weights without a network"),
)
"""Where other files have which bytes, and what they are."""


def load_structure(source: OnnxSource) -> tuple[onnx.ModelProto, str]:
    """The model without its weights, with its functions inlined, and a name for it.

    Raises `InputError` in one line if there is no such file, or if it holds no ONNX model, or a damaged one.
    """
    import onnx

    if isinstance(source, onnx.ModelProto):
        name = source.graph.name or "network"
        return _parsed(memoryview(_without_weights(source).SerializeToString()), "the model"), name
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _parsed(memoryview(source).cast("B"), "the model"), "network"
    if not isinstance(source, (str, os.PathLike)):
        raise InputError(f"an ONNX model is a file, bytes or a ModelProto, got {brief(source)}")
    path = Path(source)
    return _from_file(path), path.stem


def _from_file(path: Path) -> onnx.ModelProto:
    if path.is_dir():
        raise InputError(f"{path} is a folder, not an ONNX file")
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for a writer
            raise InputError(f"{path} is not a regular file; save what it gives as an .onnx file first")
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:  # which cannot be mapped
                raise InputError(f"{path} is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data:
                return _parsed(data, str(path))
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read: {one_line(error)}") from None


def _parsed(data: memoryview, where: str) -> onnx.ModelProto:
    import onnx
    from google.protobuf.message import DecodeError

    for position, magic, kind in _OTHER_FILES:
        if data[position : position + len(magic)] == magic:
            raise InputError(f"{where} is not an ONNX model but {kind}")
    try:
        structure = structure_of(data)
    except InputError as error:
        raise InputError(f"{where} {error}") from None
    try:
        model = onnx.ModelProto.FromString(structure)
    except DecodeError as error:
        raise InputError(f"{where} is a damaged ONNX file: {one_line(error)}") from None
    if not all(isinstance(text, str) for text in _texts(model)):  # protobuf leaves those that are no UTF-8 as bytes
        raise InputError(f"{where} is a damaged ONNX file: it has names that are no text")
    return _inlined(model, where) if model.functions else model


def _texts(model: onnx.ModelProto) -> Iterator[object]:
    """All names in a model."""
    graph = model.graph
    yield graph.name
    yield from (entry.domain for entry in model.opset_import)
    for holder in (graph, *model.functions):
        for node in holder.node:
            yield from (*node.input, *node.output, node.op_type, node.domain, node.name)
            yield from (attribute.name for attribute in node.attribute)
    yield from (tensor.name for tensor in graph.initializer)
    yield from (tensor.values.name for tensor in graph.sparse_initializer)
    for value in (*graph.input, *graph.output, *graph.value_info):
        yield value.name
        yield from (dim.dim_param for dim in value.type.tensor_type.shape.dim)


def _inlined(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """The model without functions of its own: each call is replaced by the operators in its body."""
    from onnx.inliner import inline_local_functions

    try:
        return inline_local_functions(model)
    except Exception as error:  # the library documents none
        raise InputError(f"{where} has functions that cannot be inlined: {one_line(error)}") from None


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without the data of large initializers, with which a model may be too large to be serialised."""
    import onnx

    light = onnx.ModelProto(ir_version=model.ir_version)
    light.opset_import.extend(model.opset_import)
    light.functions.extend(model.functions)
    graph: Any = light.graph
    for field in ("node", "input", "output", "value_info", "sparse_initializer"):
        getattr(graph, field).extend(getattr(model.graph, field))
    graph.name = model.graph.name
    for tensor in model.graph.initializer:
        if tensor.ByteSize() <= MOST_INTEGER_TENSOR_BYTES:
            graph.initializer.append(tensor)
        else:
            graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    return light
