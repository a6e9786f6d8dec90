"""Modules as users write them."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from nassurrogate import get_space


class Case(NamedTuple):
    """A module, the shape of one example, and the type of the input."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...] = (3, 16, 16)
    dtype: torch.dtype | None = None


class ConvNet(nn.Module):
    """Flattens, so that the size of the image is fixed."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, (3, 5), stride=2, padding=(1, 2), bias=False)
        self.drop = nn.Dropout(0.25)
        self.fc = nn.Linear(16 * 4 * 4, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(image))), 2)
        x = torch.relu(self.conv2(x))
        x = self.drop(x.view(x.size(0), -1))
        return self.fc(x)


class Residual(nn.Module):
    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 8, 3, padding=1), norm=nn.BatchNorm2d(8)))
        self.layer1 = nn.Sequential(Residual(8, 8, 1), Residual(8, 8, 1))
        self.layer2 = nn.Sequential(Residual(8, 16, 2), Residual(16, 16, 1))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16, 10)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer2(self.layer1(F.relu(self.stem(x), inplace=True)))
        x = torch.flatten(self.avgpool(x), 1)
        return F.log_softmax(self.fc(x), dim=1)


class Attention(nn.Module):
    """Heads are split by hand, with shapes read from the input."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, dim = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = self.drop((q @ k.transpose(-2, -1) * self.scale).softmax(dim=-1))
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


class Block(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * dim, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self, dim: int = 16) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, dim, 4, 4)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos = nn.Parameter(torch.randn(1, 17, dim) * 0.02)
        self.blocks = nn.ModuleList([Block(dim, 2) for _ in range(3)])
        self.attention = nn.MultiheadAttention(dim, 4, dropout=0.1, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(dim, 2, 32, batch_first=True, activation="gelu")
        self.head = nn.Linear(dim, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1) + self.pos
        for block in self.blocks:
            x = block(x)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head(self.layer(x)[:, 0])


class Odds(nn.Module):
    """Functions, operators and indexing of many kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(8, 1, 1)), nn.Parameter(torch.randn(8, 1, 1))])
        self.table = nn.ParameterDict({"shift": nn.Parameter(torch.full((1,), 0.5))})
        self.register_buffer("mask", torch.tensor([1.0, 0.0] * 4).view(8, 1, 1))
        self.register_buffer("order", torch.arange(8), persistent=False)
        self.factor = torch.tensor(0.25)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(F.pad(x, (1, 1, 1, 1), mode="reflect"))
        for scale in self.scales:
            x = x * scale
        a, b = x.chunk(2, dim=1)
        x = torch.cat([b, -a], dim=1) + self.table["shift"]
        x = x * self.mask + (1 - self.mask) * x.detach().abs()
        x = x[:, self.order] / 2 + 3 - 2 * x
        y = torch.zeros(x.shape[0], 8, 1, 1, device=x.device)
        y[:, 1:3] = self.factor
        x = torch.where(x > 0, x, 0.1 * x) + y
        x = x.clamp(min=-5, max=5.0).pow(2).mean(dim=(-2, -1), keepdim=True)
        x = x.squeeze(-1).squeeze(-1)
        x += math.pi
        return self.fc(x.sigmoid_())


class Shared(nn.Module):
    """One layer called twice, one under two names, and tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(12, 12)
        self.again = self.first
        self.act = nn.Tanh()
        self.stack = nn.Sequential(nn.Linear(12, 12), self.act, self.first)
        self.head = nn.Linear(12, 12, bias=False)
        self.head.weight = self.stack[0].weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.stack(self.again(self.act(self.first(x)))))


class DropPath(nn.Module):
    """Acts in training only."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        mask = keep + torch.rand((x.shape[0],) + (1,) * (x.ndim - 1), dtype=x.dtype, device=x.device)
        return x.div(keep) * mask.floor()


class Stochastic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))
        self.paths = nn.ModuleList(DropPath(rate) for rate in (0.0, 0.2, 0.4))
        self.gate = nn.GRU(6, 5, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block, path in zip(self.blocks, self.paths, strict=True):
            x = x + path(F.dropout(F.gelu(block(x)), 0.1, self.training))
        out, _ = self.gate(x)
        return self.head(out.max(dim=1).values)


class Dense(nn.Module):
    """Layers get a list of tensors, which grows."""

    class Layer(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(channels, 4, 3, padding=1)

        def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
            return F.relu(self.conv(torch.cat(features, 1)))

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({f"dense {n}": self.Layer(3 + 4 * n) for n in range(3)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = [x]
        for layer in self.layers.values():
            features.append(layer(features))
        return torch.cat(features, 1).mean((2, 3))


class ConvBN(nn.Sequential):
    """A container with a constructor of its own, as in torchvision."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU6(inplace=True)
        )


