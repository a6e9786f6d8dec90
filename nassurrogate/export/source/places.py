"""How a class reaches its parts and tensors: `self.blocks[0].conv.weight`."""

from __future__ import annotations

import keyword

from torch import nn

from nassurrogate.export.source.expressions import text


def place(owner: nn.Module, path: str, start: str = "self") -> str:
    """The expression for a part or a tensor of a module.

    Args:
        owner: the module.
        path: relative to it.
        start: the expression for the module.

    >>> place(nn.Sequential(nn.Linear(1, 1)), "0.weight")
    'self[0].weight'
    """
    shown, at = start, owner
    for name in path.split(".") if path else []:
        if isinstance(at, nn.Sequential | nn.ModuleList | nn.ParameterList) and name.isdecimal():
            position = list({**at._modules, **at._parameters}).index(name)
            shown += f"[{position}]"
        elif isinstance(at, nn.ModuleDict | nn.ParameterDict):
            shown += f"[{text(name)}]"
        elif is_name(name):
            shown += f".{name}"
        else:
            shown = f"getattr({shown}, {text(name)})"
        part = at._modules.get(name)
        at = at if part is None else part
    return shown


def is_name(name: str) -> bool:
    """Whether it can follow a dot."""
    return name.isidentifier() and not keyword.iskeyword(name)
