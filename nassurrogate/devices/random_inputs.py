"""Random inputs for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nassurrogate.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from nassurrogate.devices.input_shapes import Shape

MAX_INPUT_BYTES: Final = 1 << 30
_TYPES: Final = {
    "float": "float32", "float16": "float16", "double": "float64", "bool": "bool", "int8": "int8", "uint8": "uint8",
    "int16": "int16", "uint16": "uint16", "int32": "int32", "uint32": "uint32", "int64": "int64", "uint64": "uint64",
}  # fmt: skip
"""ONNX Runtime's name of a type → NumPy's."""


def random_input(name: str, kind: str, shape: Shape, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """A tensor for one input: floats from a standard normal distribution, bytes of all values, other integers 0 or 1.

    Larger integers could lie outside an embedding's vocabulary.

    Args:
        name: of the input, for messages.
        kind: the type as ONNX Runtime writes it, such as `tensor(float)`.
        shape: positive sizes.

    Raises `InputError` for other types, and for more than 1 GiB.

    >>> import numpy as np
    >>> random_input("x", "tensor(float16)", (1, 3, 8, 8), np.random.default_rng(0)).dtype
    dtype('float16')
    """
    import numpy as np

    known = _TYPES.get(kind.removeprefix("tensor(").removesuffix(")")) if kind.startswith("tensor(") else None
    if known is None:
        raise InputError(f"input {name!r} is of type {kind}; expected a tensor of one of: {', '.join(_TYPES)}")
    dtype = np.dtype(known)
    n_bytes = dtype.itemsize
    for size in shape:
        n_bytes *= size
    if n_bytes > MAX_INPUT_BYTES:
        raise InputError(
            f"input {name!r} of shape {list(shape)} takes {n_bytes:,} bytes; at most {MAX_INPUT_BYTES:,} are measured"
        )
    if dtype.kind == "f":
        return rng.standard_normal(shape, dtype=np.float32).astype(dtype)
    largest = 256 if dtype.itemsize == 1 and dtype.kind in "iu" else 2
    return rng.integers(0, largest, shape, dtype=np.int16).astype(dtype)
