"""The few named objects that benchmark pickles use for plain data, each replaced by a harmless stand-in of our own."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final


class Skipped:
    """In place of objects that are never needed, such as the weights of a network."""

    def __repr__(self) -> str:
        return "<skipped>"


SKIPPED: Final = Skipped()


class NumberType:
    """A numpy dtype as a pickle describes it: a code such as `f8`, and a byte order set afterwards."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "<"


class Harmless:
    """A named object that a pickle may call; `build` gets its arguments and returns plain data."""

    def __init__(self, name: str, build: Callable[..., Any]) -> None:
        self.name = name
        self.build = build


_STRUCT_CODES = {"f2": "e", "f4": "f", "f8": "d", "b1": "?"} | {
    f"{kind}{2**power}": "bhiq"[power].upper() if kind == "u" else "bhiq"[power] for kind in "iu" for power in range(4)
}


def _skip(*_: Any) -> Skipped:
    return SKIPPED


def _empty_dict(*args: Any) -> dict[Any, Any]:
    # collections.OrderedDict() and defaultdict(factory): the items follow as opcodes of their own.
    if len(args) > 1 or any(not isinstance(arg, Harmless) and arg is not None for arg in args):
        raise ValueError("a dictionary built from arguments")
    return {}


def _set_of(*args: Any) -> list[Any]:
    # Order and duplicates do not matter here, and a list is never hashed, which nested tuples could make endless.
    if len(args) != 1 or not isinstance(args[0], list):
        raise ValueError("a set built from something other than a list")
    return args[0]


def _latin1(*args: Any) -> bytes:
    text, encoding = args
    if encoding != "latin1" or not isinstance(text, str) or len(text) > 64:
        raise ValueError("an encoding other than latin1 of a number's bytes")
    return text.encode("latin1")


def _number_type(*args: Any) -> NumberType:
    code = args[0]
    if not isinstance(code, str) or len(code) > 8:
        raise ValueError("an unusual numpy dtype")
    return NumberType(code.lstrip("<>=|"))


def _number(*args: Any) -> float | int | bool:
    kind, data = args
    if not isinstance(kind, NumberType) or kind.code not in _STRUCT_CODES or not isinstance(data, bytes):
        raise ValueError("a numpy scalar that is not a number")
    order = kind.order if kind.order in "<>" else "<"
    value: float | int | bool = struct.unpack(order + _STRUCT_CODES[kind.code], data)[0]
    return value


_BUILDERS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _empty_dict,
    "collections.defaultdict": _empty_dict,
    "_codecs.encode": _latin1,
    "numpy.dtype": _number_type,
    "numpy.ndarray": _skip,
    "torch.Size": _skip,
    "torch.device": _skip,
    "torch._utils._rebuild_tensor": _skip,
    "torch._utils._rebuild_tensor_v2": _skip,
    "torch._utils._rebuild_parameter": _skip,
    "torch._tensor._rebuild_from_type_v2": _skip,
}
for _home in ("builtins", "__builtin__"):
    _BUILDERS |= {f"{_home}.{name}": _set_of for name in ("set", "frozenset")}
    _BUILDERS |= {f"{_home}.{name}": _skip for name in ("int", "float", "list", "dict", "str", "bool")}
for _home in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _BUILDERS |= {f"{_home}.scalar": _number, f"{_home}._reconstruct": _skip}
for _kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool", "Untyped"):
    _BUILDERS |= {f"torch.{_kind}Storage": _skip, f"torch.cuda.{_kind}Storage": _skip}

HARMLESS: Final = {name: Harmless(name, build) for name, build in _BUILDERS.items()}
"""Full name → stand-in, for everything that may be named in a benchmark file."""
