"""Reads the graphs of several ONNX files; one that cannot be read does not stop the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nassurrogate.devices.input_shapes import THE_ONLY_ONE, DeclaredInput, Shape, named_shapes, unknown_input
from nassurrogate.errors import InputError, one_line
from nassurrogate.files.given_path import as_path
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.network import read_network

if TYPE_CHECKING:
    import onnx


def read_model_files(
    models: Sequence[str | os.PathLike[str]],
    input_shapes: Mapping[str, Shape] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[OperatorGraph | InputError]:
    """The graph of each file, or the error, in one line, that says why there is none. Weights are not read.

    Args:
        models: ONNX files.
        input_shapes: shapes of inputs with open sizes, by name, or under `""` for the only one of each model.
        progress: called with (files read, files in total).

    Raises `InputError` for a path that no file can have, and if no model has an input that `input_shapes` names.

    >>> [missing] = read_model_files(["no-such-model.onnx"])
    >>> print(missing)
    there is no file no-such-model.onnx
    """
    paths = [as_path(model, "model") for model in models]
    names: dict[str, None] = {}
    found: list[OperatorGraph | InputError] = []
    for path in paths:
        found.append(_read(path, input_shapes or {}, names))
        if progress is not None:
            progress(len(found), len(paths))
    for name in input_shapes or {}:
        if names and name != THE_ONLY_ONE and name not in names:
            raise unknown_input(name, list(names))
    return found


def _read(path: Path, given: Mapping[str, Shape], names: dict[str, None]) -> OperatorGraph | InputError:
    """One file's graph; the names of its inputs are added to `names` if shapes are given."""
    try:
        if not given:
            return read_network(path)
        from nassurrogate.graphs.readers.onnx_model import load_structure

        model, name = load_structure(path)
        inputs = _inputs(model)
        names.update(dict.fromkeys(declared.name for declared in inputs))
        return read_network(model, input_shape=named_shapes(inputs, given) or None, name=name)
    except InputError as error:
        text = str(error)
    except Exception as error:  # whatever a library raises for this file, others may be sound
        text = f"cannot be read ({one_line(error)})"
    return InputError(text if str(path) in text else f"{path}: {text}")


def _inputs(model: onnx.ModelProto) -> list[DeclaredInput]:
    weights = {tensor.name for tensor in model.graph.initializer}
    weights |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    return [
        DeclaredInput(
            value.name,
            [
                dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0 else dim.dim_param or None
                for dim in value.type.tensor_type.shape.dim
            ],
        )
        for value in model.graph.input
        if value.name not in weights
    ]
