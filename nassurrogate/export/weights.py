"""Weights of networks in files: safetensors, or a state dict of PyTorch; nothing in a file is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from nassurrogate.errors import InputError, brief, one_line

SAFETENSORS: Final = ".safetensors"
_WRITTEN_BY: Final = {"written_by": "nassurrogate export"}
_PREFIXES: Final = ("module.", "_orig_mod.")
"""What `nn.DataParallel` and `torch.compile` put before all names."""


def load_weights(module: nn.Module, path: Path) -> None:
    """Load the weights of a file into a module.

    Args:
        module: that they belong to; its own weights are replaced.
        path: a `.safetensors` file, or what `torch.save(module.state_dict(), path)` wrote. A prefix `module.` or
            `_orig_mod.` before all names is left out.

    Raises `InputError` for a file that cannot be read, holds something else, or does not fit the module.
    """
    found = _read(path)
    wanted = module.state_dict()
    for prefix in _PREFIXES:
        if found and all(name.startswith(prefix) for name in found) and not all(n.startswith(prefix) for n in wanted):
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    _check(found, wanted, path)
    module.load_state_dict(found)


def weights_bytes(module: nn.Module) -> bytes:
    """The state dict in the format of safetensors; tensors with several names are written once for each."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items()}
    return bytes(save(tensors, metadata=_WRITTEN_BY))


def is_exported(path: Path) -> bool:
    """Whether a file holds weights that an export wrote."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return bool((file.metadata() or {}).items() >= _WRITTEN_BY.items())
    except (OSError, SafetensorError):
        return False


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        if path.suffix.casefold() == SAFETENSORS:
            from safetensors.torch import load

            found: Any = load(path.read_bytes())
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror or error}") from error
    except Exception as error:  # the readers raise errors of many types
        raise InputError(
            f"cannot read the weights {path}: {one_line(error, 100)}; expected a .safetensors file, or what "
            "torch.save(module.state_dict(), path) wrote"
        ) from error
    if not isinstance(found, Mapping) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        held = f"a dict of {', '.join(map(str, list(found)[:5]))}" if isinstance(found, Mapping) else brief(found)
        raise InputError(f"{path} is no state dict but {held}; save one with torch.save(module.state_dict(), path)")
    return dict(found)


def _check(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], path: Path) -> None:
    """Raise `InputError` unless the names and the shapes are those of the network."""
    missing, unknown = [n for n in wanted if n not in found], [n for n in found if n not in wanted]
    if missing or unknown:
        lacking = [f"it lacks {_counted(missing)}"] if missing else []
        extra = [f"it has {_counted(unknown)} too many"] if unknown else []
        raise InputError(f"the weights {path} are not those of this network: {' and '.join([*lacking, *extra])}")
    for name, tensor in wanted.items():
        if tuple(found[name].shape) != tuple(tensor.shape):
            raise InputError(
                f"the weights {path} are not those of this network: {name} has the shape {tuple(found[name].shape)}, "
                f"expected {tuple(tensor.shape)}"
            )


def _counted(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
