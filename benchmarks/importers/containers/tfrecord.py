"""The TFRecord container, without TensorFlow.

A record is its length (8 bytes), a checksum of these, its bytes, and a checksum of those. Numbers are little-endian,
the checksums masked CRC-32C: rotated, plus a constant, as a CRC of data that contains CRCs is weak.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from nassurrogate.errors import InputError

HEAD: Final = struct.Struct("<QI")
MAX_RECORD_BYTES: Final = 1 << 20


def is_tfrecord(head: bytes) -> bool:
    """Whether a file starts with a record: its length has the right checksum."""
    if len(head) < HEAD.size:
        return False
    _, checksum = HEAD.unpack_from(head)
    return bool(masked_crc(head[:8]) == checksum)


def read_records(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Every record with the offset at which it begins.

    Raises `InputError`, with the offset, for a checksum that does not match, a record that is cut off, or one longer
    than `MAX_RECORD_BYTES`.
    """
    offset = 0
    while head := file.read(HEAD.size):
        if len(head) < HEAD.size:
            raise _cut_off(offset)
        length, checksum = HEAD.unpack(head)
        if masked_crc(head[:8]) != checksum:
            raise InputError(f"damaged at byte {offset}: the checksum of a record's length does not match")
        if length > MAX_RECORD_BYTES:
            raise InputError(f"a record of {length} bytes at byte {offset}; expected at most {MAX_RECORD_BYTES}")
        content = file.read(length + 4)
        if len(content) < length + 4:
            raise _cut_off(offset)
        record = content[:length]
        if masked_crc(record).to_bytes(4, "little") != content[length:]:
            raise InputError(f"damaged at byte {offset}: the checksum of a record does not match")
        yield offset, record
        offset += HEAD.size + length + 4


def _cut_off(offset: int) -> InputError:
    return InputError(f"cut off: the record at byte {offset} is not complete")


def masked_crc(content: bytes) -> int:
    """The container's checksum.

    >>> hex(masked_crc(b"123456789"))
    '0xc78ab0e5'
    """
    import google_crc32c

    crc = int(google_crc32c.value(content))
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
