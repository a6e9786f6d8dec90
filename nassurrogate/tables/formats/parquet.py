"""Parquet tables."""

from __future__ import annotations

import io
from array import array
from collections.abc import Sequence
from typing import Any, Final

from nassurrogate.errors import InputError, brief
from nassurrogate.tables.formats.raw import MAX_BYTES, Nested, RawTable, check_size, checked_names

MAGIC = b"PAR1"
_AT_ONCE: Final = 1 << 14
"""Rows that are decoded at once."""
_MAX_ELEMENTS: Final = 80_000_000
"""Limit for the elements of all lists: three times those of NAS-Bench-101's matrices."""
_MAX_TEXT: Final = 1 << 29
"""Limit for the characters of all texts, counting every use of one that is stored once."""
_MAX_NESTED: Final = 1 << 24
"""Limit for the bytes of the lists that are decoded at once."""


def read_parquet(content: bytes, source: str) -> RawTable:
    """The table of a Parquet file, with its values as stored; columns of times or of bytes are skipped with a note.

    Raises `InputError` if it is damaged or too large.
    """
    import pyarrow

    try:
        return _read(content, source)
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{source} needs more memory than is available") from error
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{source} is not a readable Parquet table ({reason:.150})") from error


def _read(content: bytes, source: str) -> RawTable:
    from pyarrow.parquet import ParquetFile
    from pyarrow.types import is_floating, is_nested

    with ParquetFile(io.BytesIO(content)) as file:
        metadata = file.metadata
        schema = file.schema_arrow
        # All checked before anything is decompressed.
        check_size(source, metadata.num_rows, len(schema.names))
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        chunks = [group.column(i) for group in groups for i in range(group.num_columns)]
        if sum(group.total_byte_size for group in groups) > MAX_BYTES:
            raise InputError(f"{source} has more than {MAX_BYTES >> 20} MiB")
        if sum(chunk.num_values for chunk in chunks) > _MAX_ELEMENTS:
            raise InputError(f"{source} has more than {_MAX_ELEMENTS:,} elements in its lists")
        names, notes = checked_names(list(schema.names), source)
        texts = {chunk.path_in_schema for chunk in chunks if chunk.physical_type == "BYTE_ARRAY"}
    kept = [place for place, name in enumerate(names) if name and _is_read(schema.types[place])]
    left_out = [name for place, name in enumerate(names) if name and place not in kept]
    columns: dict[str, Sequence[object]] = {}
    length = 0
    # A text that is stored once is not copied: its copies could fill any memory.
    with ParquetFile(io.BytesIO(content), read_dictionary=sorted(texts)) as file:
        for place in kept:
            if is_floating(schema.types[place]):
                numbers = array("d")
                for batch in file.iter_batches(_AT_ONCE, columns=[schema.names[place]]):
                    found = batch.column(schema.names[place]).to_numpy(zero_copy_only=False)  # NaN where missing
                    numbers.frombytes(found.astype("float64").tobytes())
                columns[names[place]] = numbers
                continue
            column = Nested([])
            for batch in file.iter_batches(_AT_ONCE, columns=[schema.names[place]]):
                values = batch.column(schema.names[place])
                length += _characters(values)
                if length > _MAX_TEXT:
                    raise InputError(f"{source} has more than {_MAX_TEXT >> 20} MiB of text, the limit for a table")
                if is_nested(values.type) and values.nbytes > _MAX_NESTED:
                    raise InputError(f"{source}: the lists in column {brief(names[place])} are too long")
                column.extend(_values(values))
            columns[names[place]] = column.plain()
    if left_out:
        notes.append(f"{source}: columns without numbers are skipped: {', '.join(left_out)}")
    if not metadata.num_rows:
        raise InputError(f"{source} has no rows")
    return RawTable(source, columns, range(1, metadata.num_rows + 1), "row", notes)


def _is_read(kind: Any) -> bool:
    """Whether values of a type are read: numbers, truth values, texts, and lists and structs of these."""
    from pyarrow import types

    if types.is_dictionary(kind) or types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _is_read(kind.value_type)
    if types.is_struct(kind):
        return all(_is_read(kind.field(i).type) for i in range(kind.num_fields))
    return kind.id in {kind_of.id for kind_of in _plain_types()}


def _plain_types() -> list[Any]:
    import pyarrow

    texts = [pyarrow.string(), pyarrow.large_string(), pyarrow.binary(), pyarrow.large_binary(), pyarrow.string_view()]
    whole = [getattr(pyarrow, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)]
    others = [pyarrow.float16(), pyarrow.float32(), pyarrow.float64(), pyarrow.decimal128(1), pyarrow.decimal256(1)]
    return [pyarrow.null(), pyarrow.bool_(), *texts, *whole, *others]


def _characters(values: Any) -> int:
    """The total length of all texts in an array, counting every use."""
    from pyarrow import compute, types

    kind = values.type
    if types.is_dictionary(kind):
        if not _is_text(kind.value_type):
            return 0
        return compute.sum(compute.binary_length(values.dictionary).take(values.indices)).as_py() or 0
    if types.is_struct(kind):
        return sum(map(_characters, values.flatten()))
    if types.is_nested(kind):
        return _characters(values.flatten())
    return compute.sum(compute.binary_length(values)).as_py() or 0 if _is_text(kind) else 0


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return any(of(kind) for of in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))


def _values(column: Any) -> list[object]:
    """The values of an array as Python objects; equal texts of a dictionary are one object."""
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        words = [*map(_plain, column.dictionary.to_pylist()), None]
        return [words[at] for at in column.indices.fill_null(-1).to_numpy(zero_copy_only=False).tolist()]
    if types.is_integer(kind) and not column.null_count:
        whole: list[object] = column.to_numpy(zero_copy_only=False).tolist()
        return whole
    return [_plain(value) for value in column.to_pylist()]


def _plain(value: object) -> object:
    """The value, with decimals of any size as floats and bytes as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    is_other = value is not None and not isinstance(value, str | bool | int | float | list | dict)
    return float(value) if is_other else value  # type: ignore[arg-type]
