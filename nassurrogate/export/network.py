"""Writes a network to a file in one of three forms, each checked against the network itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nassurrogate.errors import InputError, unknown_choice
from nassurrogate.export.checked_network import FORMS, CheckedNetwork
from nassurrogate.export.file_text import is_untouched
from nassurrogate.export.weights import SAFETENSORS, is_exported, weights_bytes
from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.files.given_path import as_path


@dataclass(frozen=True)
class Exported:
    """What `export_network` wrote.

    Args:
        path: of the file.
        weights: of the file with the weights of a `.py`; None if there is none.
        params: number of parameters.
        macs: multiply-accumulates for one input; None if they are unknown.
        difference: the largest difference between outputs of the file and of the module, relative where they exceed 1.
    """

    path: Path
    weights: Path | None
    params: int
    macs: int | None
    difference: float


def export_network(
    module: nn.Module,
    input_shape: Sequence[int],
    path: Any,
    *,
    about: Mapping[str, str] | None = None,
    with_weights: bool = False,
    dtype: torch.dtype | None = None,
) -> Exported:
    """Write a network to a file, and check that the file computes the same.

    - `.py`: plain PyTorch source, for training and inference, with the names of the module's parameters. Weights are
      in a file of their own.
    - `.pt2`: a program that `torch.export.load` reads, for inference, with the weights.
    - `.onnx`: for inference, with the weights.

    All forms take batches of any size.

    Args:
        module: the network; it stays as it is.
        input_shape: of one example, without the batch, such as (3, 32, 32).
        path: an existing file is replaced; a `.py` file, and weights beside it, only if this function wrote them and
            nobody changed the source.
        about: what the network is, stored in the file by name.
        with_weights: whether to write the weights of a `.py` beside it, as `.safetensors`.
        dtype: of the input; None: the type of the parameters, or indices if the module takes nothing else.

    Raises `InputError` for another suffix, a network that cannot be written in this form, one that does not accept its
    input, and a path that cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> with TemporaryDirectory() as folder:
    ...     export_network(network, (3, 8, 8), Path(folder, "model.py")).params
    112
    """
    target = checked_target(path, with_weights=with_weights)
    form = target.suffix.casefold()
    if with_weights and form != ".py":
        raise InputError(f"weights go beside a .py file; {form} holds them itself")
    network = CheckedNetwork(module, input_shape, dtype)
    weights = target.with_suffix(SAFETENSORS) if with_weights else None
    if form == ".py":
        text, apart = network.source(about or {}, with_weights)
        content = text.encode()
    else:
        content, apart = network.program(form, about or {})
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if weights is not None:
            numbers = weights_bytes(network.module)
            write_atomically(weights, lambda file: file.write(numbers))
        write_atomically(target, lambda file: file.write(content))
    except OSError as error:
        raise InputError(f"cannot write the network to {target}: {error.strerror or error}") from error
    return Exported(target, weights, network.params, network.macs, apart)


def network_source(
    module: nn.Module,
    input_shape: Sequence[int],
    *,
    about: Mapping[str, str] | None = None,
    with_weights: bool = False,
    dtype: torch.dtype | None = None,
) -> str:
    """The text of the `.py` file that `export_network` writes, checked in the same way.

    Args:
        module, input_shape, about, dtype: as there.
        with_weights: whether the weights will be at hand; without, a module whose source would lack numbers that are
            not trained is refused.

    Raises `InputError` if the module cannot be written as source.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> text = network_source(network, (1, 2, 2))
    >>> print(text[text.index("class") :])
    class Network(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Flatten(), nn.Linear(4, 2))
    <BLANKLINE>
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self:
                x = layer(x)
            return x
    <BLANKLINE>
    """
    return CheckedNetwork(module, input_shape, dtype).source(about or {}, with_weights)[0]


def checked_target(path: Any, *, with_weights: bool = False) -> Path:
    """The path, if it may be written.

    Raises `InputError` for an unknown suffix, and for a `.py` file or weights beside it that are not as an export wrote
    them: they may hold the only copy of somebody's work.
    """
    target = as_path(path, "the file to write")
    form = target.suffix.casefold()
    if form not in FORMS:
        raise unknown_choice("suffix", target.suffix, FORMS, place=f" of {target}")
    if form == ".py" and target.is_file() and not is_untouched(target.read_text(errors="replace")):
        raise InputError(
            f"{target} exists, and was not written by an export or has been changed since; give another name, or "
            "remove it"
        )
    weights = target.with_suffix(SAFETENSORS)
    if with_weights and weights.exists() and not is_exported(weights):
        raise InputError(f"{weights} exists and was not written by an export; give another name, or remove it")
    return target
