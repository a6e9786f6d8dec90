"""Model files: whole or absent when written, and one clear line for every file that is not one of ours."""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save, save_file

from nassurrogate import Surrogate, model_file
from nassurrogate.errors import InputError
from nassurrogate.model_file import FORMAT, _checksum, read_model, write_model

TINY = {
    "nar-former-v2": {"epochs": 2, "members": 2, "width": 8, "head_width": 4, "blocks": 1},
    "gradient-boosting": {"rounds": 5, "members": 2},
}
each_predictor = pytest.mark.parametrize("name", list(TINY))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """`saved(name)`: a model file of that predictor; not to be changed."""
    folder, made = tmp_path_factory.mktemp("models"), {}

    def get(name: str) -> Path:
        if name not in made:
            surrogate = Surrogate(predictor=name, config=TINY[name], device="cpu")
            made[name] = surrogate.fit(range(20), np.linspace(60, 90, 20)).save(folder / f"{name}.safetensors")
        return made[name]

    return get


def refusal(path: Path) -> str:
    """The one line that loading gives; a test fails if it loads, or if anything else is raised."""
    with pytest.raises(InputError) as caught:
        Surrogate.load(path, device="cpu")
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    assert str(path) in text
    return text


def forged(source: Path, target: Path, *, header=None, drop=(), raw_header=None, **arrays) -> Path:
    """A copy with other header fields and arrays and the right checksum: what somebody with intent would write."""
    content = source.read_bytes()
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    tensors = {key: value for key, value in load(content).items() if key not in drop}
    tensors |= {key.replace("__", "."): value for key, value in arrays.items()}
    fields = json.loads(metadata["header"]) | (header or {})
    text = raw_header if raw_header is not None else json.dumps(fields)
    tensors = {key: np.asarray(value, order="C") for key, value in tensors.items()}
    target.write_bytes(save(tensors, metadata={"format": FORMAT, "header": text, "sha256": _checksum(tensors, text)}))
    return target


# --- damage -------------------------------------------------------------------------------------------------------


@each_predictor
def test_a_file_cut_short_is_refused(name, saved, tmp_path):
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
        told = str(error)
    else:
        told = ""
        assert header == read_model(saved(name))[1]  # what was changed says nothing, such as the order of fields
    assert "\n" not in told


@each_predictor
def test_added_bytes_are_noticed(name, saved, tmp_path):
    longer = tmp_path / "longer"
    longer.write_bytes(saved(name).read_bytes() + b"\0")
    refusal(longer)


# --- files of others ----------------------------------------------------------------------------------------------


