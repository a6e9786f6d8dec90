"""The graph of a module by `torch.export`, for what cannot be recorded; slower."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr

import torch
from torch import fx, nn

from nassurrogate.errors import one_line
from nassurrogate.graphs.readers.from_torch.copies import Copy
from nassurrogate.graphs.readers.from_torch.recorder import UnreadableError, quiet


def export(copied: Copy, inputs: Sequence[torch.Tensor]) -> fx.Graph:
    """The same graph as `record` makes, of ATen operators.

    Raises `UnreadableError` for what `torch.export` cannot read either.
    """
    try:
        with quiet(), warnings.catch_warnings(), redirect_stderr(io.StringIO()), torch.no_grad(), copied.mode:
            warnings.simplefilter("ignore")  # it deprecates parts of itself, and prints what it cannot read
            program = torch.export.export(copied.module, tuple(inputs), strict=False)
            program = program.run_decompositions({})  # what works in place becomes a value of its own
    except Exception as error:  # each part of it raises its own types
        raise UnreadableError(one_line(error)) from error
    originals = dict(_tensors(copied.module))
    targets = {spec.arg.name: spec.target for spec in program.graph_signature.input_specs if spec.target is not None}
    user_outputs = set(program.graph_signature.user_outputs)
    graph: fx.Graph = program.graph
    for node in graph.nodes:
        if node.op == "placeholder" and node.name in targets:
            node.op = "get_attr"
            found = originals.get(targets[node.name], program.constants.get(targets[node.name]))
            node.meta["constant"] = copied.constants.get(id(found), (found, found))[1]
        elif node.op == "output":
            node.args = (tuple(x for x in node.args[0] if isinstance(x, fx.Node) and x.name in user_outputs),)
    return graph


def _tensors(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
