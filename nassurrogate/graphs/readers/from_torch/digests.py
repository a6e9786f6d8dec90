"""A digest of what a recorded module computes: equal for equal computations, whatever their order and their names."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import fx, nn
from torch._subclasses.fake_tensor import FakeTensor

from nassurrogate.graphs.readers.from_torch.names import operation_name
from nassurrogate.graphs.readers.from_torch.recorder import UnreadableError
from nassurrogate.graphs.readers.from_torch.trees import leaves, map_leaves

_RESHAPES: Final = frozenset(("flatten", "reshape", "view", "squeeze", "unsqueeze", "unflatten", "ravel", "view_as"))
_NO_OPS: Final = frozenset(("contiguous", "clone", "alias", "positive", "to", "type_as", "float"))
"""Operations that change nothing unless they change the type."""
_DROPOUTS: Final = frozenset(
    ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
)
_ZEROS: Final = frozenset(("zeros", "zeros_like", "new_zeros"))
_COMMUTATIVE: Final = frozenset(("add", "mul", "maximum", "minimum"))
"""Operations of two tensors that may be swapped; several in a row may be done in any order."""
_MOST_TERMS: Final = 64
"""Of operations in a row; x + x, added to itself again and again, would have thousands."""
_SCALES: Final = (0.1, 0.4, 0.76, 1.2, 2.4)
"""Steps between standard deviations of random weights, times the root of the fan-in. The usual ones lie far from them:
PyTorch's default gives 0.58, LeCun's 1.0, He's 1.41."""
_LEAST_RANDOM: Final = 1024
"""Numbers that a weight needs for its standard deviation to say something."""


def digest_of(graph: fx.Graph) -> str:
    """A digest of all that the outputs of a graph depend on: operations, their arguments, shapes, types, constants.

    Reshapes in a row count as one, and operations that change nothing as none; a product with 0 is a constant. Tensors
    may be added or multiplied in any order. Learned numbers count by their shapes and how they are initialised: by
    their value if all are equal, else by the scale of their values in coarse steps. All other constants count by value.
    """
    described = _Described()
    outputs: list[str] = []
    for node in graph.nodes:
        if node.op == "output":
            outputs = [described.key(x) for x in leaves(node.args) if isinstance(x, fx.Node)]
            if not outputs:
                raise UnreadableError("it returns no tensor")
        else:
            described.add(node)
    return _digest(outputs, described.learned(graph))


