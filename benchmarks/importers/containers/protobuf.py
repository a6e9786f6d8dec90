"""Reads the fields of a Protocol Buffers message by number, without its schema."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from nassurrogate.errors import InputError

_MAX_VARINT_BYTES = 10
_DOUBLE, _FLOAT = struct.Struct("<d"), struct.Struct("<f")


def read_fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """(number, value) of every field: a whole number, a float for eight or four fixed bytes, else bytes.

    Raises `InputError` for an invalid message.

    >>> list(read_fields(bytes([0x10, 0x96, 0x01, 0x0A, 2]) + b"hi"))
    [(2, 150), (1, b'hi')]
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        value: int | float | bytes
        if kind == 0:
            value, place = _varint(message, place)
        elif kind in (1, 5):
            form, end = (_DOUBLE, place + 8) if kind == 1 else (_FLOAT, place + 4)
            if end > len(message):
                raise InputError(f"a message ends within field {number}")
            (value,) = form.unpack_from(message, place)
            place = end
        elif kind == 2:
            length, place = _varint(message, place)
            if place + length > len(message):
                raise InputError(f"a message ends within field {number}")
            value, place = message[place : place + length], place + length
        else:
            raise InputError(f"field {number} of a message is of the unknown kind {kind}")
        yield number, value


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """(number, position after it)."""
    if place < len(message) and message[place] < 128:
        return message[place], place + 1
    number = 0
    for position, byte in enumerate(message[place : place + _MAX_VARINT_BYTES]):
        number |= (byte & 127) << (7 * position)
        if byte < 128:
            return number, place + position + 1
    raise InputError("a number in a message has no end")
