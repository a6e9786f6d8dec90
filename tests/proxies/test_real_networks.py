"""Zero-cost proxies of real modules: of any kind, repeatable, and without a trace in the modules' surroundings."""

from __future__ import annotations

import copy
import logging
import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nassurrogate.errors import InputError
from nassurrogate.proxies.names import NETWORK_PROXY_NAMES
from nassurrogate.proxies.network_proxies import NetworkProxies
from nassurrogate.proxies.real_networks import module_proxies
from nassurrogate.proxies.recorded_run import record_run
from nassurrogate.spaces import CategoricalSpace


class Residual(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x)


class Wrapped(nn.Module):
    """Returns what it likes, made of the output of a module."""

    def __init__(self, module: nn.Module, wrap) -> None:
        super().__init__()
        self.module, self.wrap = module, wrap

    def forward(self, x: torch.Tensor):
        return self.wrap(self.module(x))


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, stride=4)
        self.layers = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True), 2, enable_nested_tensor=False
        )
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(self.patches(x).flatten(2).transpose(1, 2)).mean(1))


def seeded(make, seed: int = 0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def convnet(width: int = 8, act=nn.ReLU) -> nn.Sequential:
    body = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), act())
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), act(), Residual(body), nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(width, 10),
    )  # fmt: skip


IMAGE = (3, 8, 8)
KINDS = {
    "convolutions": (convnet, IMAGE),
    "without ReLU": (lambda: convnet(act=nn.GELU), IMAGE),
    "without normalisation and activation": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 4)), IMAGE),
    "a transformer": (Transformer, IMAGE),
    "on vectors": (lambda: nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2)), (5,)),
    "on sequences": (lambda: nn.Sequential(nn.Conv1d(4, 6, 3), nn.SiLU(), nn.Conv1d(6, 6, 3)), (4, 12)),
    "on videos": (lambda: nn.Sequential(nn.Conv3d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 3)), (2, 5, 5, 5)),
    "on indices": (lambda: nn.Sequential(nn.Embedding(50, 8), nn.Flatten(), nn.Linear(48, 3)), (6,)),
    "of doubles": (lambda: convnet().double(), IMAGE),
    "with several outputs": (lambda: Wrapped(convnet(), lambda y: {"logits": y, "others": [y.exp(), 3]}), IMAGE),
    "with a number for each input": (lambda: Wrapped(convnet(), lambda y: y.sum(1)), IMAGE),
    "with one number": (lambda: Wrapped(convnet(), lambda y: y.sum()), IMAGE),
    "that ignores its input": (lambda: Wrapped(convnet(), torch.zeros_like), IMAGE),
    "without weights": (lambda: nn.AvgPool2d(2), IMAGE),
    "with frozen weights": (lambda: convnet().requires_grad_(False), IMAGE),
    "with an explosion": (lambda: Wrapped(convnet(), lambda y: (1e30 * y) ** 3), IMAGE),
}


@pytest.mark.parametrize("kind", KINDS)
def test_modules_of_any_kind_have_finite_proxies(kind: str) -> None:
    make, shape = KINDS[kind]
    first, again = (module_proxies(seeded(make), shape) for _ in range(2))
    assert tuple(first) == NETWORK_PROXY_NAMES
    assert np.isfinite(list(first.values())).all()
    assert first == again


def test_they_tell_networks_and_seeds_apart() -> None:
    rows = [
        module_proxies(seeded(make), IMAGE, seed=seed)
        for make, seed in ((convnet, 0), (convnet, 1), (lambda: convnet(16), 0), (Transformer, 0))
    ]
    assert len({tuple(row.values()) for row in rows}) == 4
    assert rows[2]["log number of units"] - rows[0]["log number of units"] == pytest.approx(math.log(2))


def test_the_global_generators_and_threads_stay_as_they_are() -> None:
    module, threads = convnet(), torch.get_num_threads()
    states = random.getstate(), np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    module_proxies(module, IMAGE)
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), states[2])
    assert torch.get_num_threads() == threads


def test_weights_are_only_read() -> None:
    module = convnet()
    before = copy.deepcopy(dict(module.named_parameters()))
    module_proxies(module, IMAGE)
    assert all(torch.equal(before[name], weight) for name, weight in module.named_parameters())
    assert all(weight.grad is None for weight in module.parameters())


