"""Copies the structure of a serialised ONNX model without its weights, so that gigabytes of them cost no time.

An ONNX file is one protobuf message. Its fields are walked on the level of the wire format and copied, except for the
data of large tensors, nested graphs and texts for humans. Of a memory-mapped file, what is skipped is never read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from nassurrogate.errors import InputError

MOST_TENSOR_BYTES: Final = 4096
"""Tensors up to this size keep their data: the shapes of other tensors may depend on it."""
MOST_INTEGER_TENSOR_BYTES: Final = 2**15 + 256
"""The same for integers, which may be indices: room for 4,096 of them and the name."""
MOST_STRUCTURE_BYTES: Final = 256 * 2**20
"""The most that a model without weights may take."""
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MOST_VARINT_BYTES = 10
_MOST_FIELD_NUMBER = 2**29 - 1


class _Message(NamedTuple):
    """How to copy one type of message. The numbers of fields in onnx.proto never change.

    Attributes:
        drop: fields to leave out.
        nested: fields that are messages to be copied in the same way.
        whole: messages of up to this many bytes are copied as they are.
        whole_integers: the same for tensors of integers.
    """

    drop: frozenset[int]
    nested: Mapping[int, _Message] = {}
    whole: int = 0
    whole_integers: int = 0


_TENSOR = _Message(
    frozenset({4, 5, 6, 7, 9, 10, 11, 12, 13, 16}),
    whole=MOST_TENSOR_BYTES,
    whole_integers=MOST_INTEGER_TENSOR_BYTES,
)
_TENSOR_TYPE, _INTEGERS = 2, (6, 7)
"""The field with the type of a tensor's numbers, and what it holds for integers of 32 and 64 bits."""
"""Without data, in any of its types and places, doc_string and metadata_props."""
_SPARSE_TENSOR = _Message(frozenset({2}), {1: _TENSOR}, whole=MOST_TENSOR_BYTES)
"""Without indices."""
_ATTRIBUTE = _Message(
    frozenset({6, 11, 13}), {5: _TENSOR, 10: _TENSOR, 22: _SPARSE_TENSOR, 23: _SPARSE_TENSOR}, whole=MOST_TENSOR_BYTES
)
"""Without nested graphs, whose operators are refused anyway, and doc_string."""
_NODE = _Message(frozenset({6, 9}), {5: _ATTRIBUTE})
"""Without doc_string and metadata_props, where exporters keep stack traces."""
_GRAPH = _Message(frozenset({10, 14, 16}), {1: _NODE, 5: _TENSOR, 15: _SPARSE_TENSOR})
"""Without doc_string, quantization_annotation and metadata_props."""
_FUNCTION = _Message(frozenset({8, 14}), {7: _NODE, 11: _ATTRIBUTE})
"""Without doc_string and metadata_props."""
_GRAPH_FIELD = 7
_MODEL = _Message(frozenset({6, 14, 20}), {_GRAPH_FIELD: _GRAPH, 25: _FUNCTION})
"""Without doc_string, metadata_props and training_info."""
_MODEL_WIRE_TYPES = {1: _VARINT, 5: _VARINT} | dict.fromkeys((2, 3, 4, 6, 7, 8, 14, 20, 25, 26), _LENGTH)
"""The known fields of a model; a file with any other one is no model."""


def structure_of(data: memoryview) -> bytes:
    """The serialised model without what is not needed to read its operators and shapes.

    Args:
        data: the serialised model; may be a memory-mapped file.

    Raises `InputError` if the bytes are no ONNX model, are cut off or damaged, or hold more than a network needs.
    The message begins with "is", to be put after the name of the file.
    """
    _recognise(data)
    try:
        return b"".join(_copied(data, 0, len(data), _MODEL, _Room()))
    except _TruncatedError as error:
        raise InputError(f"is a truncated ONNX file: {error}") from None
    except _DamagedError as error:
        raise InputError(f"is a damaged ONNX file: {error}") from None


