"""The text of an exported `.py` file: its docstring, its imports, its classes."""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Final

from nassurrogate.errors import printable

_MARK: Final = "Written by `nassurrogate export` (checksum {})"
_FOUND: Final = re.compile(re.escape(_MARK).replace(r"\{\}", "([0-9a-f]{16})"))
_NO_SUM: Final = "0" * 16
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
    lines = [_plain(title), "", f"{_MARK.format(_NO_SUM)}; it needs PyTorch and no other package.", ""]
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
    text = f'"""{docstring}\n"""\n\n' + "\n".join(imports) + f"\n\n\n{code}\n"
    return text.replace(_MARK.format(_NO_SUM), _MARK.format(_checksum(text)), 1)


def is_untouched(text: str) -> bool:
    """Whether it is an exported file as it was written, which may be replaced: nobody has changed it.

    >>> is_untouched("import torch")
    False
    """
    found = _FOUND.search(text)
    return found is not None and _checksum(text.replace(found[0], _MARK.format(_NO_SUM), 1)) == found[1]


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[: len(_NO_SUM)]


def _plain(text: str) -> str:
    """The text as it can stand in a docstring."""
    return printable(text).replace("\\", "\\\\").replace('"""', "'''").removesuffix('"')