@settings(max_examples=8, deadline=None)
@given(factor=st.floats(0.25, 4.0))
def test_a_factor_on_the_input_moves_only_what_depends_on_scale(factor: float) -> None:
    """Without biases, activations are scaled by the factor: cosines, shares and patterns stay."""

    def network(scale: float) -> nn.Module:
        layers = nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.ReLU(), nn.Conv2d(6, 6, 3, bias=False))
        with torch.no_grad():
            layers[0].weight.mul_(scale)
        return layers

    one, other = (module_proxies(seeded(lambda scale=scale: network(scale)), IMAGE) for scale in (1.0, factor))
    for name in NETWORK_PROXY_NAMES:
        if "variance" in name.split(" that")[0] and "log" in name:
            assert other[name] - one[name] == pytest.approx(2 * math.log(factor), abs=1e-3)
        elif "cosine" in name or "pattern" in name or "entropy" in name or "pooling" in name:
            assert other[name] == pytest.approx(one[name], abs=1e-3)


def test_signals_are_seen_where_everything_passes() -> None:
    """In a residual network: at the convolution, the addition and the output, not inside the block."""
    stem, inside, head = nn.Conv2d(3, 4, 1), nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()), nn.Flatten()
    x = torch.randn(5, 3, 4, 4)
    run = record_run(nn.Sequential(stem, Residual(inside), head), x)
    with torch.no_grad():
        after = stem(x)
        total = after + inside(after)
    assert [tuple(tensor.shape) for tensor in run.bottlenecks] == [(5, 4, 4, 4), (5, 4, 4, 4), (5, 64)]
    assert torch.allclose(run.bottlenecks[0], after)
    assert torch.allclose(run.bottlenecks[1], total)
    assert [tuple(pattern.shape) for pattern in run.active] == [(5, 64)]
    assert torch.equal(run.active[0], (inside[0](after) > 0).flatten(1))


@pytest.mark.parametrize(
    ("module", "shape", "says"),
    [
        (nn.Linear(3, 2), (4,), "does not run on a batch of shape (16, 4)"),
        (nn.LazyLinear(2), (4,), "weight of the network is lazy"),
        (Wrapped(nn.Linear(4, 2), lambda y: y.argmax(1)), (4,), "no floating-point tensor"),
        (Wrapped(nn.Linear(4, 2), lambda y: 1 / 0), (4,), "division by zero"),
    ],
)
def test_a_module_that_does_not_run_is_refused_in_one_line(
    module: nn.Module, shape: tuple[int, ...], says: str
) -> None:
    with pytest.raises(InputError) as caught:
        module_proxies(module, shape)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("images", [1, 0, True, 2.0, None])
def test_a_batch_has_at_least_two_inputs(images: object) -> None:
    with pytest.raises(InputError, match="at least 2"):
        module_proxies(convnet(), IMAGE, images=images)  # type: ignore[arg-type]


BUILT: list[str] = []


def build_or_fail(arch) -> nn.Module:
    BUILT.append(arch.string)
    width, kind = arch.choices["width"], arch.choices["kind"]
    if kind == "raises":
        raise RuntimeError("no such network\nin two lines")
    return nn.Sequential(nn.Flatten(), nn.Linear(192 if kind == "runs" else 3, width), nn.ReLU(), nn.Linear(width, 2))


def test_one_that_fails_loses_only_its_own(caplog: pytest.LogCaptureFixture) -> None:
    space = CategoricalSpace("proxied", {"kind": ["runs", "misfits", "raises"], "width": [4, 8]}, build=build_or_fail)
    proxies, archs, steps = NetworkProxies(space, IMAGE), list(space.members()), []
    with caplog.at_level(logging.WARNING):
        rows = proxies.rows(archs, steps.append)
    assert rows.shape == (6, len(NETWORK_PROXY_NAMES))
    assert np.isfinite(rows).all(axis=1).tolist() == [True, True, False, False, False, False]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert len(caplog.records) == 1
    assert len(proxies.reasons) == 4
    assert "no such network in two lines" in proxies.reasons["kind=raises width=4"]


def test_equivalent_architectures_are_built_once() -> None:
    space = CategoricalSpace(
        "proxied", {"kind": ["runs"], "width": [4, 8], "name": ["a", "b"]}, build=build_or_fail,
        canonical=lambda arch: {**arch.choices, "name": "a"},
    )  # fmt: skip
    proxies, archs = NetworkProxies(space, IMAGE), list(space.members())
    BUILT.clear()
    rows = proxies.rows(archs)
    assert len(BUILT) == 2
    assert np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])
    assert np.array_equal(proxies.rows(archs[::-1]), rows[::-1])
    assert len(BUILT) == 2
