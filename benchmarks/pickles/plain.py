"""Read pickles of small tables with the standard library's unpickler, restricted to plain data of bounded size."""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any, Final, NoReturn, Protocol

from nassurrogate.benchmarks.pickles.stream import StreamUnpickler
from nassurrogate.errors import InputError

# A restricted `Unpickler` refuses code, but other opcodes run in C without a hook: one memo number makes it allocate a
# memo of 2^31 entries, and a key of nested tuples takes for ever to hash. So it reads only pickles of these opcodes,
# each of which makes at most a small object.
SMALL: Final = (
    "PROTO", "FRAME", "STOP", "MARK", "EMPTY_DICT", "EMPTY_LIST", "SETITEM", "SETITEMS", "APPEND", "APPENDS", "MEMOIZE",
    "BINPUT", "BINGET", "LONG_BINGET", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "BINFLOAT", "NONE",
    "NEWTRUE", "NEWFALSE",
)  # fmt: skip
_STOP: Final = ord(pickle.STOP)
_SHORT_STRING: Final = ord(pickle.SHORT_BINUNICODE)
_LENGTHS: Final = [0] * 256
"""Opcode → its length with its argument; 0 for those that are not small, end the pickle, or vary in length."""
for _opcode in pickletools.opcodes:
    if _opcode.name in SMALL and ord(_opcode.code) not in (_STOP, _SHORT_STRING):
        _LENGTHS[ord(_opcode.code)] = 1 + (_opcode.arg.n if _opcode.arg is not None else 0)

MAX_CONTAINERS: Final = 1 << 20


class Readable(Protocol):
    """A binary file."""

    def read(self, size: int = -1, /) -> bytes: ...


class PlainUnpickler(pickle.Unpickler):
    """Reads dicts, lists, strings and numbers; refuses every named object by its name."""

    def __init__(self, file: io.BytesIO, *, name: str) -> None:
        super().__init__(file)
        self._name = name

    def find_class(self, module: str, name: str) -> NoReturn:
        raise InputError(f"{self._name} asks for the object {module}.{name}; expected plain data only, nothing was run")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise InputError(f"{self._name} refers to an external object {pid!r:.60}; expected plain data only")


def load_plain_pickle(file: Readable, *, name: str, max_bytes: int = 64 << 20) -> Any:
    """The plain data pickled in `file`, of at most `max_bytes`. Raises `InputError` for code, damage or truncation.

    What the restricted unpickler is not given (see `is_small`) is read by the slower `StreamUnpickler`: then sets come
    back as lists.
    """
    data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise InputError(f"{name} holds more than {max_bytes >> 20} MiB; a table is smaller")
    if not is_small(data):
        return StreamUnpickler(io.BytesIO(data).read, name=name, keep=_EVERYTHING).load()
    try:
        return PlainUnpickler(io.BytesIO(data), name=name).load()
    except InputError:
        raise
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        AttributeError,
        MemoryError,
    ) as error:
        raise InputError(f"{name} is not a readable pickle ({error or type(error).__name__})") from error


def is_small(data: bytes) -> bool:
    """Whether a pickle has only opcodes that make small objects, and not too many that make a container.

    >>> is_small(pickle.dumps({"a": [1, 2.5]})), is_small(pickle.dumps(len)), is_small(b"]")
    (True, False, False)
    """
    if data.count(b"}") + data.count(b"]") > MAX_CONTAINERS:
        return False
    place = 0
    try:
        while True:
            while length := _LENGTHS[data[place]]:
                place += length
            if data[place] != _SHORT_STRING:
                return data[place] == _STOP
            place += 2 + data[place + 1]
    except IndexError:  # cut off
        return False


class _Everything(frozenset[int]):
    def __contains__(self, number: object) -> bool:
        return True


_EVERYTHING: Final = _Everything()
