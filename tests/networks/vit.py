"""ViT (Dosovitskiy et al., 2021), on `scaled_dot_product_attention` or on PyTorch's module of attention."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        qkv = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, width)
        return self.out(mixed)  # type: ignore[no-any-return]


class _Multihead(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x, need_weights=False)[0]  # type: ignore[no-any-return]


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, attention: type[nn.Module]) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Dropout(0.0), nn.Linear(hidden, width), nn.Dropout(0.0)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]


class ViT(nn.Module):
    """Patches of 16x16 with a class token and learned positions, blocks of attention, and a linear classifier."""

    def __init__(
        self,
        width: int,
        heads: int,
        depth: int,
        attention: type[nn.Module] = _Attention,
        image: int = 224,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + (image // 16) ** 2, width))
        self.dropout = nn.Dropout(0.0)
        self.blocks = nn.Sequential(*(_Block(width, heads, 4 * width, attention) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1)
        x = self.blocks(self.dropout(x + self.positions))
        return self.classifier(self.norm(x)[:, 0])  # type: ignore[no-any-return]


def vit_b16() -> nn.Module:
    """ViT-B/16: 86,567,656 parameters."""
    return ViT(768, 12, 12)


def vit_tiny() -> nn.Module:
    """ViT-Ti/16 (Touvron et al., 2021): 5,717,416 parameters."""
    return ViT(192, 3, 12)


def vit_multihead() -> nn.Module:
    """ViT-Ti/16 on `nn.MultiheadAttention`: 5,717,416 parameters."""
    return ViT(192, 3, 12, _Multihead)
