"""GoogLeNet (Szegedy et al., 2015) with batch norm and without the auxiliary classifiers: 6,624,904 parameters."""

from __future__ import annotations

import torch
from torch import nn

from tests.networks.blocks import conv_norm

_STAGES = (
    # channels; widths of 1x1; of 1x1 and 3x3; of 1x1 and 3x3 (5x5 in the paper); of the 1x1 after the pool
    ((192, 64, 96, 128, 16, 32, 32), (256, 128, 128, 192, 32, 96, 64)),
    (
        (480, 192, 96, 208, 16, 48, 64),
        (512, 160, 112, 224, 24, 64, 64),
        (512, 128, 128, 256, 24, 64, 64),
        (512, 112, 144, 288, 32, 64, 64),
        (528, 256, 160, 320, 32, 128, 128),
    ),
    ((832, 256, 160, 320, 32, 128, 128), (832, 384, 192, 384, 48, 128, 128)),
)


class _Inception(nn.Module):
    def __init__(
        self, channels: int, one: int, three_in: int, three: int, five_in: int, five: int, pooled: int
    ) -> None:
        super().__init__()
        self.one = conv_norm(channels, one, norm_eps=1e-3)
        self.three = nn.Sequential(conv_norm(channels, three_in), conv_norm(three_in, three, 3))
        self.five = nn.Sequential(conv_norm(channels, five_in), conv_norm(five_in, five, 3))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), conv_norm(channels, pooled))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], 1)


class GoogLeNet(nn.Module):
    """Three stages of inception blocks with pools between them, whose sizes are rounded up."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv_norm(3, 64, 7, 2),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            conv_norm(64, 64),
            conv_norm(64, 192, 3),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        )
        self.stages = nn.ModuleList(nn.Sequential(*(_Inception(*widths) for widths in stage)) for stage in _STAGES)
        self.pools = nn.ModuleList([nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(2, 2, ceil_mode=True)])
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(1024, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stages[0](self.stem(x))
        for pool, stage in zip(self.pools, self.stages[1:], strict=True):
            x = stage(pool(x))
        x = torch.flatten(self.pool(x), 1)
        return self.classifier(self.dropout(x))  # type: ignore[no-any-return]


def googlenet() -> nn.Module:
    """GoogLeNet for 1,000 classes."""
    return GoogLeNet()
