"""The official NAS-Bench-101 files: read without TensorFlow, refused where they are damaged."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.benchmarks import load_benchmark
from nassurrogate.benchmarks.importers import import_file
from nassurrogate.benchmarks.importers.containers.protobuf import read_fields
from nassurrogate.errors import InputError
from nassurrogate.spaces import get_space
from nassurrogate.spaces.nb101.space import NB101

NAMES = ("time", "train", "val", "test")


@pytest.fixture(scope="module")
def space() -> NB101:
    found = get_space("nb101")
    assert isinstance(found, NB101)
    assert len(found.cells) == found.size  # read here, for every test has an empty cache of its own
    return found


def masked(content: bytes) -> bytes:
    """The container's checksum, by its definition."""
    crc = google_crc32c.value(content)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32)


def framed(records: Iterable[bytes]) -> bytes:
    """Records as they lie in a file."""
    heads = ((struct.pack("<Q", len(record)), record) for record in records)
    return b"".join(head + masked(head) + record + masked(record) for head, record in heads)


def evaluation(epoch: float, values: tuple[float, ...], *, extra: bool = False) -> bytes:
    """An EvaluationData message, as a field of ModelMetrics; `extra`: with fields that nobody knows."""
    fields = b"".join(bytes([number << 3 | 1]) + struct.pack("<d", v) for number, v in enumerate((epoch, *values), 1))
    if extra:
        fields += bytes([15 << 3 | 5]) + struct.pack("<f", 1.0) + bytes([14 << 3, 0x80, 1, 13 << 3 | 2, 2]) + b"hi"
    return bytes([1 << 3 | 2, len(fields)]) + fields


def metrics(epochs: int, values: tuple[float, ...], *, extra: bool = False) -> str:
    """A ModelMetrics message of a training: at the start, halfway, at the end."""
    nothing = (0.0, 0.1, 0.1, 0.1)
    parts = [(0.0, nothing), (epochs / 2, nothing), (float(epochs), values)]
    known = b"".join(evaluation(*part, extra=extra) for part in parts)
    return base64.encodebytes(known + bytes([2 << 3, 0xAC, 2, 3 << 3 | 1]) + struct.pack("<d", 7.0)).decode()


def row(space: NB101, index: int, epochs: int, values: tuple[float, ...], /, **changed: Any) -> bytes:
    """The record of one training."""
    arch = space.parse(index)
    spec = space.to_spec(arch)
    parts: dict[str, Any] = {
        "hash": arch.string,
        "epochs": epochs,
        "bits": "".join(str(bit) for line in spec.matrix for bit in line),
        "ops": ",".join(spec.ops),
        "metrics": metrics(epochs, values, extra=bool(index % 2)),
    }
    return json.dumps(list((parts | changed).values())).encode()


def test_every_run_and_budget_is_imported(space: NB101, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = {
        (index, epochs, run): (float(rng.uniform(1, 2000)), *rng.uniform(0, 1, 3).tolist())
        for index, runs in ((5, 3), (423_623, 2), (77, 1))
        for epochs in (108, 4, 12, 36)
        for run in range(runs)
    }
    path = tmp_path / "nasbench_full.tfrecord"
    path.write_bytes(framed(row(space, index, epochs, values) for (index, epochs, _), values in truth.items()))
    seen: list[tuple[int, int]] = []
    summary = import_file("nb101", path, progress=lambda done, total: seen.append((done, total)))
    assert (summary.name, summary.info.n_cells) == ("nasbench_full", 3)
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)
    bench = load_benchmark("nb101", "cifar10")
    for (index, epochs, run), values in truth.items():
        budget = "" if epochs == 108 else f"_{epochs}ep"
        forms = (f"train_time{budget}_s", *(f"{name}_accuracy{budget}_pct" for name in NAMES[1:]))
        for metric, value, factor in zip(forms, values, (1, 100, 100, 100), strict=True):
            assert bench.query(index, metric, seed=run).value == pytest.approx(factor * value)
    assert bench.query(5).cost_train_time_s == pytest.approx(sum(truth[5, 108, run][0] for run in range(3)))
    assert bench.column("val_accuracy_pct").n_seeds[[5, 423_623, 77, 0]].tolist() == [3, 2, 1, 0]


def test_a_graph_in_another_order_is_the_same_cell(space: NB101, tmp_path: Path) -> None:
    matrix = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    ops = ["input", "maxpool3x3", "conv3x3-bn-relu", "output"]
    cell = space.from_spec(matrix, ops)
    assert space.to_spec(cell).ops != ops
    changed = {"ops": ",".join(ops), "bits": "0110000100010000"}
    path = tmp_path / "a.tfrecord"
    path.write_bytes(framed([row(space, space.index(cell), 108, (1.0, 0.9, 0.8, 0.7), **changed)]))
    import_file("nb101", path)
    assert load_benchmark("nb101", "cifar10").query(cell.string).value == pytest.approx(80)


