"""The readers of pickles beside the standard library's: `pickle` says what is in one, `pickletools` which opcodes."""

from __future__ import annotations

import collections
import io
import pickle
import pickletools
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.benchmarks.pickles.plain import SMALL, is_small, load_plain_pickle
from nassurrogate.benchmarks.pickles.stream import READ, StreamUnpickler
from nassurrogate.errors import InputError

ALL = {opcode.name: opcode for opcode in pickletools.opcodes}
PROTOCOLS = st.integers(2, 5)


def opcodes(data: bytes) -> set[str]:
    """The opcodes of a pickle."""
    return {opcode.name for opcode, _, _ in pickletools.genops(data)}


def read(data: bytes, **options: Any) -> Any:
    return StreamUnpickler(io.BytesIO(data).read, name="x", **options).load()


def values(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.text(max_size=5) | st.integers() | st.tuples(st.text(max_size=3), st.integers())
    return st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner) | st.tuples(inner, inner), max_leaves=30
    )


PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | st.binary()
FOREIGN = st.sampled_from(
    [2 ** (8 * 300), bytearray(b"12"), 1j, len, object(), collections.Counter("a"), frozenset({(1,)})]
)


@settings(max_examples=150)
@given(value=values(PLAIN), protocol=PROTOCOLS, optimized=st.booleans())
def test_plain_data_is_read_as_pickle_reads_it(value: Any, protocol: int, optimized: bool) -> None:
    data = pickle.dumps(value, protocol=protocol)
    if optimized:
        data = pickletools.optimize(data)
    if protocol == 2 and (b"_codecs" in data or b"__builtin__" in data):
        return  # bytes in protocol 2 are text and a function call, which only numpy numbers may use
    assert opcodes(data) <= set(READ)
    assert read(data) == value
    assert load_plain_pickle(io.BytesIO(data), name="x") == value
    # What C code reads has small opcodes alone.
    assert is_small(data) == (opcodes(data) <= set(SMALL))


@settings(max_examples=150)
@given(value=values(PLAIN | FOREIGN), protocol=PROTOCOLS)
def test_opcodes_that_are_not_read_are_refused(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol=protocol)
    if opcodes(data) <= set(READ):
        return
    for refuse in (read, lambda data: load_plain_pickle(io.BytesIO(data), name="x")):
        with pytest.raises(InputError, match="x "):
            refuse(data)


@given(data=st.binary(max_size=40))
def test_what_is_small_is_what_pickletools_finds(data: bytes) -> None:
    data = b"\x80\x04" + data
    try:
        found = opcodes(data)
    except Exception:  # whatever pickletools raises for what is no pickle
        return
    assert is_small(data) == (found <= set(SMALL))


def test_the_table_of_opcodes_is_the_library_s() -> None:
    assert set(SMALL) <= set(READ) <= set(ALL)


@pytest.mark.parametrize("name", sorted(set(ALL) - set(READ)))
def test_every_other_opcode_is_refused_by_name(name: str) -> None:
    data = b"\x80\x04N" + ALL[name].code.encode("latin-1") + b"collections\nOrderedDict\n" + bytes(16)
    why = {
        "INST": "makes an object",
        "PERSID": "refers to an external object",
        "BINPERSID": "refers to an external object",
    }
    with pytest.raises(InputError, match=why.get(name, f"uses the pickle opcode {name};")):
        read(data)


@pytest.mark.parametrize("code", sorted(set(range(256)) - {ord(opcode.code) for opcode in pickletools.opcodes}))
def test_what_is_no_opcode_is_refused(code: int) -> None:
    with pytest.raises(InputError, match=f"uses the pickle opcode {code:#04x};"):
        read(b"\x80\x04N" + bytes([code]) + bytes(16))


def test_every_opcode_that_is_read_is_read_as_pickle_reads_it() -> None:
    """Sets, which come back as lists, aside."""
    long, many = "long" * 100, [[place] for place in range(300)]
    ordered = collections.OrderedDict(a=1)
    plain: list[Any] = [
        None, True, False, 1, 256, 70_000, -1, 2**40, 1.5, "text", long, b"bytes", bytes(300), [], [1], [1, 2], {},
        {"a": 1}, {"a": 1, "b": 2}, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [many, many], [long, long],
        ordered, np.float64(2.5),
    ]  # fmt: skip
    seen = set()
    for protocol in range(3, 6):
        for value in plain:
            data = pickle.dumps(value, protocol=protocol)
            seen |= opcodes(data)
            assert read(data) == value
    for data in (
        b"\x80\x02N0K\x01.",  # POP
        b"\x80\x02K\x01(NN1.",  # POP_MARK
        b"\x80\x02U\x02ab.",  # SHORT_BINSTRING
        b"\x80\x02T" + struct.pack("<i", 2) + b"ab.",  # BINSTRING
        b"\x80\x02]r" + struct.pack("<I", 300) + b"0j" + struct.pack("<I", 300) + b".",  # LONG_BINPUT, LONG_BINGET
    ):
        seen |= opcodes(data)
        assert read(data) == pickle.loads(data)
    for sets in ({1, 2}, frozenset({1, 2})):
        data = pickle.dumps(sets, protocol=4)
        seen |= opcodes(data)
        assert sorted(read(data)) == [1, 2]
    assert seen == set(READ)
