"""Zero-cost proxies of any module: statistics of its signals and gradients, with random weights on noise.

Nothing is trained and no data is read. A batch of noise goes forward once, and the gradient of a random combination of
the outputs goes back once. No assumption is made about the module: it need not have convolutions, ReLUs or batch
normalisation, and its outputs may have any shape. The statistics resemble published proxies: activation patterns
(NASWOT, Mellor et al., arXiv 2006.04647), Jacobian covariance, gradient norm and saliency (SNIP) as compared by
Abdelfattah et al. (arXiv 2101.08134), the entropy of the channels (AZ-NAS, Lee & Ham, arXiv 2403.19232).

Signals are looked at in tensors that everything later depends on (`RecordedRun.bottlenecks`), such as the outputs of
blocks, and averaged over the early, the middle and the late ones.

Shapes: n inputs of a batch, P proxies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parameter import is_lazy

from nassurrogate.errors import InputError, brief, one_line
from nassurrogate.proxies.names import NETWORK_PROXY_NAMES, THIRDS
from nassurrogate.proxies.recorded_run import RecordedRun, record_run
from nassurrogate.proxies.statistics import activation_statistics, jacobian_covariance, log_size
from nassurrogate.runtime.device import one_thread_each
from nassurrogate.runtime.generators import global_generators_kept

IMAGES: Final = 16
_MOST_TENSORS: Final = 4
"""Tensors of each third whose signals are looked at."""
_MOST_CHANNELS: Final = 64
_RIDGE: Final = 1e-4
_TINY: Final = 1e-12
_LARGEST: Final = 1e14
_GRADIENTS: Final = len(NETWORK_PROXY_NAMES) - NETWORK_PROXY_NAMES.index("log gradient at the input")


def module_proxies(
    module: nn.Module, input_shape: Sequence[int], *, seed: int = 0, images: int = IMAGES
) -> dict[str, float]:
    """The zero-cost proxies of a module, by the names in `NETWORK_PROXY_NAMES`; all are finite.

    The module's weights are read as they are: it should be freshly initialised. It is left in evaluation mode, apart
    from its normalisation layers, which use the statistics of the batch; those that they keep change. The global random
    generators stay as they are.

    Args:
        module: on the CPU.
        input_shape: of one input, such as (3, 32, 32). A module with an embedding that takes no noise gets random
            indices.
        seed: of the noise and of the combination of the outputs.
        images: n, at least 2.

    Raises `InputError` for a module that does not run on such a batch, or returns no floating-point tensor.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(4 * 36, 10))
    >>> proxies = module_proxies(network, (3, 8, 8))
    >>> round(proxies["log number of units"], 2) == round(float(np.log(4 * 36)), 2)
    True
    """
    if isinstance(images, bool) or not isinstance(images, int | np.integer) or images < 2:
        raise InputError(f"images must be a whole number of at least 2, got {brief(images)}")
    _prepare(module)
    generator = torch.Generator().manual_seed(seed)
    with one_thread_each(), global_generators_kept(seed):
        run, image = _run(module, noise(int(images), tuple(input_shape), generator))
        signals = _signals(run)
        values = [*signals, *_patterns(run), *_gradients(module, run, image, generator)]
    # A correlation of neighbours needs neighbours.
    finite = np.nan_to_num(np.array(values, dtype=np.float64))
    return dict(zip(NETWORK_PROXY_NAMES, finite.tolist(), strict=True))


def noise(n: int, input_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """(n, …) white noise; for images also stronger noise of low frequency, as in photographs."""
    total = torch.randn(n, *input_shape, generator=generator)
    if len(input_shape) == 3:
        for side in (4, 8):
            coarse = 2 * torch.randn(n, input_shape[0], side, side, generator=generator)
            total = total + F.interpolate(coarse, size=input_shape[1:], mode="bilinear")
    return total


def _prepare(module: nn.Module) -> None:
    """No dropout; batch statistics, as those that a new network keeps are of no use; gradients of all weights."""
    module.eval()
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._NormBase):
            part.train()
    for name, parameter in module.named_parameters():
        if is_lazy(parameter):
            raise InputError(f"{name} of the network is lazy; call the network on an input to give it a shape")
        if parameter.is_floating_point():
            parameter.requires_grad_()


def _run(module: nn.Module, batch: Tensor) -> tuple[RecordedRun, Tensor]:
    """The run, and the tensor whose gradient counts as that of the input."""
    kinds = [parameter.dtype for parameter in module.parameters() if parameter.is_floating_point()]
    image = batch.to(kinds[0] if kinds else batch.dtype).requires_grad_()
    try:
        run = record_run(module, image)
    except Exception as error:  # the user's code may raise anything
        sizes = [part.num_embeddings for part in module.modules() if isinstance(part, nn.Embedding)]
        if not sizes:
            raise InputError(_refusal(batch, error)) from error
        indices = (batch.abs() * 1e4).long() % min(sizes)
        try:
            run = record_run(module, indices)
        except Exception as other:
            raise InputError(_refusal(indices, other)) from other
        image = next((x for x in run.bottlenecks if x.requires_grad), image)
    if not run.outputs:
        raise InputError("the network returns no floating-point tensor")
    return run, image


def _refusal(batch: Tensor, error: Exception) -> str:
    return f"the network does not run on a batch of shape {tuple(batch.shape)}: {one_line(error)}"


def _signals(run: RecordedRun) -> list[float]:
    """Six statistics of the early, the middle and the late bottlenecks each."""
    # After pooling over all positions, little is left to look at.
    found = [x for x in run.bottlenecks if x[0, 0].numel() > 1] or run.bottlenecks
    found = found or [x.flatten(1) for x in run.outputs if x.ndim > 1][-1:]
    if not found:
        return [0.0] * (len(THIRDS) * 6)
    values: list[float] = []
    for third in range(len(THIRDS)):
        first = third * len(found) // len(THIRDS)
        last = max(((third + 1) * len(found)) // len(THIRDS), first + 1) - 1
        places = np.unique(np.linspace(first, last, min(_MOST_TENSORS, last - first + 1)).round().astype(int))
        values += np.mean([_statistics(found[place].detach()) for place in places], axis=0).tolist()
    return values


def _statistics(x: Tensor) -> list[float]:
    """`activation_statistics` of (n, C, …) activations, and the entropy of the variance over principal components."""
    x = _finite(x.float())
    x = x[:, :, None] if x.ndim == 2 else x.flatten(2)
    values = [float(value) for value in activation_statistics(x[:, None, :, None])]
    x = x[:, :: -(-x.shape[1] // _MOST_CHANNELS)]
    rows = (x - x.mean((0, 2), keepdim=True)).transpose(0, 1).flatten(1)
    covariance = (rows @ rows.T).double()
    shares = torch.linalg.eigvalsh(covariance / (covariance.trace() + _TINY)).clamp(min=_TINY)
    return [*values, float(-(shares * shares.log()).sum())]


def _finite(x: Tensor) -> Tensor:
    """Numbers whose squares can be summed, even if the network explodes."""
    return torch.nan_to_num(x).clamp(-_LARGEST, _LARGEST)


def _patterns(run: RecordedRun) -> list[float]:
    """How different the patterns of active units are, over all layers and in the last one; and the number of units."""
    patterns = run.active or [(x.detach() > 0).flatten(1) for x in run.bottlenecks or run.outputs if x.ndim > 1]
    if not patterns:
        return [0.0, 0.0, 0.0]
    units = sum(pattern.shape[1] for pattern in patterns)
    kernels = [_equal_units(pattern) for pattern in patterns]
    every = torch.stack(kernels).sum(0) / units
    return [_log_determinant(every), _log_determinant(kernels[-1] / patterns[-1].shape[1]), float(np.log(units))]


def _equal_units(pattern: Tensor) -> Tensor:
    """(n, n): in how many units two inputs are in the same state."""
    on = pattern.float()
    return (on @ on.T + (1 - on) @ (1 - on).T).double()


def _log_determinant(kernel: Tensor) -> float:
    ridge = _RIDGE * torch.eye(len(kernel), dtype=kernel.dtype)
    return float(torch.linalg.slogdet(kernel + ridge).logabsdet)


def _gradients(module: nn.Module, run: RecordedRun, image: Tensor, generator: torch.Generator) -> list[float]:
    """Statistics of the gradients of a random combination of the outputs, a mean over the batch."""
    n = len(image)
    loss = sum((x * torch.randn(x.shape, generator=generator).to(x.dtype)).sum() / n for x in run.outputs)
    weights = [p for p in module.parameters() if p.is_floating_point() and p.ndim > 1]
    if not isinstance(loss, Tensor) or not loss.requires_grad or not image.requires_grad:
        return [float(log_size(torch.zeros(())))] * _GRADIENTS
    of_image, *gradients = torch.autograd.grad(loss, [image, *weights], allow_unused=True, materialize_grads=True)
    jacobian, gradients = _finite(of_image.flatten(1).double()), [_finite(g.double()) for g in gradients]
    squares = [gradient.square().sum() for gradient in gradients] or [torch.zeros(()).double()]
    saliencies = [(g * w.detach()).abs().sum() for g, w in zip(gradients, weights, strict=True)]
    sizes = [weight.numel() for weight in weights] or [1]
    thirds = np.array_split(np.arange(len(squares)), len(THIRDS))
    each = [float(log_size(square / size)) for square, size in zip(squares, sizes, strict=True)]
    sums = [sum((squares[place] for place in third), start=torch.zeros(()).double()) for third in thirds]
    return [
        float(log_size(jacobian.norm(dim=1).mean())),
        float(jacobian_covariance(jacobian[None])),
        *(float(log_size(total)) for total in (torch.stack(squares).sum(), *sums, squares[0], squares[-1])),
        float(np.mean(each)),
        float(log_size(sum(saliencies, start=torch.zeros(()).double()))),
    ]
