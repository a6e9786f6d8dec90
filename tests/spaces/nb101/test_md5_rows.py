"""MD5 of many messages: the sums of the standard library."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from nassurrogate.spaces.nb101.md5_rows import md5_rows


@pytest.mark.parametrize("length", [0, 1, 31, 55, 56, 57, 63, 64, 65, 119, 120, 226, 1000])
def test_sums_are_those_of_hashlib(length: int) -> None:
    messages = np.random.default_rng(length).integers(0, 256, (7, length), dtype=np.uint8)
    expected = [hashlib.md5(row.tobytes()).digest() for row in messages]
    assert [digest.tobytes() for digest in md5_rows(messages)] == expected


def test_any_number_of_messages() -> None:
    assert md5_rows(np.empty((0, 5), np.uint8)).shape == (0, 16)
    messages = np.arange(40_000, dtype="<u4")[:, None].view(np.uint8)
    sums = md5_rows(messages)
    for place in (0, 16_383, 16_384, 39_999):
        assert sums[place].tobytes() == hashlib.md5(messages[place].tobytes()).digest()
