"""Builds the operator graph of an image classifier layer by layer, with batch norms folded into the convolutions.

The result is in the normal form of `simplification`, but for the order of swappable inputs: what no output needs is
dropped, and what is computed twice from the same input without weights is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence

from nassurrogate.graphs.operator_costs import conv_flops
from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph, Shape


class NetworkBuilder:
    """Collects operators; every method returns the position of what it adds.

    Args:
        channels: of the input image.
        side: of the image, in pixels.

    >>> build = NetworkBuilder(channels=3, side=8)
    >>> x = build.relu(build.conv_bn(build.image, 4, kernel=3))
    >>> graph = build.finish(build.classifier(x, n_labels=10), name="small")
    >>> [operator.kind for operator in graph.operators]
    ['Input', 'Conv', 'Relu', 'GlobalAveragePool', 'Reshape', 'Gemm']
    """

    def __init__(self, channels: int, side: int) -> None:
        self.image = 0
        self._operators = [Operator(INPUT, (), ((1, channels, side, side),))]
        self._done: dict[Operator, int] = {}

    def conv_bn(self, x: int, channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> int:
        """A square convolution, padded to keep the size at stride 1, whose folded batch norm is its bias."""
        return self._conv(x, channels, kernel, stride, groups, bias=True)

    def conv(self, x: int, channels: int, kernel: int, *, stride: int = 1) -> int:
        """A convolution without a bias."""
        return self._conv(x, channels, kernel, stride, 1, bias=False)

    def _conv(self, x: int, channels: int, kernel: int, stride: int, groups: int, *, bias: bool) -> int:
        _, channels_in, side, _ = self._shape(x)
        weight = (channels, channels_in // groups, kernel, kernel)
        shape = (1, channels, -(-side // stride), -(-side // stride))
        params = weight[0] * weight[1] * kernel**2 + bias * channels
        return self._window(
            "Conv", x, shape, kernel, stride, kernel // 2, groups, bias, params, conv_flops(shape, weight)
        )

    def batch_norm(self, x: int) -> int:
        """A batch norm whose input nothing else reads; it is folded if that is a convolution."""
        before = self._operators[x]
        if before.kind == "Conv":
            channels = before.output_shape[1]
            weights = before.params - before.bias * channels
            self._operators[x] = before._replace(bias=True, params=weights + channels)
            return x
        return self._add(Operator("BatchNormalization", (x,), (self._shape(x),), params=2 * self._shape(x)[1]))

    def relu(self, x: int) -> int:
        """The same for the same input."""
        operator = Operator("Relu", (x,), (self._shape(x),))
        if operator not in self._done:
            self._done[operator] = self._add(operator)
        return self._done[operator]

    def pool(self, x: int, kind: str, kernel: int, *, stride: int = 1, padding: int = 0) -> int:
        """A square `MaxPool` or `AveragePool`."""
        _, channels, side, _ = self._shape(x)
        after = (side + 2 * padding - kernel) // stride + 1
        return self._window(kind, x, (1, channels, after, after), kernel, stride, padding)

    def first_channels(self, x: int, channels: int) -> int:
        """The first channels of a tensor; the tensor itself if it has no more."""
        _, before, side, _ = self._shape(x)
        if channels == before:
            return x
        return self._add(Operator("Slice", (x,), ((1, channels, side, side),)))

    def add(self, parts: Sequence[int]) -> int:
        """The sum of one or more tensors, added in order."""
        total = parts[0]
        for part in parts[1:]:
            total = self._add(Operator("Add", (total, part), (self._shape(total),)))
        return total

    def concat(self, parts: Sequence[int]) -> int:
        """One or more tensors, joined along the channels."""
        if len(parts) == 1:
            return parts[0]
        side = self._shape(parts[0])[2]
        channels = sum(self._shape(part)[1] for part in parts)
        return self._add(Operator("Concat", tuple(parts), ((1, channels, side, side),)))

    def classifier(self, x: int, n_labels: int) -> int:
        """Global average pooling and a linear layer."""
        channels = self._shape(x)[1]
        pooled = self._add(Operator("GlobalAveragePool", (x,), ((1, channels, 1, 1),)))
        flat = self._add(Operator("Reshape", (pooled,), ((1, channels),)))
        params, flops = (channels + 1) * n_labels, 2 * channels * n_labels
        return self._add(Operator("Gemm", (flat,), ((1, n_labels),), bias=True, params=params, flops=flops))

    def constant(self, shape: Shape) -> int:
        """A tensor that does not depend on the image."""
        return self._add(Operator("ConstantOfShape", (), (shape,)))

    def finish(self, output: int, name: str) -> OperatorGraph:
        """The network that computes this output, without what it does not need."""
        needed = {self.image, output}
        for position in range(output, 0, -1):
            if position in needed:
                needed.update(self._operators[position].inputs)
        place = {position: i for i, position in enumerate(sorted(needed))}
        return OperatorGraph(
            (
                self._operators[position]._replace(inputs=tuple(place[x] for x in self._operators[position].inputs))
                for position in place
            ),
            name=name,
        )

    def _window(
        self,
        kind: str,
        x: int,
        shape: Shape,
        kernel: int,
        stride: int,
        padding: int,
        groups: int = 1,
        bias: bool = False,
        params: int = 0,
        flops: int = 0,
    ) -> int:
        sizes = ((kernel,) * 2, (stride,) * 2, (padding,) * 4, (1, 1))
        return self._add(Operator(kind, (x,), (shape,), (), *sizes, groups, bias, params, flops))

    def _add(self, operator: Operator) -> int:
        self._operators.append(operator)
        return len(self._operators) - 1

    def _shape(self, x: int) -> Shape:
        return self._operators[x].output_shape
