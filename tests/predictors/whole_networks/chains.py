"""Small networks that tests make up: a space of chains, and graphs with a latency that is a sum over operators."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from nassurrogate import Architecture
from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.spaces import CategoricalSpace
from nassurrogate.spaces.network_space import NetworkSpace

SIZE = 16


def convolution(source: int, channels: tuple[int, int], kernel: int = 3) -> Operator:
    """A convolution with bias that keeps the size of the image."""
    params = channels[0] * channels[1] * kernel**2
    return Operator(
        "Conv",
        (source,),
        ((1, channels[1], SIZE, SIZE),),
        kernel=(kernel, kernel),
        stride=(1, 1),
        padding=(kernel // 2,) * 4,
        dilation=(1, 1),
        bias=True,
        params=params + channels[1],
        flops=2 * params * SIZE**2,
    )


def chain(widths: list[int], kernels: list[int] | None = None) -> OperatorGraph:
    """Convolutions with activations, one after the other, each second one with a residual connection around it."""
    operators = [Operator("Input", (), ((1, 3, SIZE, SIZE),))]
    for place, (before, after) in enumerate(pairwise([3, *widths])):
        kernel = kernels[place] if kernels else 3
        operators.append(convolution(len(operators) - 1, (before, after), kernel))
        operators.append(Operator("Relu", (len(operators) - 1,), operators[-1].output_shapes))
        if place % 2 and before == after:
            joined = len(operators) - 1, len(operators) - 3
            operators.append(Operator("Add", joined, operators[-1].output_shapes))
    return OperatorGraph(operators)


class Chains(CategoricalSpace, NetworkSpace):
    """Chains of five convolutions."""

    def operator_graph(self, arch: Architecture) -> OperatorGraph:
        return chain([int(width) for width in self._own(arch).choices.values()])


CHAINS = Chains("chains", {f"width{place}": [32, 128, 256, 512, 1024] for place in range(5)})


def additive_latency_ms(graph: OperatorGraph) -> float:
    """A tenth of a millisecond per operator, and a time for each operation and byte."""
    return 0.1 * len(graph) + graph.flops / 1e9 + graph.memory_bytes / 1e7


def random_graph(n_operators: int, seed: int) -> OperatorGraph:
    """A graph whose operators read one to three others, of some known and one unknown kind."""
    rng = np.random.default_rng(seed)
    operators = [Operator("Input", (), ((2, 3, 7, 7),))]
    for place in range(1, n_operators):
        inputs = tuple(int(x) for x in rng.integers(0, place, int(rng.integers(1, 4))))
        kind = str(rng.choice(["Conv", "Relu", "Gemm", "MaxPool", "Add", "Concat", "Swirl"]))
        shape = (2, int(rng.integers(1, 2000)), int(rng.integers(1, 60)), int(rng.integers(1, 60)))
        window = (int(rng.integers(1, 8)),) * 2 if kind in ("Conv", "MaxPool") else ()
        operators.append(
            Operator(
                kind, inputs, (shape[: 4 - 2 * (kind == "Gemm")],), kernel=window, stride=window, padding=window * 2,
                dilation=window, groups=int(rng.integers(1, 5)) if kind == "Conv" else 1, bias=kind == "Gemm",
                flops=1000 * place,
            )
        )  # fmt: skip
    return OperatorGraph(operators)