class _Described:
    """The key of what each node computes."""

    def __init__(self) -> None:
        self._keys: dict[fx.Node, str] = {}
        self._reads: dict[fx.Node, tuple[fx.Node, ...]] = {}
        self._same_as: dict[fx.Node, fx.Node] = {}
        """Nodes that change nothing, and what they return."""
        self._terms: dict[fx.Node, tuple[str, list[str]]] = {}
        """Commutative operations, and the keys of all that is added or multiplied."""

    def key(self, node: fx.Node) -> str:
        return self._keys[self._source(node)]

    def _source(self, node: fx.Node) -> fx.Node:
        return self._same_as.get(node, node)

    def add(self, node: fx.Node) -> None:
        """Describe a node; all that it reads has been added."""
        form = _form(node.meta.get("val"))
        if node.op == "placeholder":
            self._keys[node] = _digest("input", len(self._keys), form)
        elif node.op == "get_attr":
            self._keys[node] = _digest("constant", form, _constant(node))
        else:
            self._add_call(node, form)

    def _add_call(self, node: fx.Node, form: Any) -> None:
        name = operation_name(node.target)
        read = [self._source(x) for x in leaves((node.args, node.kwargs)) if isinstance(x, fx.Node)]
        scalars = [x for x in node.args[1:2] if isinstance(x, int | float)]
        self._reads[node] = tuple(read)
        if len(read) == 1 and form == _form(read[0].meta.get("val")) and _changes_nothing(name, node, scalars):
            self._same_as[node] = read[0]
            return
        if name in _ZEROS or (name == "mul" and len(read) == 1 and scalars == [0] and not node.kwargs):
            self._reads[node] = ()
            self._keys[node] = _digest("zeros", form)
        elif name in _RESHAPES and read:
            origin = read[0]
            while operation_name(origin.target) in _RESHAPES and self._reads.get(origin):
                origin = self._reads[origin][0]
            if form == _form(origin.meta.get("val")):
                self._same_as[node] = origin
            else:
                self._reads[node] = (origin,)
                self._keys[node] = _digest("reshape", form, self._keys[origin])
        elif name in _COMMUTATIVE and len(read) == 2 and len(node.args) == 2 and not node.kwargs:
            terms = [term for x in read for term in self._terms_of(x, name, form)]
            if len(terms) > _MOST_TERMS:
                terms = [self._keys[x] for x in read]
            self._terms[node] = name, terms
            self._keys[node] = _digest(name, form, sorted(terms))
        else:
            if name == "interpolate":  # its synonyms say how
                name = str(getattr(node.target, "__name__", name))
            arguments = {key: value for key, value in sorted(node.kwargs.items()) if key != "inplace"}
            self._keys[node] = _digest(name, form, map_leaves(self._argument, (node.args, arguments)))

    def _terms_of(self, node: fx.Node, name: str, form: Any) -> list[str]:
        """What an operand of a commutative operation is the sum or the product of; itself if it is none."""
        operation, terms = self._terms.get(node, ("", []))
        return terms if operation == name and form == _form(node.meta.get("val")) else [self._keys[node]]

    def _argument(self, value: Any) -> Any:
        return self.key(value) if isinstance(value, fx.Node) else value

    def learned(self, graph: fx.Graph) -> list[str]:
        """What is learned, and how many operations read it: two layers that share weights differ from two layers."""
        outputs = [x for node in graph.nodes if node.op == "output" for x in leaves(node.args)]
        waiting = [self._source(x) for x in outputs if isinstance(x, fx.Node)]
        needed: set[fx.Node] = set()
        uses: Counter[fx.Node] = Counter()
        while waiting:
            node = waiting.pop()
            if node not in needed:
                needed.add(node)
                waiting += self._reads.get(node, ())
                uses.update(self._reads.get(node, ()))
        return sorted(f"{self._keys[node]} {uses[node]}" for node in needed if node.op == "get_attr")


def _changes_nothing(name: str, node: fx.Node, scalars: Sequence[float]) -> bool:
    if name in _NO_OPS:
        return True
    if name in _DROPOUTS:
        given = dict(zip(("p", "training"), node.args[1:3], strict=False)) | dict(node.kwargs)
        return given.get("training", True) is False or given.get("p") in (0, 0.0)
    neutral = {"add": 0, "sub": 0, "mul": 1, "div": 1}.get(name)
    return neutral is not None and scalars == [neutral] and len(node.args) == 2 and not node.kwargs


def _form(value: Any) -> Any:
    """Shapes and types of a result."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), str(value.dtype)
    return [_form(part) for part in value] if isinstance(value, tuple | list) else None


def _constant(node: fx.Node) -> Any:
    """What distinguishes a constant from others of its shape and type."""
    tensor = node.meta.get("constant")
    if not isinstance(tensor, torch.Tensor):
        return None
    is_learned = isinstance(tensor, nn.Parameter)
    if tensor.is_meta or isinstance(tensor, FakeTensor) or not tensor.numel():
        return is_learned
    values = tensor.detach().cpu()
    if not is_learned:
        return hashlib.sha256(values.contiguous().flatten().view(torch.uint8).numpy().tobytes()).hexdigest()
    return tensor.requires_grad, _initialisation(values)


def _initialisation(values: torch.Tensor) -> Any:
    """The value of weights that are all equal; for others, the step of their scale, if there are enough of them."""
    if not values.is_floating_point() or bool((values == values.flatten()[0]).all()):
        return float(values.flatten()[0].real)
    if values.numel() < _LEAST_RANDOM or values.ndim < 2:
        return "random"
    scale = float(values.float().std()) * math.sqrt(values[0].numel())
    return bisect(_SCALES, scale)


def _digest(*parts: Any) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
