"""Where model files are read and written: any usable path, whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.errors import InputError
from nassurrogate.files import model_file
from nassurrogate.files.model_file import read_model, write_model


def test_paths_that_hold_no_model(tmp_path, refusal):
    assert "no model file" in refusal(tmp_path / "absent")
    assert "no model file" in refusal(tmp_path)
    assert "no model file" in refusal(Path(os.devnull))
    refusal(tmp_path / ("x" * 300))
    (tmp_path / "file").touch()
    refusal(tmp_path / "file" / "model")
    os.mkfifo(tmp_path / "pipe")
    assert "no model file" in refusal(tmp_path / "pipe")


def test_targets_that_cannot_be_written(saved, tmp_path):
    surrogate = Surrogate.load(saved("gradient-boosting"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    places = [
        tmp_path / "folder",
        Path(os.devnull),
        tmp_path / "file" / "model",
        tmp_path / ("x" * 300),
        tmp_path / "a\0b",
    ]
    for path in places:
        with pytest.raises(InputError, match=r"cannot write the model to|must be a valid path") as caught:
            surrogate.save(path)
        assert "\n" not in str(caught.value)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder", "loop"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_write_replaces_the_file_through_a_link_and_makes_folders(saved, tmp_path):
    surrogate = Surrogate.load(saved("gradient-boosting"))
    path = surrogate.save(tmp_path / "new" / "folder" / "model")
    link = tmp_path / "link"
    link.symlink_to(path)
    path.write_text("old")
    assert surrogate.save(link) == link
    assert link.is_symlink()
    assert Surrogate.load(path).n_labels == Surrogate.load(str(link)).n_labels == 20
    assert [p.name for p in path.parent.iterdir()] == ["model"]


def test_a_model_too_large_to_be_read_is_not_written(monkeypatch, saved, tmp_path):
    surrogate = Surrogate.load(saved("gradient-boosting"))
    monkeypatch.setattr(model_file, "MAX_BYTES", 100)
    with pytest.raises(InputError, match="a model file has at most 100"):
        surrogate.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file(saved, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(saved("gradient-boosting").read_bytes())
    script = """if True:
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from nassurrogate.errors import InputError
        from nassurrogate.files.model_file import write_model
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        try:
            write_model(Path(sys.argv[1]), {"a": np.zeros(100_000)}, {})
        except InputError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert done.stdout == f"cannot write the model to {path}: File too large\n"
    assert path.read_bytes() == saved("gradient-boosting").read_bytes()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device"), MemoryError])
def test_an_interrupted_write_leaves_the_old_file(monkeypatch, tmp_path, error):
    def interrupted(_):
        raise error

    path = tmp_path / "model"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises((InputError, KeyboardInterrupt, MemoryError)):
        write_model(path, {"a": np.zeros(3)}, {})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_arrays_of_any_layout_come_back(tmp_path):
    arrays = {
        "transposed": np.arange(6.0).reshape(2, 3).T,
        "sliced": np.arange(10)[::3],
        "empty": np.empty((0, 3), np.float32),
        "scalar": np.array(4.0),
        "flags": np.array([True, False]),
    }
    tensors, header = read_model(write_model(tmp_path / "model", arrays, {"a": [1, {"b": None}]}))
    assert set(tensors) == set(arrays)
    for name, value in arrays.items():
        assert tensors[name].dtype == value.dtype
        np.testing.assert_array_equal(tensors[name], value)
    assert header == {"format_version": 1, "a": [1, {"b": None}]}
