"""One file a surrogate: safetensors, with everything that is not an array as JSON in the header."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.errors import InputError

FORMAT = "nassurrogate-model"
FORMAT_VERSION = 1
MAX_BYTES = 1 << 30


def write_model(path: Path, tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> Path:
    """Write arrays and header; the path then holds the whole file or what it held before."""
    from safetensors.numpy import save

    text = json.dumps({"format_version": FORMAT_VERSION, **header}, sort_keys=True)
    content = save(
        {k: np.ascontiguousarray(v) for k, v in tensors.items()}, metadata={"format": FORMAT, "header": text}
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"cannot write the model to {path}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o644)  # mkstemp makes it private; a model is shared like any other result
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise InputError(f"cannot write the model to {path}: {error.strerror}") from error
    return path


def read_model(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the header that `write_model` wrote. Raises `InputError` for anything else."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"no model file at {path}; expected a file written by `nassurrogate train` or Surrogate.save")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} has {path.stat().st_size} bytes; a model file has at most {MAX_BYTES}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not a readable model file ({str(error)[:120]})") from error
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path} is a safetensors file of another program; expected one written by nassurrogate")
    try:
        header = json.loads(metadata["header"])
        version = header["format_version"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} has a damaged header") from error
    if version != FORMAT_VERSION:
        raise InputError(f"{path} has format version {version!r}; this release reads {FORMAT_VERSION}")
    return tensors, header
