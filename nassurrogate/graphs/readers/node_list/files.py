"""Files of node lists: one family of networks each."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nassurrogate.errors import InputError, brief
from nassurrogate.files.given_path import as_path
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.graphs.readers.node_list.nodes import NodeListReader

_MOST_BYTES = 1 << 30
"""Of an unpacked file."""


def read_node_lists(path: str | Path) -> dict[str, OperatorGraph]:
    """All networks of a file, by name.

    Args:
        path: a JSON file, plain or gzipped, with an object `graphs`: name → list of nodes.

    Raises `InputError` for a file that is missing, damaged, too large or of another form.
    """
    return dict(iterate_node_lists(path))


def iterate_node_lists(path: str | Path) -> Iterator[tuple[str, OperatorGraph]]:
    """`read_node_lists`, one network after another; the file is read at once."""
    source = as_path(path, "the file of node lists")
    given = _content(source)
    graphs = given.get("graphs") if isinstance(given, dict) else None
    if not isinstance(graphs, dict):
        raise InputError(f"{source} holds no object 'graphs' that maps names to lists of nodes")
    reader = NodeListReader()
    for name, nodes in graphs.items():
        try:
            yield name, reader.read(nodes, name)
        except InputError as error:
            raise InputError(f"{source}: {brief(name)}: {error}") from error


def _content(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_packed else path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > _MOST_BYTES:
        raise InputError(f"{path} holds more than {_MOST_BYTES:,} bytes, the limit for node lists")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({' '.join(str(error).split())[:80]})") from error
