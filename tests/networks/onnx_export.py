"""Torch modules as ONNX files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from tests.networks import IMAGE


def export_onnx(
    module: nn.Module,
    path: str | Path,
    input_shape: Sequence[int] = IMAGE,
    opset: int = 17,
    *,
    dynamo: bool = False,
) -> Path:
    """Write a module in eval mode as one ONNX file, weights included, and return its path.

    Args:
        dynamo: whether to export by `torch.export`, which needs opset 18; by TorchScript otherwise, which is quicker.
    """
    image = torch.zeros(*input_shape, dtype=next((p.dtype for p in module.parameters()), torch.float32))
    extra = {"external_data": False, "verbose": False} if dynamo else {}
    training = module.training
    module.eval()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated, and it warns of constants that a trace keeps
            torch.onnx.export(
                module, (image,), str(path), opset_version=max(opset, 18) if dynamo else opset, dynamo=dynamo, **extra
            )
    finally:
        module.train(training)
    return Path(path)
