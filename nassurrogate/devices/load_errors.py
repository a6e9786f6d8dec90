"""What ONNX Runtime says about a model that it cannot load or run, in one line that a user can act on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from nassurrogate.errors import InputError, one_line, printable

_PREFIX = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model from .*? failed:\s*)?")
_PLACE = re.compile(r"\S*?/?[\w/]*\.(?:cc|h|cpp):\d+ (?:.*?\) )?")
_KNOWN: Final = (
    (r"Unsupported model IR version: (\d+), max supported IR version: (\d+)",
     "it has ONNX IR version {0}, but {ort} reads versions up to {1}; update onnxruntime"),
    (r"Opset (\d+) is under development and support for this is limited.*?(?:domain (\S+) is till opset (\d+))",
     "it needs opset {0}, but {ort} supports opsets up to {2}; update onnxruntime, or export with an older opset"),
    (r"[Oo]pset (\d+) is under development",
     "it needs opset {0}, which {ort} does not support; update onnxruntime, or export with an older opset"),
    (r"Fatal error: (\S+?)\(-?\d+\) is not a registered function/op",
     "it has the custom operator {0}, which {ort} does not know"),
    (r"No Op registered for (\S+) with domain_version of (\d+)",
     "it has the operator {0}, which {ort} does not know at opset {1}"),
    (r"Could not find an implementation for (\w+)", "{ort} has no implementation on a CPU for its operator {0}"),
    (r"the graph is not acyclic", "its operators form a cycle"),
    (r"[Pp]rotobuf parsing failed", "it is not an ONNX file, or it is truncated"),
    (r"No graph was found in the protobuf|ModelProto does not have a graph", "it is not an ONNX file: it has no graph"),
    (r"External data path does not exist: \"?([^\"]*)\"?",
     "its weights are missing: there is no file {0}; measuring needs the weights"),
    (r"External initializer: (\S+) offset.*?(?:out of bounds|can not be read)",
     "its weights are missing: the file beside it ends before the weight {0}; measuring needs the weights"),
    (r"(?:External|external)[ _](?:data|initializer).*",
     "its weights, which lie outside the file, cannot be read; measuring needs the weights"),
)  # fmt: skip
"""Patterns of messages → what they mean; `{ort}` is the runtime and its version."""


def runtime_name() -> str:
    """ONNX Runtime with its version."""
    import onnxruntime

    return f"ONNX Runtime {onnxruntime.__version__}"


def explained(error: BaseException) -> str:
    """One line that says what is wrong with a model, from whatever was raised about it.

    >>> explained(RuntimeError("[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Protobuf parsing failed."))
    'it is not an ONNX file, or it is truncated'
    """
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"it cannot be read: {error.strerror}"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    message = " ".join(str(error).split())
    for pattern, meaning in _KNOWN:
        found = re.search(pattern, message)
        if found:
            return printable(meaning.format(*found.groups(), ort=runtime_name()))
    said = _PLACE.sub("", _PREFIX.sub("", message))
    return printable(f"{runtime_name()} refuses it: {said[:200]}" if said else one_line(error))


def check_is_file(path: Path) -> None:
    """Raise `InputError` unless there is a file with something in it."""
    if path.is_dir():
        raise InputError("it is a folder; give the .onnx files in it")
    if not path.exists():
        raise InputError("there is no such file")
    if not path.is_file():
        raise InputError("it is not a regular file")
    if not _is_text(str(path)):
        raise InputError("its name is not valid UTF-8, which ONNX Runtime needs; rename it")
    if path.stat().st_size == 0:
        raise InputError("it is empty")


def _is_text(name: str) -> bool:
    """Whether a name has no bytes that Python could not decode."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
