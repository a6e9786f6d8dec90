"""A space, a made-up training and errors for the tests of faults."""

from __future__ import annotations

import zlib

import numpy as np

from nassurrogate.errors import InputError
from nassurrogate.spaces import CategoricalSpace

WIDE = CategoricalSpace("wide", {f"layer{place}": [1, 2, 4, 8] for place in range(8)})
ERRORS = (
    MemoryError("2 TiB wanted"), np.linalg.LinAlgError("not positive definite"), RuntimeError("CUDA error"),
    KeyError("layer 3"), ZeroDivisionError("division by zero"), AssertionError(), RecursionError("too deep"),
    StopIteration("no more"), InputError("not these labels"), TypeError("a\nmessage\nof lines"),
)  # fmt: skip


def accuracy(arch) -> float:
    return 60 + zlib.crc32(arch.key.encode()) % 3001 / 100


def reason_of(error: BaseException) -> str:
    """What a note says of an error: its message if it was meant for users, else its type first."""
    return str(error) if isinstance(error, InputError) else type(error).__name__
