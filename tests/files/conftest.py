"""What the tests of model files share: saved models, and copies that somebody tampered with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from nassurrogate import Surrogate
from nassurrogate.errors import InputError
from nassurrogate.files.model_file import FORMAT, _checksum

TINY = {
    "nar-former-v2": {"epochs": 2, "members": 2, "width": 8, "head_width": 4, "blocks": 1},
    "gradient-boosting": {"rounds": 5, "members": 2},
}


@pytest.fixture(scope="session")
def saved(tmp_path_factory) -> Callable[[str], Path]:
    """`saved(name)`: a model file of that predictor; not to be changed."""
    folder, made = tmp_path_factory.mktemp("models"), {}

    def get(name: str) -> Path:
        if name not in made:
            surrogate = Surrogate(predictor=name, config=TINY[name], device="cpu")
            made[name] = surrogate.fit(range(20), np.linspace(60, 90, 20)).save(folder / f"{name}.safetensors")
        return made[name]

    return get


@pytest.fixture(scope="session")
def refusal() -> Callable[[Path], str]:
    """`refusal(path)`: the line that loading gives; a test fails if it loads, or if anything else is raised."""

    def get(path: Path) -> str:
        with pytest.raises(InputError) as caught:
            Surrogate.load(path, device="cpu")
        text = str(caught.value)
        assert "\n" not in text
        assert len(text) < 500
        assert str(path) in text
        return text

    return get


@pytest.fixture(scope="session")
def forged() -> Callable[..., Path]:
    """`forged(source, target, …)`: a copy with other header fields and arrays, and the right checksum.

    It is what somebody with intent would write. Arrays are named with `__` for `.`.
    """

    def write(source: Path, target: Path, *, header=None, drop=(), raw_header=None, **arrays) -> Path:
        content = source.read_bytes()
        metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        tensors = {key: value for key, value in load(content).items() if key not in drop}
        tensors |= {key.replace("__", "."): value for key, value in arrays.items()}
        fields = json.loads(metadata["header"]) | (header or {})
        text = raw_header if raw_header is not None else json.dumps(fields)
        tensors = {key: np.asarray(value, order="C") for key, value in tensors.items()}
        signed = {"format": FORMAT, "header": text, "sha256": _checksum(tensors, text)}
        target.write_bytes(save(tensors, metadata=signed))
        return target

    return write
