"""Model files: one safetensors file per surrogate, with everything that is not an array as JSON in the header.

The metadata holds three strings: `format`, `header` (the JSON) and `sha256`, a checksum of the header and all arrays.
The checksum detects damage, not forgery. So nothing in a file is run or trusted: sizes are bounded before anything is
allocated, and the readers of the arrays check every shape, type and value.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.errors import InputError, brief
from nassurrogate.files.atomic_file import check_replaceable, write_atomically

FORMAT = "nassurrogate-model"
FORMAT_VERSION = 1
MAX_BYTES = 1 << 30
MAX_HEADER_BYTES = 1 << 20
"""Limit of the safetensors header, including the surrogate's JSON: parsed JSON takes many times its length."""


def write_model(path: Path, tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> Path:
    """Write arrays and header atomically. Returns the path.

    Raises `InputError` if the path cannot be written or is not a regular file, or the model is too large to be read
    back.
    """
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    text = json.dumps({"format_version": FORMAT_VERSION, **header}, sort_keys=True, allow_nan=False)
    metadata = {"format": FORMAT, "header": text, "sha256": _checksum(arrays, text)}
    content = save(arrays, metadata=metadata)
    if len(content) > MAX_BYTES or _header_bytes(content[:8]) > MAX_HEADER_BYTES:
        raise InputError(
            f"the model takes {len(content)} bytes, {_header_bytes(content[:8])} of them header; "
            f"a model file has at most {MAX_BYTES}, {MAX_HEADER_BYTES} of them header"
        )
    try:
        check_replaceable(path)
        Path(os.path.realpath(path)).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(content))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot write the model to {path}: {getattr(error, 'strerror', None) or error}") from error
    return path


def read_model(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the header that `write_model` wrote. Raises `InputError` for anything else."""
    content = _content(path)
    try:
        header_bytes = _header_bytes(content[:8])
        if header_bytes > MAX_HEADER_BYTES:
            raise InputError(f"{path} is not a model file: its header would take {header_bytes} bytes")
        declared = json.loads(content[8 : 8 + header_bytes])
        metadata = declared.get("__metadata__", {})
        foreign = metadata.get("format") != FORMAT
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not a readable model file ({_one_line(error)})") from error
    if foreign:
        raise InputError(f"{path} is a safetensors file of another program; expected one written by nassurrogate")
    tensors = _tensors(path, content)
    try:
        header = json.loads(metadata["header"])
        version = header["format_version"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path} has a damaged header") from error
    if type(version) is not int or version != FORMAT_VERSION:
        raise InputError(f"{path} has format version {brief(version)}; this release reads {FORMAT_VERSION}")
    if metadata.get("sha256") != _checksum(tensors, metadata["header"]):
        raise InputError(f"{path} is damaged: its content does not match its checksum")
    return tensors, header


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(
                f"no model file at {path}; expected a file written by `nassurrogate train` or Surrogate.save"
            )
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise InputError(f"{path} has {size} bytes; a model file has at most {MAX_BYTES}")
            return file.read(size)  # a given size is allocated at once
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _tensors(path: Path, content: bytes) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    # The error for a data type that NumPy lacks depends on the release of safetensors.
    except (SafetensorError, ValueError, TypeError, LookupError, AttributeError, ImportError) as error:
        raise InputError(f"{path} is not a readable model file ({_one_line(error)})") from error


def _header_bytes(start: bytes) -> int:
    """A safetensors file starts with the length of its header."""
    return int.from_bytes(start, "little")


def _checksum(tensors: Mapping[str, np.ndarray], header: str) -> str:
    digest = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        value = np.ascontiguousarray(tensors[name])
        digest.update(f"\n{name} {value.dtype.str} {value.shape}\n".encode())
        digest.update(value.data.cast("B") if value.size else b"")
    return digest.hexdigest()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