def _recognise(data: memoryview) -> None:
    """Raise `InputError` unless the outermost fields are those of a model with a graph."""
    if not len(data):
        raise InputError("is empty")
    found = 0
    try:
        for field in _fields(data, 0, len(data)):
            if _MODEL_WIRE_TYPES.get(field.number) != field.wire_type:
                raise InputError(f"is not an ONNX model: it has an unknown field {field.number}")
            if field.number == _GRAPH_FIELD:
                return
            found += 1
    except _TruncatedError as error:
        if error.number == _GRAPH_FIELD and found:
            raise InputError(f"is a truncated ONNX file: {error}") from None
        raise InputError(f"is not an ONNX model: {error}") from None
    except _DamagedError as error:
        raise InputError(f"is not an ONNX model: {error}") from None
    raise InputError("is not an ONNX model: it has no graph")


class _DamagedError(Exception):
    """The bytes break the wire format."""


class _TruncatedError(_DamagedError):
    """A field is longer than what is left of its message."""

    def __init__(self, number: int, length: int, left: int) -> None:
        super().__init__(f"field {number} has {length:,} bytes, but only {left:,} are left")
        self.number = number


class _Room:
    """How much more may be copied."""

    def __init__(self) -> None:
        self.left = MOST_STRUCTURE_BYTES

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise InputError(f"is too large: more than {MOST_STRUCTURE_BYTES >> 20} MiB without its weights")


class _Field(NamedTuple):
    number: int
    wire_type: int
    start: int  # of its tag
    body: int  # of its content
    end: int


def _copied(data: memoryview, start: int, end: int, message: _Message, room: _Room) -> Iterator[bytes]:
    """The parts of a message between two positions that are kept."""
    for field in _fields(data, start, end):
        if field.number in message.drop:
            continue
        nested = message.nested.get(field.number)
        if nested is None or field.wire_type != _LENGTH or _is_kept_whole(data, field, nested):
            room.take(field.end - field.start)
            yield bytes(data[field.start : field.end])
        else:
            content = b"".join(_copied(data, field.body, field.end, nested, room))
            yield _varint(field.number << 3 | _LENGTH) + _varint(len(content))
            yield content


def _is_kept_whole(data: memoryview, field: _Field, message: _Message) -> bool:
    size = field.end - field.body
    if size <= message.whole:
        return True
    if size > message.whole_integers:
        return False
    types = (x for x in _fields(data, field.body, field.end) if x.number == _TENSOR_TYPE and x.wire_type == _VARINT)
    return any(_read_varint(data, x.body, x.end)[0] in _INTEGERS for x in types)


def _fields(data: memoryview, start: int, end: int) -> Iterator[_Field]:
    """The fields of the message between two positions."""
    position = start
    while position < end:
        tag, body = _read_varint(data, position, end)
        number, wire_type = tag >> 3, tag & 7
        if not 1 <= number <= _MOST_FIELD_NUMBER:
            raise _DamagedError(f"there is no field {number}")
        if wire_type == _LENGTH:
            length, body = _read_varint(data, body, end)
        elif wire_type == _VARINT:
            length = _read_varint(data, body, end)[1] - body
        elif wire_type in (_FIXED64, _FIXED32):
            length = 8 if wire_type == _FIXED64 else 4
        else:
            raise _DamagedError(f"field {number} has the wire type {wire_type}, which is not in use")
        if length > end - body:
            raise _TruncatedError(number, length, end - body)
        yield _Field(number, wire_type, position, body, body + length)
        position = body + length


def _read_varint(data: memoryview, position: int, end: int) -> tuple[int, int]:
    """A number of variable length, and the position after it."""
    value = 0
    for shift in range(0, 7 * _MOST_VARINT_BYTES, 7):
        if position >= end:
            raise _DamagedError("a number is cut off")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _DamagedError(f"a number has more than {_MOST_VARINT_BYTES} bytes")


def _varint(value: int) -> bytes:
    """A number in variable length.

    >>> _varint(300).hex()
    'ac02'
    """
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