class Squeeze(nn.Module):
    """Squeeze and excitation, depthwise convolutions, several sizes by interpolation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBN(3, 8, 2)
        self.depthwise = nn.Conv2d(8, 8, 5, padding="same", groups=8)
        self.reduce, self.expand = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.norm = nn.GroupNorm(2, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.depthwise(self.stem(x))
        gate = F.adaptive_avg_pool2d(y, 1)
        y = y * self.expand(F.hardswish(self.reduce(gate))).sigmoid()
        y = self.norm(self.up(y))
        y = F.interpolate(y, size=x.shape[2:], mode="bilinear", align_corners=False)
        return (y.flatten(2) @ x.flatten(2).transpose(1, 2)).reshape(y.shape[0], -1) / y.shape[-1]


class Standardised(nn.Conv2d):
    """A layer with another forward."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        return self._conv_forward(x, weight / (weight.std() + 1e-5), self.bias)


class Windows(nn.Module):
    """Sizes are handed on as numbers, and a part returns a pair."""

    class Embed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.proj = Standardised(3, 8, 2, 2)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int]]:
            x = self.proj(x)
            return x.flatten(2).transpose(1, 2), (x.shape[2], x.shape[3])

    class Mix(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=8)

        def forward(self, x: torch.Tensor, height: int, width: int) -> torch.Tensor:
            batch, _, channels = x.shape
            x = x.transpose(1, 2).view(batch, channels, height, width)
            return self.conv(x).flatten(2).transpose(1, 2)

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix, self.head = self.Embed(), self.Mix(), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens, (height, width) = self.embed(x)
        tokens = tokens + self.mix(tokens, height, width) + self.mix(tokens, width=width, height=height)
        return self.head(tokens.mean(1))


class Text(nn.Module):
    """Reads indices, with a causal mask."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.lstm = nn.LSTM(8, 8, num_layers=2, batch_first=True)
        self.register_buffer("mask", torch.full((6, 6), float("-inf")).triu(1))
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x, (hidden, _) = self.lstm(self.embed(tokens))
        attention = (x @ x.transpose(1, 2) / math.sqrt(8) + self.mask).softmax(-1)
        return self.head(torch.einsum("bij,bjd->bid", attention, x)[:, -1] + hidden[-1])


class Frozen(nn.Module):
    """Has parameters that are not trained, one of them with many numbers, and double precision."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(8, 40)
        self.body.requires_grad_(False)
        self.fixed = nn.Parameter(torch.randn(40, 40), requires_grad=False)
        self.head = nn.Linear(40, 2)
        self.double()

    def forward(self, x: torch.Tensor) -> Any:
        y = torch.tanh(self.body(x)) @ self.fixed
        return {"logits": self.head(y), "features": (y, x)}


class Two(nn.Module):
    """Returns a pair, and in training a third output."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.one, self.aux = nn.Linear(7, 7), nn.Linear(7, 2), nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = F.silu(self.body(x))
        if self.training:
            return self.one(y), y, self.aux(y)
        return self.one(y), y


def _built(space: str, arch: str, **sizes: int) -> nn.Module:
    found: Any = get_space(space)
    made: nn.Module = found.build(found.parse(arch), n_labels=7, **sizes)
    return made


CASES: dict[str, Case] = {
    "conv net": Case(ConvNet),
    "residual": Case(ResNet),
    "vision transformer": Case(ViT),
    "mlp": Case(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(48, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 2)), (3, 4, 4)
    ),
    "odds": Case(Odds, (3, 9, 9)),
    "shared": Case(Shared, (12,)),
    "stochastic": Case(Stochastic, (4, 6)),
    "dense": Case(Dense, (3, 8, 8)),
    "squeeze": Case(Squeeze),
    "windows": Case(Windows),
    "text": Case(Text, (6,), torch.long),
    "frozen": Case(Frozen, (8,)),
    "two outputs": Case(Two, (7,)),
    **{
        name: Case(partial(_built, name, arch, **sizes), (3, 16, 16))
        for name, arch, sizes in (
            (
                "nb201",
                "|avg_pool_3x3~0|+|none~0|nor_conv_1x1~1|+|nor_conv_3x3~0|skip_connect~1|none~2|",
                {"width": 4, "cells_per_stage": 2},
            ),
            ("nb101", "7914772b0a53c7eb91f5913ed159c56e", {"width": 16, "cells_per_stage": 1}),
            ("macro", "01201202", {"width": 8}),
        )
    },
}
