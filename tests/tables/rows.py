"""Two architectures, and the commands that read a table about them."""

from __future__ import annotations

from nassurrogate.spaces import get_space
from nassurrogate.surrogate import Surrogate

NB201 = get_space("nb201")
A, B = (NB201.parse(index).string for index in (7, 12))
TRAIN = ("train", "--file", "mine.csv", "--predictor", "ridge", "--seed", 0, "--out", "m")
IMPORT = ("data", "import", "nb201", "mine.csv", "--name", "mine", "--replace")


def labels(path: str = "m") -> dict[str, float]:
    """What a model has learned."""
    found = Surrogate.load(path).labels
    assert found is not None
    return {arch.string: float(value) for arch, value in zip(*found, strict=True)}
