"""Reads many ONNX files, in several processes if asked to, and goes on after those that it cannot read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from nassurrogate.benchmarks.experiments.processes import NO_GPU, in_processes
from nassurrogate.errors import InputError
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.network import read_network

if TYPE_CHECKING:
    import onnx

_log = logging.getLogger(__name__)

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (files read, files in total)."""
LOGGED: Final = 3
"""How many files that cannot be read are logged with the reason."""


class OnnxFile(NamedTuple):
    """A file, and the batch size for which it is read; None: its own."""

    path: Path
    batch_size: int | None = None


def read_onnx_files(
    files: Sequence[OnnxFile], *, jobs: int = 1, progress: Progress | None = None
) -> dict[OnnxFile, OperatorGraph | InputError]:
    """Each file's graph, or the reason why it could not be read.

    Args:
        files: one that occurs several times is read once.
        jobs: number of processes; 1: this one. With more, a script needs `if __name__ == "__main__":`.
        progress: called after every file.
    """
    if not isinstance(jobs, int) or jobs < 1:
        raise InputError(f"jobs is a number of processes from 1, got {jobs!r}")
    tasks = list(dict.fromkeys(files))
    found: dict[OnnxFile, OperatorGraph | InputError] = {}
    with _answers(tasks, jobs) as answers:
        for file, answer in answers:
            found[file] = answer
            if progress is not None:
                progress(len(found), len(tasks))
    return found


@contextmanager
def _answers(tasks: list[OnnxFile], jobs: int) -> Iterator[Iterator[tuple[OnnxFile, OperatorGraph | InputError]]]:
    if jobs == 1 or len(tasks) < 2:
        yield ((task, _read(task)) for task in tasks)
        return
    with in_processes(_read, tasks, jobs, variables=NO_GPU) as answers:
        yield answers


def _read(file: OnnxFile) -> OperatorGraph | InputError:
    try:
        if file.batch_size is None:
            return read_network(file.path)
        return read_network(_with_batch(file.path, file.batch_size), name=file.path.stem)
    except InputError as error:
        text = str(error)
        return error if str(file.path) in text else InputError(f"{file.path}: {text}")


def _with_batch(path: Path, batch_size: int) -> onnx.ModelProto:
    """The model without weights, with another first size of all inputs and without the shapes that follow from it."""
    from nassurrogate.graphs.readers.onnx_model import load_structure

    model, _ = load_structure(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value.type.tensor_type.shape.dim for value in model.graph.input if value.name not in weights]
    if all(not sizes or sizes[0].dim_value == batch_size for sizes in inputs):
        return model
    for sizes in inputs:
        if sizes:
            sizes[0].dim_value = batch_size
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return model


def log_unread(errors: Sequence[str], n_files: int) -> None:
    """Log how many files were left out, and the first few reasons. Raises `InputError` if it was all of them."""
    if not errors:
        return
    if len(errors) == n_files:
        raise InputError(f"none of the {n_files} networks could be read; the first: {errors[0]}")
    for error in errors[:LOGGED]:
        _log.warning("%s", error)
    _log.warning("%d of %d networks could not be read and are left out", len(errors), n_files)
