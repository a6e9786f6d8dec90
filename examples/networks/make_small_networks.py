"""Makes ONNX networks of five families, of random depths, widths and resolutions, with random weights.

    python examples/networks/make_small_networks.py DIR                 # 60 networks, 2.5 GB
    nassurrogate measure DIR/*/*.onnx --out DIR/latencies.csv

The sizes of a family are spread evenly, on a logarithmic scale, between two numbers of floating-point operations. Each
family has a folder. The same seed makes the same networks; files that exist are kept.
"""

from __future__ import annotations

import argparse
import io
import math
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from nassurrogate.files.atomic_file import write_atomically

COUNT = 60
GFLOPS = (0.25, 20.0)
MAX_PARAMS = 60_000_000
CANDIDATES = 12
"""Of so many random networks, the one whose size is nearest to the wanted one is taken."""
RESOLUTIONS = (128, 160, 192, 224, 256, 288)
OPSET = 17


def conv(
    channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, act: nn.Module | None = None
) -> nn.Module:
    """A convolution with batch norm and an activation, if any."""
    layers = [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers, *([] if act is None else [act]))


def rounded(width: float, to: int = 8) -> int:
    """A number of channels as people choose them."""
    return max(to, to * round(width / to))


class Residual(nn.Module):
    """A body with a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None, act: nn.Module | None) -> None:
        super().__init__()
        self.body, self.shortcut, self.act = body, shortcut or nn.Identity(), act or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.body(x) + self.shortcut(x))


def resnet(rng: random.Random) -> nn.Module:
    """Basic blocks or bottlenecks, as in ResNet."""
    bottleneck = rng.random() < 0.5
    width = rng.choice((24, 32, 48, 64, 80))
    layers: list[nn.Module] = [conv(3, width, 7, 2, act=nn.ReLU()), nn.MaxPool2d(3, 2, 1)]
    channels = width
    for stage in range(4):
        inner = width * 2**stage
        out = inner * (4 if bottleneck else 1)
        for block in range(rng.randint(1, 6 if stage == 2 else 4)):
            stride = 2 if stage and not block else 1
            parts = (
                [(inner, 1, 1), (inner, 3, stride), (out, 1, 1)] if bottleneck else [(inner, 3, stride), (out, 3, 1)]
            )
            body, into = [], channels
            for place, (wide, kernel, step) in enumerate(parts):
                body.append(conv(into, wide, kernel, step, act=nn.ReLU() if place + 1 < len(parts) else None))
                into = wide
            same = stride == 1 and channels == out
            layers.append(Residual(nn.Sequential(*body), None if same else conv(channels, out, 1, stride), nn.ReLU()))
            channels = out
    return nn.Sequential(*layers, *classifier(channels))


class SqueezeExcitation(nn.Module):
    """Channel attention."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.excite(F.silu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))


