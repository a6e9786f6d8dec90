"""Networks as text: `network:` and the operators as JSON, compressed by bzip2, in base64.

bzip2 because its output is the same on every machine; that of zlib depends on its version. Text may come from an
untrusted file: sizes are bounded before anything is decompressed, and every number is checked.
"""

from __future__ import annotations

import base64
import bz2
import json
from typing import Any, Final

from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.operator_graph import Operator, OperatorGraph
from nassurrogate.spaces.networks.order import canonical_operators

PREFIX: Final = "network:"
_MAX_CHARACTERS = 1 << 22
_MAX_BYTES = 1 << 24
"""Of the JSON: some 250,000 operators."""
_MAX_NUMBER = (1 << 63) - 1
_MAX_LENGTH = (1 << 31) - 1
"""Of one axis of a tensor."""
_MAX_RANK = 16
_MAX_SLOTS = 4096
"""Inputs or outputs of one operator."""
_FIELDS = len(Operator._fields)


def network_text(graph: OperatorGraph) -> str:
    """The text of a network, without its name; the same for every listing of its operators.

    >>> graph = OperatorGraph([Operator("Input", (), ((1, 3, 8, 8),)), Operator("Relu", (0,), ((1, 3, 8, 8),))])
    >>> read_network_text(network_text(graph)) == graph
    True
    """
    # Inputs as distances: those of repeated blocks are equal, and compress well.
    rows = [
        [operator.kind, [position - x for x in operator.inputs], *operator[2:]]
        for position, operator in enumerate(canonical_operators(graph))
    ]
    packed = bz2.compress(json.dumps(rows, separators=(",", ":")).encode(), 1)
    return PREFIX + base64.urlsafe_b64encode(packed).decode()


def read_network_text(text: str) -> OperatorGraph:
    """The network of a text. Raises `InputError` for text that `network_text` cannot have written."""
    if not text.startswith(PREFIX):
        raise InputError(f"the text of a network starts with {PREFIX!r}, got {brief(text)}")
    if len(text) > _MAX_CHARACTERS:
        raise InputError(f"the text of a network has at most {_MAX_CHARACTERS:,} characters, got {len(text):,}")
    try:
        packed = base64.b64decode(text[len(PREFIX) :], altchars=b"-_", validate=True)
        reader = bz2.BZ2Decompressor()
        content = reader.decompress(packed, _MAX_BYTES)
        if not reader.eof or reader.unused_data:
            raise InputError(f"the text of a network is cut, or holds more than {_MAX_BYTES:,} bytes: {brief(text)}")
        rows = json.loads(content)
    except InputError:
        raise
    except (ValueError, OSError, EOFError, RecursionError) as error:
        raise InputError(f"damaged text of a network: {brief(text)}") from error
    if not isinstance(rows, list):
        raise InputError(f"the text of a network holds a list of operators, got {brief(rows)}")
    return OperatorGraph([_operator(row, position) for position, row in enumerate(rows)])


def _operator(row: Any, position: int) -> Operator:
    if not isinstance(row, list) or len(row) != _FIELDS:
        raise InputError(f"operator {position} is a list of {_FIELDS} fields, got {brief(row)}")
    kind, distances, shapes, slots, kernel, stride, padding, dilation, groups, bias, params, flops = row
    where = f"operator {position}"
    if not isinstance(kind, str) or not 0 < len(kind) <= 200 or not kind.isprintable():
        raise InputError(f"{where} has a kind of 1 to 200 printable characters, got {brief(kind)}")
    if not isinstance(shapes, list) or len(shapes) > _MAX_SLOTS:
        raise InputError(f"{where} has a list of at most {_MAX_SLOTS} output shapes, got {brief(shapes)}")
    if type(bias) is not bool:
        raise InputError(f"the bias of {where} is true or false, got {brief(bias)}")
    for name, number in (("groups", groups), ("params", params), ("flops", flops)):
        if type(number) is not int or not 0 <= number <= _MAX_NUMBER:
            raise InputError(f"{name} of {where} is a whole number from 0, got {brief(number)}")
    return Operator(
        kind,
        tuple(position - distance for distance in _numbers(distances, f"inputs of {where}", _MAX_SLOTS)),
        tuple(_numbers(shape, f"output shape of {where}", _MAX_RANK) for shape in shapes),
        _numbers(slots, f"slots of {where}", _MAX_SLOTS),
        _numbers(kernel, f"kernel of {where}", _MAX_RANK),
        _numbers(stride, f"stride of {where}", _MAX_RANK),
        _numbers(padding, f"padding of {where}", 2 * _MAX_RANK, least=-_MAX_LENGTH),  # a negative one crops
        _numbers(dilation, f"dilation of {where}", _MAX_RANK),
        groups,
        bias,
        params,
        flops,
    )


def _numbers(given: Any, what: str, most: int, least: int = 0) -> tuple[int, ...]:
    if not isinstance(given, list) or len(given) > most:
        raise InputError(f"the {what} are a list of at most {most} numbers, got {brief(given)}")
    for number in given:
        if type(number) is not int or not least <= number <= _MAX_LENGTH:
            raise InputError(f"the {what} are whole numbers from {least} to {_MAX_LENGTH}, got {brief(number)}")
    return tuple(given)
