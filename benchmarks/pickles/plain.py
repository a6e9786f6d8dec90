"""Read pickles that hold plain data, without executing anything they say, in memory bounded by their size."""

from __future__ import annotations

import io
import pickle
import re
from typing import Any, Final, NoReturn, Protocol

from nassurrogate.benchmarks.pickles.stream import StreamUnpickler
from nassurrogate.errors import InputError

# The C unpickler is fast, but a few bytes can make it allocate GBs (a huge memo number, a huge promised length), hash
# for ever (nested tuples as keys) or name code. This pattern admits only opcodes that cannot: containers, numbers,
# short strings, small memo numbers. Whatever else a file holds is read by our own, slower and bounded, machine.
_STRING = rb"\x8c(?:" + b"|".join(re.escape(bytes([n])) + b".{%d}" % n for n in range(64)) + b")"
_TAME: Final = re.compile(
    rb"(?>\x80.|G.{8}|\x94|\(|[eu]|\]|\}|" + _STRING + rb"|h.|K.|M..|J....|N|[\x88\x89]|q.|[jr]..[\x00-\x3f]\x00|s|a"
    rb"|\x95.{4}\x00{4})*+\.",
    re.DOTALL,
)

MAX_CONTAINERS: Final = 1 << 20


class Readable(Protocol):
    """What can be read from."""

    def read(self, size: int = -1, /) -> bytes: ...


class PlainUnpickler(pickle.Unpickler):
    """Admits dicts, lists, strings and numbers; refuses every other object by its name."""

    def __init__(self, file: io.BytesIO, *, name: str) -> None:
        super().__init__(file)
        self._name = name

    def find_class(self, module: str, name: str) -> NoReturn:
        raise InputError(f"{self._name} asks for the object {module}.{name}; expected plain data only, nothing was run")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise InputError(f"{self._name} refers to an outside object {pid!r:.60}; expected plain data only")


def load_plain_pickle(file: Readable, *, name: str, max_bytes: int = 64 << 20) -> Any:
    """The plain data pickled in `file`, of at most `max_bytes`. Raises `InputError` for code, damage or truncation.

    Sets come back as lists.
    """
    data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise InputError(f"{name} holds more than {max_bytes >> 20} MiB; a table is smaller")
    if data.count(b"}") + data.count(b"]") > MAX_CONTAINERS or _TAME.match(data) is None:
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


class _Everything(frozenset[int]):
    def __contains__(self, number: object) -> bool:
        return True


_EVERYTHING: Final = _Everything()
