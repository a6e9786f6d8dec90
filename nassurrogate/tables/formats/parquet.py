"""Parquet tables."""

from __future__ import annotations

import io

from nassurrogate.errors import InputError
from nassurrogate.tables.formats.raw import MAX_BYTES, MAX_ROWS, RawTable, checked_names

MAGIC = b"PAR1"


def read_parquet(content: bytes, source: str) -> RawTable:
    """The table of a Parquet file, with its values as stored. Raises `InputError` if it is damaged or too large."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(io.BytesIO(content)) as file:
            # Checked before anything is decompressed.
            unpacked = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
            if file.metadata.num_rows > MAX_ROWS or unpacked > MAX_BYTES:
                raise InputError(f"{source} has more than {MAX_ROWS:,} rows, or more than {MAX_BYTES >> 20} MiB")
            names, notes = checked_names(list(file.schema_arrow.names), source)
            table = file.read()
            columns: dict[str, list[object]] = {
                name: table.column(place).to_pylist() for place, name in enumerate(names) if name
            }
            n_rows = table.num_rows
    except InputError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # invalid UTF-8 is a ValueError
        reason = " ".join(str(error).split())
        raise InputError(f"{source} is not a readable Parquet table ({reason:.150})") from error
    if not n_rows:
        raise InputError(f"{source} has no rows")
    return RawTable(source, columns, range(1, n_rows + 1), "row", notes)
