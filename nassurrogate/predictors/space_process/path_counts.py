"""Counts of the paths through the parts of a network, by the operators on them.

The graph is cut at operators that all paths from input to output go through, such as the additions after the blocks.
The paths of each part are counted by their sequence of operators, and the parts are added up. A count is then a sum of
products of choices in few slots: what happens on a path is independent of what happens beside it.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, TypeAlias

from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph
from nassurrogate.graphs.operator_kinds import group_of

Path: TypeAlias = tuple[str, ...]
_LONGEST: Final = 3
_LONGER: Final[Path] = ("longer",) * (_LONGEST + 1)
"""All paths of more operators."""
_COUNTED: Final = frozenset(("convolution", "matrix product", "recurrent", "pool", "normalisation", "unknown"))
"""What is listed on a path; activations, sums and movements of data are not."""


def path_counts(graph: OperatorGraph) -> Counter[Path]:
    """Sequences of at most three operators, and how many paths through parts of the network have them.

    An empty sequence is a path that only skips. Longer paths are counted together. Parts without a branch and without a
    counted operator are left out.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("macro")
    >>> sorted(path_counts(space.operator_graph(space.parse("00000000"))).items())[:2]
    [(('Conv 1',), 1), (('Conv 1 /2',), 3)]
    """
    operators = graph.operators
    is_cut = _cuts(graph)
    total: Counter[Path] = Counter()
    arriving: list[Counter[Path]] = []
    for position, operator in enumerate(operators):
        here: Counter[Path] = Counter()
        if operator.kind == INPUT:
            here[()] = 1
        label = _label(operator)
        for source in operator.inputs:
            for path, count in arriving[source].items():
                here[path if label is None else _longer(path, label)] += count
        if is_cut[position]:
            if here != {(): 1}:
                total.update(here)
            here = Counter({(): 1})
        arriving.append(here)
    return total


def _longer(path: Path, label: str) -> Path:
    return (*path, label) if len(path) < _LONGEST else _LONGER


def _cuts(graph: OperatorGraph) -> list[bool]:
    """Which operators all paths from an input to an output go through."""
    operators = graph.operators
    has_reader = {source for operator in operators for source in operator.inputs}
    before: list[int] = []
    for operator in operators:
        before.append(1 if operator.kind == INPUT else sum(before[source] for source in operator.inputs))
    after = [0 if position in has_reader else 1 for position in range(len(operators))]
    for position in range(len(operators) - 1, -1, -1):
        for source in operators[position].inputs:
            after[source] += after[position]
    n_paths = sum(before[position] for position in range(len(operators)) if position not in has_reader)
    return [ahead * behind == n_paths for ahead, behind in zip(before, after, strict=True)]


def _label(operator: Operator) -> str | None:
    """The operator's kind, kernel and stride; None if it is not listed on a path."""
    if group_of(operator.kind) not in _COUNTED:
        return None
    parts = [operator.kind]
    if operator.groups > 1:
        parts.append("depthwise" if operator.groups == operator.output_shape[1] else "grouped")
    if operator.kernel:
        parts.append("x".join(map(str, dict.fromkeys(operator.kernel))))
    if operator.stride and max(operator.stride) > 1:
        parts.append(f"/{max(operator.stride)}")
    return " ".join(parts)
