"""Small networks, and random ones, as graphs of operators."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import strategies as st

from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph

IMAGE = (1, 4, 8, 8)


def conv(source: int, channels: int) -> Operator:
    """A 1x1 convolution of 4 channels."""
    return Operator(
        "Conv", (source,), ((1, channels, 8, 8),), kernel=(1, 1), stride=(1, 1), padding=(0,) * 4, dilation=(1, 1),
        bias=True, params=5 * channels, flops=2 * 64 * 4 * channels,
    )  # fmt: skip


def small(channels: int = 4, name: str = "small") -> OperatorGraph:
    """An input, a convolution and a Relu."""
    image = Operator(INPUT, (), (IMAGE,))
    relu = Operator("Relu", (1,), ((1, channels, 8, 8),))
    return OperatorGraph([image, conv(0, channels), relu], name)


def shuffled(graph: OperatorGraph, rng: random.Random) -> OperatorGraph:
    """The same network with its operators in another topological order."""
    waiting, place, found = list(range(len(graph))), {}, []
    while waiting:
        ready = [x for x in waiting if all(y in place for y in graph.operators[x].inputs)]
        x = rng.choice(ready)
        waiting.remove(x)
        place[x] = len(found)
        found.append(graph.operators[x]._replace(inputs=tuple(place[y] for y in graph.operators[x].inputs)))
    return OperatorGraph(found, "shuffled")


@st.composite
def graphs(draw: st.DrawFn) -> OperatorGraph:
    """Networks of up to 15 operators, with splits, repeated operators and several inputs."""
    operators = [Operator(INPUT, (), (IMAGE,)) for _ in range(draw(st.integers(1, 2)))]
    for _ in range(draw(st.integers(0, 13))):
        kind = draw(st.sampled_from(["Conv", "Relu", "Add", "Split", "my.Own op"]))
        sources = [draw(st.integers(0, len(operators) - 1)) for _ in range(2 if kind == "Add" else 1)]
        slots = tuple(draw(st.integers(0, len(operators[x].output_shapes) - 1)) for x in sources)
        if kind == "Conv":
            operators.append(conv(sources[0], draw(st.sampled_from([4, 8])))._replace(input_slots=slots))
            continue
        shapes: Sequence[tuple[int, ...]] = [(1, 2, 8, 8)] * 2 if kind == "Split" else [IMAGE]
        operators.append(Operator(kind, tuple(sources), tuple(shapes), slots if any(slots) else ()))
    return OperatorGraph(operators, "random")
