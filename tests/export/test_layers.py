"""Layers of torch.nn as calls of their constructors."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nassurrogate.export.source.expressions import written
from nassurrogate.export.source.layers import constructor, is_layer

LAYERS: dict[str, nn.Module] = {
    "nn.Conv2d(3, 4, 3, bias=False)": nn.Conv2d(3, 4, (3, 3), bias=False),
    "nn.Conv2d(3, 4, (3, 1), stride=2, padding=1)": nn.Conv2d(3, 4, (3, 1), stride=2, padding=1),
    'nn.Conv2d(3, 6, 3, padding="same", groups=3, padding_mode="reflect")': nn.Conv2d(
        3, 6, 3, padding="same", groups=3, padding_mode="reflect"
    ),
    "nn.Conv1d(3, 4, 3, dilation=2)": nn.Conv1d(3, 4, 3, dilation=2),
    "nn.ConvTranspose2d(3, 4, 2, stride=2, output_padding=1)": nn.ConvTranspose2d(3, 4, 2, 2, output_padding=1),
    "nn.BatchNorm2d(4, momentum=0.01, affine=False)": nn.BatchNorm2d(4, momentum=0.01, affine=False),
    "nn.BatchNorm1d(4, track_running_stats=False)": nn.BatchNorm1d(4, track_running_stats=False),
    "nn.LayerNorm((4, 8), eps=1e-06, bias=False)": nn.LayerNorm((4, 8), eps=1e-6, bias=False),
    "nn.LayerNorm(8, elementwise_affine=False)": nn.LayerNorm(8, elementwise_affine=False),
    "nn.GroupNorm(2, 4)": nn.GroupNorm(2, 4),
    "nn.InstanceNorm2d(4, affine=True)": nn.InstanceNorm2d(4, affine=True),
    "nn.RMSNorm(8)": nn.RMSNorm(8),
    "nn.Linear(3, 4, bias=False)": nn.Linear(3, 4, bias=False),
    "nn.Bilinear(2, 3, 4)": nn.Bilinear(2, 3, 4),
    "nn.Embedding(10, 4, padding_idx=0)": nn.Embedding(10, 4, padding_idx=0),
    "nn.MultiheadAttention(8, 2, dropout=0.1, kdim=4, batch_first=True)": nn.MultiheadAttention(
        8, 2, dropout=0.1, kdim=4, batch_first=True
    ),
    "nn.MultiheadAttention(8, 2, bias=False, add_bias_kv=True)": nn.MultiheadAttention(
        8, 2, bias=False, add_bias_kv=True
    ),
    'nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, activation="gelu", norm_first=True)': (
        nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", norm_first=True)
    ),
    "nn.LSTM(input_size=3, hidden_size=4, num_layers=2, bidirectional=True)": nn.LSTM(3, 4, 2, bidirectional=True),
    'nn.RNN(input_size=3, hidden_size=4, nonlinearity="relu")': nn.RNN(3, 4, nonlinearity="relu"),
    "nn.LSTMCell(3, 4)": nn.LSTMCell(3, 4),
    "nn.ReLU(inplace=True)": nn.ReLU(True),
    "nn.ReLU6()": nn.ReLU6(),
    'nn.GELU(approximate="tanh")': nn.GELU("tanh"),
    "nn.LeakyReLU(negative_slope=0.2)": nn.LeakyReLU(0.2),
    "nn.PReLU(num_parameters=3)": nn.PReLU(3),
    "nn.Hardtanh(min_val=0, max_val=1)": nn.Hardtanh(0, 1),
    "nn.Softmax(dim=-1)": nn.Softmax(dim=-1),
    "nn.MaxPool2d(2)": nn.MaxPool2d(2),
    "nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)": nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)": nn.AvgPool2d(3, 1, 1, count_include_pad=False),
    "nn.AdaptiveAvgPool2d((2, None))": nn.AdaptiveAvgPool2d((2, None)),
    "nn.AdaptiveAvgPool2d(1)": nn.AdaptiveAvgPool2d(1),
    'nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=False)': nn.Upsample(
        scale_factor=2, mode="bilinear", align_corners=False
    ),
    "nn.PixelShuffle(2)": nn.PixelShuffle(2),
    "nn.Flatten(start_dim=2)": nn.Flatten(2),
    "nn.Unflatten(1, (2, 4))": nn.Unflatten(1, (2, 4)),
    "nn.ZeroPad2d((1, 2, 0, 0))": nn.ZeroPad2d((1, 2, 0, 0)),
    "nn.Dropout(0.3)": nn.Dropout(0.3),
    "nn.Identity()": nn.Identity(7),
}


@pytest.mark.parametrize("text", LAYERS)
def test_layers_are_made_again(text: str) -> None:
    layer = LAYERS[text]
    assert is_layer(layer)
    assert written(constructor(layer)) == text
    made = eval(text, {"nn": nn})
    assert repr(made) == repr(layer)
    shapes = [{name: tensor.shape for name, tensor in each.state_dict().items()} for each in (made, layer)]
    assert shapes[0] == shapes[1]


def test_a_class_that_only_constructs_is_the_layer() -> None:
    class Same(nn.Conv2d):
        def __init__(self, channels: int) -> None:
            super().__init__(channels, channels, 3, padding=1)

    class Other(Same):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) + x

    assert written(constructor(Same(4))) == "nn.Conv2d(4, 4, 3, padding=1)"
    assert not is_layer(Other(4))
    assert not is_layer(nn.Sequential())
