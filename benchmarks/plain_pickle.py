"""Read pickles that hold plain data, without executing anything they say."""

from __future__ import annotations

import io
import pickle
from typing import Any, NoReturn

from nassurrogate.errors import InputError


class PlainUnpickler(pickle.Unpickler):
    """Admits dicts, lists, tuples, strings and numbers; refuses every other object by its name."""

    def __init__(self, file: io.BufferedIOBase | io.BytesIO, *, name: str) -> None:
        super().__init__(file)
        self._name = name

    def find_class(self, module: str, name: str) -> NoReturn:
        raise InputError(f"{self._name} asks for the object {module}.{name}; expected plain data only, nothing was run")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise InputError(f"{self._name} refers to an outside object {pid!r:.60}; expected plain data only")


def load_plain_pickle(file: io.BufferedIOBase | io.BytesIO, *, name: str) -> Any:
    """The plain data pickled in `file`. Raises `InputError` for code, damage or truncation."""
    try:
        return PlainUnpickler(file, name=name).load()
    except InputError:
        raise
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError, MemoryError) as error:
        raise InputError(f"{name} is not a readable pickle ({error or type(error).__name__})") from error
