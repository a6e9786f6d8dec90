"""The text of an exported `.py` file: its docstring, its imports, its classes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Final

from nassurrogate.errors import printable

MARK: Final = "Written by `nassurrogate export`"
"""Every exported file says so; a file that does not is never replaced."""
_COLUMNS: Final = 100


def file_text(classes: Sequence[str], title: str, facts: Mapping[str, str], *, notes: Sequence[str] = ()) -> str:
    """The whole file.

    Args:
        classes: in an order in which they can be defined; the last one is `Network`.
        title: its first line.
        facts: what it is, by name.
        notes: sentences on what to keep in mind.
    """
    width = max(map(len, facts), default=0)
    lines = [_plain(title), "", f"{MARK}; it needs PyTorch and no other package.", ""]
    for name, fact in facts.items():
        first, *others = textwrap.wrap(
            _plain(fact), _COLUMNS - width - 2, break_on_hyphens=False, break_long_words=False
        )
        lines += [f"{name + ':':<{width + 1}} {first}", *(" " * (width + 2) + line for line in others)]
    lines += ["", *(line for note in notes for line in textwrap.wrap(_plain(note), _COLUMNS))] if notes else []
    lines += [
        "",
        "Layers start from PyTorch's initialisation. To load trained weights:",
        "",
        "    network = Network()",
        '    network.load_state_dict(torch.load("weights.pt", weights_only=True))',
        "",
        'or, from a .safetensors file, `network.load_state_dict(safetensors.torch.load_file("weights.safetensors"))`.',
    ]
    code = "\n\n\n".join(classes)
    imports = ["import torch", "from torch import nn"]
    if re.search(r"\bF\.", code):
        imports.append("from torch.nn import functional as F")
    if "OrderedDict(" in code:
        imports = ["from collections import OrderedDict", "", *imports]
    docstring = "\n".join(line.rstrip() for line in lines)
    return f'"""{docstring}\n"""\n\n' + "\n".join(imports) + f"\n\n\n{code}\n"


def _plain(text: str) -> str:
    """The text as it can stand in a docstring."""
    return printable(text).replace("\\", "\\\\").replace('"""', "'''").removesuffix('"')
