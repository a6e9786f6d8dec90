"""Normalisations, pools, reductions, embeddings and resampling."""

from __future__ import annotations

from typing import Any

from nassurrogate.graphs.operator_graph import Shape, size_of
from nassurrogate.graphs.readers.from_torch.builder import (
    Builder,
    Call,
    Computed,
    Constant,
    Handler,
    per_axis,
    register,
)

LAYERS: dict[str, Handler] = {}


@register(LAYERS, "batch_norm", "instance_norm")
def _channel_norm(build: Builder, call: Call) -> Any:
    """Always with a scale and a shift per channel, as in ONNX."""
    kind = "BatchNormalization" if call.name == "batch_norm" else "InstanceNormalization"
    channels = call.source.shape[1]
    return build.add(kind, [call.source], call.shape, params=2 * channels)


_NORMS = {
    "layer_norm": ("LayerNormalization", 2),
    "rms_norm": ("RMSNormalization", 2),
    "group_norm": ("GroupNormalization", 2),
}


@register(LAYERS, *_NORMS)
def _norm(build: Builder, call: Call) -> Computed:
    kind, first = _NORMS[call.name]
    weight, bias = call.get(first, "weight"), call.get(first + 1, "bias")
    if call.name == "rms_norm":
        bias = None  # its fourth argument is the epsilon
    return build.add(kind, [call.source, weight, bias], call.shape)


@register(LAYERS, "local_response_norm")
def _lrn(build: Builder, call: Call) -> Computed:
    return build.add("LRN", [call.source], call.shape)


def _spatial(call: Call) -> int:
    """Number of axes that a pool works on, by its name."""
    return next(n for n in (1, 2, 3) if f"{n}d" in call.name)


@register(
    LAYERS,
    *(
        f"{kind}{n}d{suffix}"
        for kind in ("max_pool", "avg_pool")
        for n in (1, 2, 3)
        for suffix in ("", "_with_indices")
    ),
)
def _pool(build: Builder, call: Call) -> Any:
    axes, highest = _spatial(call), call.name.startswith("max")
    kernel = per_axis(call.get(1, "kernel_size"), axes)
    padding = per_axis(call.get(3, "padding", 0), axes) * 2
    dilation = per_axis(call.get(4, "dilation", 1), axes) if highest else (1,) * axes
    return _pooled(
        build, call, "MaxPool" if highest else "AveragePool", kernel, call.get(2, "stride"), padding, dilation
    )


def _pooled(
    build: Builder, call: Call, kind: str, kernel: Shape, stride: Any, padding: Shape, dilation: Shape
) -> Computed | list[Computed]:
    step = per_axis(stride, len(kernel)) if stride else kernel
    found = build.add(kind, [call.source], call.shape, kernel=kernel, stride=step, padding=padding, dilation=dilation)
    return [found, found] if len(call.shapes) > 1 else found