class _Malicious:
    """Unpickling this creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_does_not_run(tmp_path, protocol):
    path, trace = tmp_path / "model.safetensors", tmp_path / "trace"
    path.write_bytes(pickle.dumps(_Malicious(trace), protocol=protocol))
    refusal(path)
    assert not trace.exists()
    pickle.loads(path.read_bytes())
    assert trace.exists()  # so it was armed


def test_files_of_other_programs(tmp_path):
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


def test_types_that_numpy_lacks(tmp_path):
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
def test_hostile_metadata(tmp_path, metadata):
    text = json.dumps({"__metadata__": metadata}).encode()
    (tmp_path / "model").write_bytes(len(text).to_bytes(8, "little") + text)
    refusal(tmp_path / "model")


def test_a_header_that_would_take_memory_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.write_bytes((1 << 40).to_bytes(8, "little") + b"{" * 100)
    assert "its header would take" in refusal(path)
    path.write_bytes((1 << 17).to_bytes(8, "little") + b"[" * (1 << 17))
    assert "not a readable model file" in refusal(path)  # nested too deep
    monkeypatch.setattr(model_file, "MAX_BYTES", 50)
    assert "at most 50" in refusal(path)


# --- well-formed, signed, and wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 2, "1", 1.0, True, None, [1], 10**100])
def test_other_format_versions(saved, tmp_path, version):
    path = forged(saved("gradient-boosting"), tmp_path / "model", header={"format_version": version})
    assert "format version" in refusal(path)


@pytest.mark.parametrize("raw", ["", "[]", "5", "null", '"a"', "[" * 5000, '{"a":' * 5000, "1" * 5000, "{}", "\0"])
def test_hostile_json(saved, tmp_path, raw):
    path = forged(saved("gradient-boosting"), tmp_path / "model", raw_header=raw)
    assert "damaged header" in refusal(path)


WRONG = [None, 5, -1, 1.5, float("nan"), True, "", "x", "nb201 ", [], {}, [[]], {"a": []}, 10**30, "9" * 400]

USABLE = {("metric", json.dumps(text)) for text in ("x", "nb201 ", "9" * 400)}
USABLE |= {("seed", "5"), ("n_labels", "5"), ("label_stats", "{}")}
USABLE |= {("state", json.dumps(value)) for value in WRONG}  # these predictors have nothing there


@each_predictor
@pytest.mark.parametrize(
    "field", ["space", "predictor", "preset", "config", "metric", "seed", "n_labels", "label_stats", "state"]
)
def test_wrong_fields(name, field, saved, tmp_path):
    """Whatever stands in a field: it loads where that happens to be right, or is refused in one line."""
    for value in WRONG:
        path = forged(saved(name), tmp_path / "model", header={field: value})
        if (field, json.dumps(value)) in USABLE or (field, value) == ("config", {}):
            assert _loads(path) in (name, "refused")
        else:
            refusal(path)


def _loads(path: Path) -> str:
    try:
        return Surrogate.load(path, device="cpu").predictor.name
    except InputError:
        return "refused"


@each_predictor
def test_missing_fields(name, saved, tmp_path):
    _, header = read_model(saved(name))
    for field in header:
        text = json.dumps({key: value for key, value in header.items() if key != field})
        refusal(forged(saved(name), tmp_path / "model", raw_header=text))


def test_a_config_cannot_ask_for_the_machine(saved, tmp_path):
    """Numbers that would allocate or compute without end are refused, here in a process that has little memory."""
    paths = []
    for name in TINY:
        for key, value in read_model(saved(name))[1]["config"].items():
            if type(value) is int:
                for large in (100, 4000, 10**9, 10**18):
                    header = {"config": {**TINY[name], key: large}}
                    paths.append(forged(saved(name), tmp_path / f"{name}-{key}-{large}", header=header))
    script = """if True:
        import resource, sys
        import torch, lightgbm
        from nassurrogate import Surrogate
        from nassurrogate.errors import InputError
        torch.set_num_threads(1)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (600 << 20), -1))
        for path in sys.argv[1:]:
            try:
                Surrogate.load(path, device="cpu").score(0)
            except InputError:
                print("refused", path)
    """
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc to limit the memory")
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, paths)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    refused = {line.split("-")[-1] for line in done.stdout.splitlines()}
    assert {str(10**9), str(10**18)} <= refused


def test_weights_that_do_not_fit(saved, tmp_path):
    source = saved("nar-former-v2")
    tensors, _ = read_model(source)
    key = "weights.head.0.weight"
    value = tensors[key]
    spoilt = [value[:1], value[..., :-1], value[None], value.astype(np.float64), value.astype(np.int32), value * np.nan]
    for array in [*spoilt, np.full_like(value, np.inf), np.zeros((0, 4, 8), np.float32), np.float32(3).reshape(())]:
        assert "weights 'head.0.weight' are" in refusal(
            forged(source, tmp_path / "model", weights__head__0__weight=array)
        )
    for missing in tensors:
        refusal(forged(source, tmp_path / "model", drop=[missing]))


@pytest.mark.parametrize(
    "scores", [[1.0, 0.0], [0.0, 0.0], [0.0, np.nan], [0.0, np.inf], [], [[0.0, 1.0]], [0.0, 1.0, 2.0]]
)
def test_label_scales_that_do_not_fit(saved, tmp_path, scores):
    arrays = {"labels__scores": np.array(scores), "labels__values": np.array([60.0, 90.0])}
    assert "label scale" in refusal(forged(saved("nar-former-v2"), tmp_path / "model", **arrays))


@pytest.mark.parametrize(
    ("index", "target"),
    [
        ([0, 15_625], [1.0, 2.0]),
        ([0, -1], [1.0, 2.0]),
        ([0, 2**62], [1.0, 2.0]),
        ([0.0, 1.0], [1.0, 2.0]),
        ([0, 1], [1, 2]),
        ([0, 1], [1.0, np.nan]),
        ([0, 1], [1.0]),
        ([[0, 1]], [[1.0, 2.0]]),
        (np.empty(0, np.int64), np.empty(0)),
    ],
)
def test_labels_that_do_not_fit(saved, tmp_path, index, target):
    arrays = {"labels__index": np.array(index), "labels__target": np.array(target)}
    refusal(forged(saved("gradient-boosting"), tmp_path / "model", **arrays))


def test_a_predictor_does_not_read_the_file_of_another(saved, tmp_path):
    for source, other in (("nar-former-v2", "gradient-boosting"), ("gradient-boosting", "nar-former-v2")):
        preset = {"gradient-boosting": "default", "nar-former-v2": "fast"}[other]
        changes = {"predictor": other, "preset": preset, "config": TINY[other]}
        refusal(forged(saved(source), tmp_path / "model", header=changes))


# --- paths and writing --------------------------------------------------------------------------------------------


def test_paths_that_hold_no_model(tmp_path):
    assert "no model file" in refusal(tmp_path / "absent")
    assert "no model file" in refusal(tmp_path)
    assert "no model file" in refusal(Path(os.devnull))
    refusal(tmp_path / ("x" * 300))
    refusal(tmp_path / "nul\0byte")
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
        with pytest.raises(InputError, match="cannot write the model to") as caught:
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


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_the_permissions_are_those_of_any_new_file(saved, tmp_path, mask):
    surrogate = Surrogate.load(saved("gradient-boosting"))
    old = os.umask(mask)
    try:
        path = surrogate.save(tmp_path / "model")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


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
        from nassurrogate.model_file import write_model
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