def mobile(rng: random.Random, *, attention: bool) -> nn.Module:
    """Inverted residuals, as in MobileNetV2; with channel attention, SiLU and larger kernels as in EfficientNet."""
    scale, deeper = rng.uniform(0.5, 2.0), rng.uniform(0.7, 1.8)
    act = nn.SiLU if attention else nn.ReLU6
    channels = rounded(32 * scale)
    layers: list[nn.Module] = [conv(3, channels, 3, 2, act=act())]
    for base, count, stride in ((16, 1, 1), (24, 2, 2), (40, 3, 2), (80, 4, 2), (112, 3, 1), (192, 3, 2), (320, 1, 1)):
        out, expansion = rounded(base * scale), 1 if base == 16 else rng.choice((3, 4, 6))
        kernel = rng.choice((3, 5)) if attention else 3
        for block in range(max(1, round(count * deeper))):
            step, inner = stride if not block else 1, channels * expansion
            body = [] if expansion == 1 else [conv(channels, inner, 1, act=act())]
            body.append(conv(inner, inner, kernel, step, groups=inner, act=act()))
            if attention:
                body.append(SqueezeExcitation(inner, max(4, channels // 4)))
            body.append(conv(inner, out, 1))
            whole = nn.Sequential(*body)
            layers.append(Residual(whole, None, None) if step == 1 and channels == out else whole)
            channels = out
    head = rounded(1280 * max(1.0, scale))
    return nn.Sequential(*layers, conv(channels, head, 1, act=act()), *classifier(head))


def vgg(rng: random.Random, image: int) -> nn.Module:
    """Plain 3x3 convolutions with pools between them and a few linear layers, as in VGG."""
    width, batch_norm = rng.choice((16, 24, 32, 48, 64)), rng.random() < 0.5
    layers: list[nn.Module] = []
    channels = 3
    for stage in range(5):
        out = min(8 * width, width * 2**stage)
        for _ in range(rng.randint(1, 3)):
            layers += (
                [conv(channels, out, 3, act=nn.ReLU())]
                if batch_norm
                else [nn.Conv2d(channels, out, 3, 1, 1), nn.ReLU()]
            )
            channels = out
        layers.append(nn.MaxPool2d(2))
    hidden = rng.choice((256, 512, 1024, 2048))
    linear = [nn.Linear(channels * (image // 32) ** 2, hidden), nn.ReLU(), nn.Linear(hidden, 1000)]
    return nn.Sequential(*layers, nn.Flatten(), *linear)


class Attention(nn.Module):
    """Self-attention with several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = (
            self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        )
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, width))


class ViT(nn.Module):
    """Patches with a class token and learned positions, blocks of attention, and a linear classifier."""

    def __init__(self, image: int, patch: int, width: int, heads: int, depth: int, ratio: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + (image // patch) ** 2, width))
        blocks: list[nn.Module] = []
        for _ in range(depth):
            blocks.append(Residual(nn.Sequential(nn.LayerNorm(width), Attention(width, heads)), None, None))
            hidden = [nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width)]
            blocks.append(Residual(nn.Sequential(nn.LayerNorm(width), *hidden), None, None))
        self.blocks = nn.Sequential(*blocks)
        self.norm, self.classifier = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        return self.classifier(self.norm(self.blocks(x))[:, 0])


def vit(rng: random.Random, image: int) -> nn.Module:
    """A vision transformer."""
    heads = rng.choice((2, 3, 4, 6, 8))
    width, depth = heads * rng.choice((32, 64)), rng.randint(4, 12)
    return ViT(image, rng.choice((16, 32)), width, heads, depth, rng.choice((2, 3, 4)))


def classifier(channels: int) -> list[nn.Module]:
    """The mean over the image, and a linear layer."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000)]


FAMILIES: dict[str, Callable[[random.Random, int], nn.Module]] = {
    "resnet": lambda rng, image: resnet(rng),
    "mobilenetv2": lambda rng, image: mobile(rng, attention=False),
    "efficientnet": lambda rng, image: mobile(rng, attention=True),
    "vgg": vgg,
    "vit": vit,
}


def gflops(network: nn.Module, image: int) -> float:
    """Floating-point operations of one image, in billions."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, image, image, device="meta"))
    return counter.get_total_flops() / 1e9


def draw(family: str, wanted_gflops: float, seed: str) -> tuple[nn.Module, int]:
    """A network without memory for its weights, and its resolution: the nearest in size of several random ones."""
    found = []
    for candidate in range(CANDIDATES):
        rng = random.Random(f"{seed} {candidate}")
        image = rng.choice(RESOLUTIONS)
        with torch.device("meta"):
            network = FAMILIES[family](rng, image).eval()
        too_large = sum(weight.numel() for weight in network.parameters()) > MAX_PARAMS
        miss = abs(math.log(gflops(network, image) / wanted_gflops))
        found.append((too_large, miss, candidate, network, image))
    *_, network, image = min(found, key=lambda entry: entry[:3])
    return network, image


def with_weights(network: nn.Module, seed: str) -> nn.Module:
    """The network with weights that keep the size of its activations: numbers near zero could be slow to multiply."""
    network = network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(random.Random(seed).getrandbits(60))
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in = module.weight[0].numel()
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_in), generator=generator)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.reset_parameters()
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()
        elif isinstance(module, ViT):
            nn.init.normal_(module.token, generator=generator)
            nn.init.normal_(module.positions, generator=generator)
    return network


def export(network: nn.Module, image: int) -> bytes:
    """The network as an ONNX file."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's age, and of sizes that its trace keeps
        torch.onnx.export(network, (torch.zeros(1, 3, image, image),), content, opset_version=OPSET, dynamo=False)
    return content.getvalue()


def make(folder: Path, count: int, gflops_range: tuple[float, float], seed: int) -> list[Path]:
    """Write the networks that are missing, each into the folder of its family, and return the paths of all."""
    least, most = gflops_range
    paths = []
    for number in range(count):
        family = list(FAMILIES)[number % len(FAMILIES)]
        place, of = number // len(FAMILIES), math.ceil(count / len(FAMILIES))
        name = f"{family}_{place}"
        paths.append(folder / family / f"{name}.onnx")
        if paths[-1].exists():
            continue
        wanted = least * (most / least) ** (place / max(1, of - 1))
        network, image = draw(family, wanted, f"{seed} {name}")
        size = gflops(network, image)
        content = export(with_weights(network, f"{seed} {name} weights"), image)
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        write_atomically(paths[-1], lambda file, content=content: file.write(content))
        print(f"{name}: {image} pixels, {size:.2f} GFLOPs, {len(content) / 1e6:.0f} MB", flush=True)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--count", type=int, default=COUNT, help=f"number of networks (default: {COUNT})")
    parser.add_argument("--gflops", type=float, nargs=2, default=GFLOPS, metavar=("LEAST", "MOST"))
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    make(chosen.folder, chosen.count, tuple(chosen.gflops), chosen.seed)


if __name__ == "__main__":
    main()
