"""Model files that are damaged, or no model files at all: one clear line, and no code of theirs runs."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from nassurrogate.errors import InputError
from nassurrogate.files import model_file
from nassurrogate.files.model_file import FORMAT, read_model

each_predictor = pytest.mark.parametrize("name", ["nar-former-v2", "gradient-boosting"])


@each_predictor
def test_a_file_cut_short_is_refused(name, saved, tmp_path, refusal):
    content = saved(name).read_bytes()
    cut = tmp_path / "cut"
    for length in [*range(40), *range(40, len(content), len(content) // 40), len(content) - 1]:
        cut.write_bytes(content[:length])
        refusal(cut)


@each_predictor
@settings(max_examples=60)
@given(data=st.data())
def test_a_changed_byte_is_noticed(name, saved, tmp_path_factory, data):
    content = bytearray(saved(name).read_bytes())
    header_end = 8 + int.from_bytes(content[:8], "little")
    place = data.draw(st.one_of(st.integers(0, header_end - 1), st.integers(header_end, len(content) - 1)))
    content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("flipped") / "model"
    path.write_bytes(content)
    try:
        _, header = read_model(path)
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert header == read_model(saved(name))[1]  # what was changed says nothing, such as the order of fields
    assert "\n" not in message


@each_predictor
def test_added_bytes_are_noticed(name, saved, tmp_path, refusal):
    longer = tmp_path / "longer"
    longer.write_bytes(saved(name).read_bytes() + b"\0")
    refusal(longer)


class _Malicious:
    """Unpickling this creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_does_not_run(tmp_path, protocol, refusal):
    path, trace = tmp_path / "model.safetensors", tmp_path / "trace"
    path.write_bytes(pickle.dumps(_Malicious(trace), protocol=protocol))
    refusal(path)
    assert not trace.exists()
    pickle.loads(path.read_bytes())
    assert trace.exists()  # so it was armed


def test_files_of_other_programs(tmp_path, refusal):
    import torch

    path = tmp_path / "model"
    save_file({"a": np.zeros(3)}, path)
    assert "another program" in refusal(path)
    save_file({"a": np.zeros(3)}, path, metadata={"format": "pt"})
    assert "another program" in refusal(path)
    save_file({"a": np.zeros(3)}, path, metadata={"format": FORMAT})
    assert "damaged header" in refusal(path)
    torch.save({"a": torch.zeros(3)}, path)
    refusal(path)
    for content in (
        b"",
        b"{}",
        b"\0" * 8,
        b"\0" * 100,
        b"\xff" * 100,
        b"PK\x03\x04" + b"\0" * 50,
        b"\x02" + b"\0" * 7 + b"[]",
    ):
        path.write_bytes(content)
        refusal(path)


def test_types_that_numpy_lacks(tmp_path, refusal):
    header = {
        "__metadata__": {"format": FORMAT, "header": "{}"},
        "a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]},
    }
    for dtype, size in (("BF16", 2), ("F8_E4M3", 1), ("NONE", 1), (7, 1)):
        header["a"] = {"dtype": dtype, "shape": [1], "data_offsets": [0, size]}
        text = json.dumps(header).encode()
        (tmp_path / "model").write_bytes(len(text).to_bytes(8, "little") + text + b"\0" * size)
        refusal(tmp_path / "model")


@pytest.mark.parametrize("metadata", [5, [], "text", None, {"format": 5}, {"format": FORMAT, "header": 5}])
def test_hostile_metadata(tmp_path, metadata, refusal):
    text = json.dumps({"__metadata__": metadata}).encode()
    (tmp_path / "model").write_bytes(len(text).to_bytes(8, "little") + text)
    refusal(tmp_path / "model")


def test_a_header_that_would_take_memory_is_not_read(tmp_path, monkeypatch, refusal):
    path = tmp_path / "model"
    path.write_bytes((1 << 40).to_bytes(8, "little") + b"{" * 100)
    assert "its header would take" in refusal(path)
    path.write_bytes((1 << 17).to_bytes(8, "little") + b"[" * (1 << 17))
    assert "not a readable model file" in refusal(path)  # nested too deep
    monkeypatch.setattr(model_file, "MAX_BYTES", 50)
    assert "at most 50" in refusal(path)
