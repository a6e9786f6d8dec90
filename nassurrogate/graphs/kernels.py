"""The kernels of a network: its operators as a runtime executes them, activations fused into the operator before.

Every common runtime (TensorFlow Lite, ONNX Runtime, TensorRT, TVM) computes `Relu` and `Clip` while it writes the
result of a convolution, a matrix product, an addition or a normalisation. nn-Meter (Zhang et al., MobiSys 2021) found
the same on phones. Batch normalisation has been folded before (`simplification`). Other activations are kernels of
their own.
"""

from __future__ import annotations

from typing import NamedTuple

from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph, Shape, size_of
from nassurrogate.graphs.operator_kinds import group_of

FUSED_ACTIVATIONS = ("Relu", "Clip")
_FUSES = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "BatchNormalization"})
DEPTHWISE = "DepthwiseConv"
"""The kind of a convolution that mixes no channels: on most devices other code than a dense one."""
_ROLES = {
    "activation": "elementwise",
    "normalisation": "elementwise",
    "reduction": "pool",
    "resampling": "data movement",
    "recurrent": "matrix product",
}


class KernelKind(NamedTuple):
    """What a kernel does, apart from sizes.

    Attributes:
        role: what its cost is like: convolution, depthwise convolution, matrix product, pool, elementwise, data
            movement or unknown. A matrix product with many rows counts as a convolution.
        operator: its ONNX name, or `DepthwiseConv`.
        variant: kernel size and stride, such as `3x3/2`; empty for operators without a window.
    """

    role: str
    operator: str
    variant: str

    def __str__(self) -> str:
        return f"{self.operator} {self.variant}".rstrip()


class Kernel(NamedTuple):
    """One kernel, and the sizes that its cost depends on.

    Attributes:
        kind: what it does.
        position: of the operator that computes, in the graph.
        activation: the fused activation, or "".
        channels_in, channels_out: features for a matrix product; of one group for a grouped convolution that is not
            depthwise.
        groups: of a convolution.
        positions: spatial positions of the output, over the batch; rows of a matrix product.
        window: numbers under the window, such as 9 for a 3x3 kernel; 1 without a window.
        stride: along the first spatial axis; 1 without one.
        pads: whether it pads.
        n_inputs: how many tensors it reads, weights apart.
        numbers_read, numbers_written: of all inputs and outputs.
        params, flops: as in `Operator`.
    """

    kind: KernelKind
    position: int
    activation: str
    channels_in: int
    channels_out: int
    groups: int
    positions: int
    window: int
    stride: int
    pads: int
    n_inputs: int
    numbers_read: int
    numbers_written: int
    params: int
    flops: int


def fused_kernels(graph: OperatorGraph) -> list[Kernel]:
    """The kernels of a network, in the order of its operators.

    >>> image, out = (1, 3, 8, 8), (1, 4, 8, 8)
    >>> convolution = Operator("Conv", (0,), (out,), kernel=(1, 1), stride=(1, 1), params=12, flops=1536)
    >>> graph = OperatorGraph([Operator("Input", (), (image,)), convolution, Operator("Relu", (1,), (out,))])
    >>> [(str(kernel.kind), kernel.activation) for kernel in fused_kernels(graph)]
    [('Conv 1x1/1', 'Relu')]
    """
    operators = graph.operators
    readers = [0] * len(operators)
    for operator in operators:
        for x in operator.inputs:
            readers[x] += 1
    kernels: list[Kernel] = []
    open_kernel: dict[int, int] = {}  # by operator: the kernel that ends with it and can still fuse an activation
    for position, operator in enumerate(operators):
        if operator.kind == INPUT:
            continue
        if operator.kind in FUSED_ACTIVATIONS and len(operator.inputs) == 1 and readers[operator.inputs[0]] == 1:
            fused = open_kernel.get(operator.inputs[0])
            if fused is not None:
                kernels[fused] = kernels[fused]._replace(activation=operator.kind)
                continue
        if operator.kind in _FUSES:
            open_kernel[position] = len(kernels)
        kernels.append(_kernel(operator, position, graph.input_shapes(position)))
    return kernels


def _kernel(operator: Operator, position: int, inputs: tuple[Shape, ...]) -> Kernel:
    source = inputs[0] if inputs else operator.output_shape
    output, window, groups = operator.output_shape, size_of(operator.kernel), operator.groups
    role = _ROLES.get(group := group_of(operator.kind), group)
    name = operator.kind
    read_axis = _last if role == "matrix product" else _channels
    channels_in, channels_out = read_axis(source), read_axis(output)
    positions = max(1, size_of(output) // channels_out)
    if role == "matrix product" and positions > 1:
        role = "convolution"  # a 1x1 convolution by another name; the product with a single vector is another matter
    if operator.kind == "Conv" and groups > 1:
        if groups == channels_in:
            role, name = "depthwise convolution", DEPTHWISE
        else:
            channels_in, channels_out = max(1, channels_in // groups), max(1, channels_out // groups)
    return Kernel(
        kind=_kind(role, name, operator.kernel, operator.stride),
        position=position,
        activation="",
        channels_in=channels_in,
        channels_out=channels_out,
        groups=groups,
        positions=positions,
        window=window,
        stride=operator.stride[0] if operator.stride else 1,
        pads=int(any(operator.padding)),
        n_inputs=len(inputs),
        numbers_read=sum(map(size_of, inputs)),
        numbers_written=operator.output_size,
        params=operator.params,
        flops=operator.flops,
    )


def _kind(role: str, name: str, kernel: Shape, stride: Shape) -> KernelKind:
    if not kernel:
        return KernelKind(role, name, "")
    step = stride[0] if stride else 1
    return KernelKind(role, name, f"{'x'.join(map(str, kernel))}/{step}")


def _channels(shape: Shape) -> int:
    """Channels of an image or a sequence of images; features of everything else."""
    return shape[1] if len(shape) > 3 else _last(shape)


def _last(shape: Shape) -> int:
    return shape[-1] if shape else 1
