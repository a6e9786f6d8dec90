"""How a draft becomes a file, and what may happen to its bytes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow
import pyarrow.parquet

from tests.tables.fuzz.draft import Draft


def _text(rng: np.random.Generator, draft: Draft, delimiter: str) -> bytes:
    out = io.StringIO()
    quoting = int(rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC], p=[0.7, 0.2, 0.1]))
    writer = csv.writer(
        out, delimiter=delimiter, quoting=quoting, lineterminator=str(rng.choice(["\n", "\r\n"], p=[0.8, 0.2]))
    )  # type: ignore[call-overload]
    if rng.random() < 0.1:
        out.write("# measured on a board, 25 °C\n")
    writer.writerow(draft.names)
    for row in draft.rows:
        if rng.random() < 0.02:
            out.write(str(rng.choice(["\n", "   \n", "# a comment\n"])))
        length = len(row)
        if draft.is_ragged and rng.random() < 0.3:
            length += int(rng.choice([-1, 1]))
        writer.writerow([*row, ""][:length])
    text = out.getvalue()
    if rng.random() < 0.2:
        text = text.rstrip("\r\n")
    encoding = str(rng.choice(["utf-8", "utf-8-sig", "utf-16", "latin-1"], p=[0.8, 0.08, 0.08, 0.04]))
    return _gzipped(rng, text.encode(encoding, errors="replace"))


def _csv(rng: np.random.Generator, draft: Draft) -> bytes:
    return _text(rng, draft, ",")


def _tsv(rng: np.random.Generator, draft: Draft) -> bytes:
    return _text(rng, draft, "\t")


def _semicolons(rng: np.random.Generator, draft: Draft) -> bytes:
    return _text(rng, draft, ";")


def _records(draft: Draft) -> list[dict[str, Any]]:
    return [dict(zip(draft.names, row, strict=True)) for row in draft.rows]


def _json_lines(rng: np.random.Generator, draft: Draft) -> bytes:
    lines = [json.dumps(record, ensure_ascii=bool(rng.random() < 0.5)) for record in _records(draft)]
    return _gzipped(rng, "\n".join(lines).encode())


def _json_list(rng: np.random.Generator, draft: Draft) -> bytes:
    return _gzipped(rng, json.dumps(_records(draft), indent=None if rng.random() < 0.5 else 1).encode())


def _parquet(rng: np.random.Generator, draft: Draft) -> bytes:
    columns = []
    for place in range(len(draft.names)):
        values = [row[place] for row in draft.rows]
        try:
            columns.append(pyarrow.array(values))
        except (pyarrow.ArrowException, OverflowError):
            columns.append(pyarrow.array([str(value) for value in values]))
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, names=draft.names), out)
    return out.getvalue()


WRITERS: Final[tuple[Callable[[np.random.Generator, Draft], bytes], ...]] = (
    _csv, _tsv, _semicolons, _json_lines, _json_list, _parquet,
)  # fmt: skip
WRITER_SHARES: Final = (0.5, 0.1, 0.1, 0.08, 0.07, 0.15)


def _gzipped(rng: np.random.Generator, content: bytes) -> bytes:
    return gzip.compress(content, mtime=0) if rng.random() < 0.06 else content


# --- accidents


def _cut_off(rng: np.random.Generator, content: bytes) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _nul_byte(rng: np.random.Generator, content: bytes) -> bytes:
    place = int(rng.integers(len(content) + 1))
    return content[:place] + b"\0" + content[place:]


def _one_byte_changed(rng: np.random.Generator, content: bytes) -> bytes:
    if not content:
        return content
    place = int(rng.integers(len(content)))
    return content[:place] + bytes([int(rng.integers(256))]) + content[place + 1 :]


def _quote_left_open(rng: np.random.Generator, content: bytes) -> bytes:
    place = int(rng.integers(len(content) + 1))
    return content[:place] + b'"' + content[place:]


def _header_only(_: np.random.Generator, content: bytes) -> bytes:
    return content.split(b"\n")[0]


def _no_header(_: np.random.Generator, content: bytes) -> bytes:
    return b"\n".join(content.split(b"\n")[1:])


def _emptied(_: np.random.Generator, __: bytes) -> bytes:
    return b""


ACCIDENTS: Final[tuple[Callable[[np.random.Generator, bytes], bytes], ...]] = (
    _cut_off, _nul_byte, _one_byte_changed, _quote_left_open, _header_only, _no_header, _emptied,
)  # fmt: skip