GOOD = (1.0, 0.9, 0.8, 0.7)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"hash": "0" * 32}, "no nb101 cell has the hash 0000"),
        ({"hash": "nonsense"}, "malformed nb101 cell 'nonsense'"),
        ({"hash": 3}, r"expected \[hash, epochs"),
        ({"epochs": 200}, "epochs are 200; expected one of 4, 12, 36, 108"),
        ({"epochs": True}, "epochs are True"),
        ({"epochs": 36}, "after epoch 108; expected 36"),
        ({"bits": "01"}, "the adjacency of cell"),
        ({"bits": "2" * 49}, "the adjacency of cell"),
        ({"bits": "0" * 49}, "no path from"),
        ({"ops": "input,output", "bits": "0100"}, "has the hash"),
        ({"ops": "input,x,output", "bits": "010001000"}, "unknown op 'x'"),
        ({"metrics": "ä"}, "not Base64"),
        ({"metrics": "AAA"}, "not Base64"),
        ({"metrics": ""}, "without an evaluation"),
        ({"metrics": base64.b64encode(b"\x0a\x7f").decode()}, "ends within field 1"),
        ({"metrics": base64.b64encode(b"\x0b").decode()}, "unknown kind 3"),
        ({"metrics": base64.b64encode(b"\xff" * 20).decode()}, "has no end"),
        ({"metrics": base64.b64encode(b"\x0a\x00").decode()}, "lacks a number"),
        ({"metrics": metrics(108, (1.0, 0.9, 90.0, 0.7))}, "accuracies from 0 to 1"),
        ({"metrics": metrics(108, (float("nan"), 0.9, 0.8, 0.7))}, "expected seconds"),
        ({"metrics": metrics(108, (-1.0, 0.9, 0.8, 0.7))}, "expected seconds"),
        ({"more": 1}, r"expected \[hash, epochs"),
    ],
)
def test_bad_records(space: NB101, tmp_path: Path, cache: Path, changed: dict[str, Any], expected: str) -> None:
    good = row(space, 9, 108, GOOD)
    path = tmp_path / "bad.tfrecord"
    path.write_bytes(framed([good, row(space, 1, 108, GOOD, **changed)]))
    with pytest.raises(InputError, match=expected) as caught:
        import_file("nb101", path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    assert f"bad.tfrecord: the record at byte {len(good) + 16}:" in message
    assert not list(cache.rglob("*.safetensors"))


def test_more_runs_than_there_are(space: NB101, tmp_path: Path) -> None:
    path = tmp_path / "more.tfrecord"
    path.write_bytes(framed([row(space, 1, 108, GOOD)] * 4))
    with pytest.raises(InputError, match="more than 3 runs of 108 epochs"):
        import_file("nb101", path)


@pytest.mark.parametrize("content", [b"{", b"[" * 50_000, b"null", b"\xff\xfe", b"", b'"x"', b"[1, 2, 3, 4, 5]"])
def test_records_that_are_no_rows(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.tfrecord"
    path.write_bytes(framed([content]))
    with pytest.raises(InputError, match=r"the record at byte 0: (not JSON|expected \[hash)"):
        import_file("nb101", path)


def test_damage_is_told_with_its_place(space: NB101, tmp_path: Path, cache: Path) -> None:
    records = [row(space, index, 108, GOOD) for index in range(3)]
    content = framed(records)
    second = len(records[0]) + 16
    path = tmp_path / "bad.tfrecord"
    for place in (second, second + 8, second + 12, second + 200, second + 16 + len(records[1]) - 1):
        damaged = bytearray(content)
        damaged[place] ^= 64
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"bad\.tfrecord: damaged at byte {second}"):
            import_file("nb101", path)
    for end in (second + 1, second + 11, second + 12, second + 100, second + 16 + len(records[1]) - 1):
        path.write_bytes(content[:end])
        with pytest.raises(InputError, match=rf"cut off: the record at byte {second}"):
            import_file("nb101", path)
    head = struct.pack("<Q", 1 << 60)
    path.write_bytes(head + masked(head))
    with pytest.raises(InputError, match=f"a record of {1 << 60} bytes at byte 0"):
        import_file("nb101", path)
    assert not list(cache.rglob("*.safetensors"))


def test_the_kind_is_told_by_the_content(space: NB101, tmp_path: Path) -> None:
    path = tmp_path / "no-suffix"
    path.write_bytes(framed([row(space, 1, 4, GOOD)]))
    assert import_file("nb101", path).info.kind == "NAS-Bench-101 TFRecord"
    trained = [f"{name}_accuracy_4ep_pct" for name in ("test", "train", "val")]
    assert set(load_benchmark("nb101", "cifar10").metrics) == {"flops_m", "params_m", "train_time_4ep_s", *trained}


@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_refused(message: bytes) -> None:
    try:
        fields = list(read_fields(message))
    except InputError:
        return
    assert len(fields) <= len(message)


@pytest.mark.parametrize(("name", "n_cells", "runs", "budgets"), [("4V9E", 91, 3, 4), ("5V9E", 2_532, 1, 1)])
def test_real_files_of_the_format(shared_data: Path, name: str, n_cells: int, runs: int, budgets: int) -> None:
    summary = import_file("nb101", shared_data / "nb101" / f"energy_{name}.tfrecord")
    assert summary.info.n_cells == n_cells
    bench = load_benchmark("nb101", "cifar10")
    times = [metric for metric in bench.metrics if metric.startswith("train_time")]
    assert len(times) == budgets
    for metric in times:
        column = bench.column(metric)
        assert (np.isfinite(column.mean).sum(), column.n_seeds.max()) == (n_cells, runs)
    accuracy = bench.column("val_accuracy_4ep_pct").mean
    assert 0 < np.nanmin(accuracy) < np.nanmax(accuracy) < 95
