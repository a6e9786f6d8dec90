"""Reads arrays of numbers from an untrusted `.npz` file: nothing is unpickled, and no promised size is allocated."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Final

import numpy as np

from nassurrogate.errors import InputError, brief

MAX_BYTES: Final = 1 << 30
MAX_ARRAYS: Final = 1_000
_HEADERS: Final = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Every array of a file by its name. Raises `InputError` for anything but arrays of numbers, booleans and text."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_ARRAYS or sum(member.file_size for member in members) > MAX_BYTES:
                raise InputError(f"more than {MAX_ARRAYS} arrays or {MAX_BYTES >> 20} MiB unpacked")
            arrays = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as file:  # a member may be longer than its declared size
                    arrays[name] = _array(name, file.read(member.file_size + 1))
            return arrays
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise InputError(f"not a readable .npz file ({error})") from error


def _array(name: str, content: bytes) -> np.ndarray:
    file = io.BytesIO(content)
    try:
        read_header = _HEADERS.get(np.lib.format.read_magic(file))
        if read_header is None:
            raise InputError(f"the array {brief(name)} is of an unknown version of the format")
        shape, in_columns, dtype = read_header(file)
        if dtype.kind not in "biufSU":
            raise InputError(f"the array {brief(name)} is of {brief(dtype)}; expected numbers or text")
        values = np.frombuffer(content, dtype, offset=file.tell())
        return values.reshape(shape, order="F" if in_columns else "C")
    except InputError:
        raise
    except (ValueError, TypeError, SyntaxError, RecursionError, OverflowError) as error:
        raise InputError(f"the array {brief(name)} is damaged ({' '.join(str(error).split())[:100]})") from error
