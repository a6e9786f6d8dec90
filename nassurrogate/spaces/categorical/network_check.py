"""Builds a few networks before a search, so that a fault in `build` is named before the first training."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, one_line
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.torch_reader import UnreadableModuleError
from nassurrogate.runtime.generators import global_generators_kept
from nassurrogate.spaces.categorical.declared_functions import DeclaredFunctions
from nassurrogate.spaces.categorical.declared_networks import DeclaredNetworks

if TYPE_CHECKING:
    from torch import nn

_GPU = re.compile(r"\b(cuda|nvidia|gpus?|hip|rocm)\b", re.IGNORECASE)
_BATCH = 2


def network_notes(
    archs: Sequence[Architecture], functions: DeclaredFunctions, networks: DeclaredNetworks | None
) -> list[str]:
    """What a user should know about the networks of some architectures: one line for each kind of note.

    Args:
        archs: architectures to try.
        functions: those of their space, with `build`.
        networks: None for a space without an input shape: then it is only checked that modules are built.

    Raises the first architecture's `InputError` if `build` fails for all of them, returns no module, or returns modules
    that do not accept their input or return no batch of outputs.
    """
    notes: dict[str, str] = {}
    faults: list[InputError] = []
    for arch in archs:
        try:
            consequence, reason = _note(arch, functions, networks)
        except InputError as error:
            if not needs_gpu(str(error)):
                faults.append(error)
                continue
            consequence, reason = "networks need a GPU, and there is none here", str(error)
        if reason:
            notes.setdefault(consequence, reason)
    if faults and len(faults) == len(archs):
        raise faults[0]
    if faults:
        notes["some networks are faulty, so their evaluations will fail"] = str(faults[0])
    if networks is None:
        notes[f"space {functions.space!r} has build but no input_shape"] = (
            "with one, such as input_shape=(3, 32, 32), exact costs are known and equal networks are recognised"
        )
    return [f"{consequence}: {reason}" for consequence, reason in notes.items()]


def needs_gpu(message: str) -> bool:
    """Whether an error says that something lacks a GPU, and there is none.

    >>> needs_gpu("ValueError: width must be even")
    False
    """
    import torch

    return _GPU.search(message) is not None and not torch.cuda.is_available()


def _note(arch: Architecture, functions: DeclaredFunctions, networks: DeclaredNetworks | None) -> tuple[str, str]:
    """What does not work for the network of an architecture, and why; the reason is empty if all does."""
    if networks is None:
        functions.network_of(arch)
        return "", ""
    try:
        networks.read(arch)
        graph = networks.read(arch, batch=_BATCH)
    except UnreadableModuleError as error:
        _require_that_it_runs(functions.network_of(arch), networks.shape(_BATCH), arch, functions.space)
        return "FLOPs and memory of activations are unknown, and equal networks are not recognised", str(error)
    _require_batch(graph, arch, functions.space)
    try:
        networks.read_key(arch)
    except UnreadableModuleError as error:
        return "equal networks are not recognised, as one cannot be read in training", str(error)
    return "", ""


def _require_batch(graph: OperatorGraph, arch: Architecture, space: str) -> None:
    read = {x for operator in graph.operators for x in operator.inputs}
    shapes = [operator.output_shape for place, operator in enumerate(graph.operators) if place not in read]
    if not any(shape[:1] == (_BATCH,) for shape in shapes):
        raise InputError(
            f"the network of {arch.string!r} in space {space!r} returns {' and '.join(map(str, shapes))} for a batch "
            f"of {_BATCH} inputs; expected a shape that starts with the batch, such as ({_BATCH}, 10)"
        )


def _require_that_it_runs(module: nn.Module, shape: tuple[int, ...], arch: Architecture, space: str) -> None:
    """Raise `InputError` if a copy of the module raises for zeros, be they numbers or indices."""
    import torch

    faults: list[Exception] = []
    for dtype in (next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32), torch.long):
        try:
            with global_generators_kept(), torch.no_grad():
                copy.deepcopy(module).eval()(torch.zeros(shape, dtype=dtype))
            return
        except Exception as error:  # whatever the user's code raises
            faults.append(error)
    raise InputError(
        f"the network of {arch.string!r} in space {space!r} raises {one_line(faults[0])} for zeros of shape {shape}"
    )