@register(LAYERS, *(f"adaptive_{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3)))
def _adaptive_pool(build: Builder, call: Call) -> Any:
    """A global pool or one with a fixed kernel where the sizes allow."""
    axes = _spatial(call)
    before, after = call.source.shape[-axes:], call.shape[-axes:]
    average = "avg" in call.name
    if before == after:
        return call.source
    if after == (1,) * axes and average:
        return build.add("GlobalAveragePool", [call.source], call.shape)
    if all(a % b == 0 for a, b in zip(before, after, strict=True)):
        kernel = tuple(a // b for a, b in zip(before, after, strict=True))
        kind = "AveragePool" if average else "MaxPool"
        return _pooled(build, call, kind, kernel, kernel, (0, 0) * axes, (1,) * axes)
    found = build.add("AdaptiveAveragePool" if average else f"torch.{call.name}", [call.source], call.shape)
    return [found, found] if len(call.shapes) > 1 else found


@register(LAYERS, "mean", "sum", "prod", "nansum", "logsumexp", "any", "all", "max", "min", "argmax", "argmin")
def _reduction(build: Builder, call: Call) -> Any:
    other = call.get(1, "other")
    if call.name in ("max", "min") and isinstance(other, Computed | Constant):
        return build.elementwise("Max" if call.name == "max" else "Min", [call.source, other], call.shape)
    kind = {"argmax": "ArgMax", "argmin": "ArgMin", "logsumexp": "ReduceLogSumExp"}.get(call.name)
    kind = kind or {"any": "ReduceMax", "all": "ReduceMin", "nansum": "ReduceSum"}.get(call.name)
    found = _reduced(build, call, kind or f"Reduce{call.name.capitalize()}")
    if len(call.shapes) == 1:
        return found
    return [found, _reduced(build, call, f"Arg{call.name.capitalize()}")]


def _reduced(build: Builder, call: Call, kind: str, position: int = 1) -> Computed:
    rank = len(call.source.shape)
    axes = call.integers(position, "dim")
    values = sorted(axis % rank for axis in axes) if axes and rank else range(rank)
    return build.add(kind, [call.source], call.shape, values=list(map(float, values)))


@register(LAYERS, "var", "std", "var_mean", "std_mean")
def _variance(build: Builder, call: Call) -> Any:
    """The mean of the squared distances from the mean, corrected for the degree of freedom that the mean takes."""
    x: Computed = call.source
    rank = len(x.shape)
    axes = [axis % rank for axis in call.integers(1, "dim") or range(rank)]
    kept = tuple(1 if axis in axes else length for axis, length in enumerate(x.shape))
    values = [float(axis) for axis in sorted(axes)]
    mean = build.add("ReduceMean", [x], kept, values=values)
    apart = build.elementwise("Sub", [x, mean], x.shape)
    found = build.add("ReduceMean", [build.elementwise("Mul", [apart, apart], x.shape)], call.shape, values=values)
    flags = [given for given in (call.get(1, "unbiased"), call.get(2, "unbiased")) if isinstance(given, bool)]
    correction = call.get(-1, "correction", int(flags[0]) if flags else 1)
    count = size_of(x.shape) // size_of(kept)
    if correction and count > correction:
        found = build.elementwise("Mul", [found, count], call.shape)
        found = build.elementwise("Div", [found, count - correction], call.shape)
    if call.name.startswith("std"):
        found = build.add("Sqrt", [found], call.shape)
    return [found, build.reshape(mean, call.shapes[1])] if len(call.shapes) > 1 else found


@register(LAYERS, "norm", "linalg_vector_norm", "vector_norm")
def _length(build: Builder, call: Call) -> Computed:
    order = call.get(1, "p", call.get(1, "ord", 2))
    return _reduced(build, call, "ReduceL1" if order == 1 else "ReduceL2", 2)


@register(LAYERS, "embedding")
def _embedding(build: Builder, call: Call) -> Computed:
    pair = [call.source, call.get(1, "weight", call.get(1, "indices"))]
    return build.add("Gather", pair, call.shape)


@register(LAYERS, "interpolate")
def _resize(build: Builder, call: Call) -> Computed:
    return build.add("Resize", [call.source], call.shape)


@register(LAYERS, "pixel_shuffle")
def _to_space(build: Builder, call: Call) -> Computed:
    return build.add("DepthToSpace", [call.source], call.shape)


@register(LAYERS, "pixel_unshuffle")
def _to_depth(build: Builder, call: Call) -> Computed:
    *before, channels, height, width = call.source.shape
    factor = call.get(1, "downscale_factor")
    blocks = build.reshape(call.source, (*before, channels, height // factor, factor, width // factor, factor))
    n = len(before)
    return build.reshape(build.transpose(blocks, [*range(n + 1), n + 2, n + 4, n + 1, n + 3]), call.shape)


@register(LAYERS, "grid_sample", "grid_sampler", "grid_sampler_2d")
def _sample(build: Builder, call: Call) -> Computed:
    return build.add("GridSample", [call.source, call.get(1, "grid")], call.shape)


@register(LAYERS, "topk", "sort")
def _top(build: Builder, call: Call) -> list[Computed]:
    return build.add_many("TopK", [call.source], call.shapes)


@register(LAYERS, "cumsum")
def _running_sum(build: Builder, call: Call) -> Computed:
    return build.add("CumSum", [call.source], call.shape)


@register(LAYERS, "prelu")
def _prelu(build: Builder, call: Call) -> Computed:
    return build.add("PRelu", [call.source, call.get(1, "weight")], call.shape)
