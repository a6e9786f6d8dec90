"""The cache of imported tables: whole or absent, checked on every load, and no damage spreads."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as safetensors

from nassurrogate.benchmarks import dataset_names, load_benchmark
from nassurrogate.benchmarks.tabular import store
from nassurrogate.benchmarks.tabular.table import Column
from nassurrogate.errors import InputError


def save(name: str = "mine", dataset: str = "svhn", **options: Any) -> store.ImportInfo:
    values = np.linspace(1, 90, 15_625)
    columns = {
        (dataset, "val_accuracy_pct"): Column(np.stack([values, values + 1], axis=1), "test", "seeds 1, 2"),
        (dataset, "phone_latency_ms"): Column(values, "test"),
    }
    return store.save_import(
        "nb201", name, columns, kind="own table", source_file="/data/mine.csv", source_sha256="0" * 64, n_cells=15_625,
        **options,
    )  # fmt: skip


def test_what_is_stored_comes_back(cache: Path) -> None:
    info = save()
    table = store.load_import("mine")
    assert table.info == info == store.list_imports()[0]
    assert info.columns == {"svhn": ["val_accuracy_pct", "phone_latency_ms"]}
    assert info.path.parent.parent == cache
    column = table.columns["svhn", "val_accuracy_pct"]
    assert column.note == "seeds 1, 2"
    np.testing.assert_array_equal(column.values[:, 1], np.linspace(1, 90, 15_625) + 1)
    assert store.load_import("mine", dataset="cifar10").columns == {}


def test_a_direction_comes_back_and_imports_of_old_have_none() -> None:
    column = Column(np.linspace(1, 90, 15_625), "test", direction="minimize")
    columns = {("svhn", "harm_count"): column, ("svhn", "fun_count"): Column(column.values, "test")}
    path = store.save_import(
        "nb201", "mine", columns, kind="own table", source_file="", source_sha256="", n_cells=15_625
    ).path
    found = load_benchmark("nb201", "svhn").metrics
    assert (found["harm_count"].direction, found["fun_count"].direction) == ("minimize", None)
    stored = {"maximize": "maximize", None: None, "absent": None, "up": "damaged", 5: "damaged"}
    for given, expected in stored.items():
        tensors, meta = _opened(path)
        for entry in meta["columns"]:
            entry["direction"] = given
            if given == "absent":
                del entry["direction"]
        other = path.with_name("other.safetensors")
        signed = json.dumps({**meta, "name": "other"})
        other.write_bytes(
            safetensors.save(tensors, metadata={"nassurrogate": signed, "sha256": store._checksum(signed, tensors)})
        )
        if expected == "damaged":
            with pytest.raises(InputError, match=r"other\.safetensors is damaged"):
                store.load_import("other")
        else:
            assert store.load_import("other").columns["svhn", "fun_count"].direction == expected


def _opened(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    content = path.read_bytes()
    head = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    return safetensors.load(content), json.loads(head["__metadata__"]["nassurrogate"])


def test_names_are_taken_once() -> None:
    save()
    with pytest.raises(InputError, match="an import named 'mine' exists"):
        save()
    save(replace=True)
    with pytest.raises(InputError, match="unknown import 'mime' of nb201; known: mine; did you mean 'mine'"):
        store.remove_import("mime")
    with pytest.raises(InputError, match="unknown import 'mime'"):
        store.load_import("mime")
    store.remove_import("mine")
    assert store.list_imports() == []


def test_every_flipped_byte_is_noticed() -> None:
    path = save().path
    good = path.read_bytes()
    head = 8 + struct.unpack("<Q", good[:8])[0]
    places = [*range(0, head, 23), *range(head, len(good), len(good) // 40), len(good) - 1]
    messages, unnoticed = [], []
    for place in places:
        damaged = bytearray(good)
        damaged[place] ^= 0x04
        path.write_bytes(damaged)
        try:
            store.load_import("mine")
        except InputError as error:
            messages.append(str(error))
        else:
            unnoticed.append((place, good[place : place + 1]))
    assert all(str(path) in message and "import" in message for message in messages)
    assert all(byte == b" " for _, byte in unnoticed), unnoticed  # padding of the head holds nothing


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"\xff" * 100,
        struct.pack("<Q", 10) + b"not json!!",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 60) + b"[" * 60,
        pickle.dumps({"a": os.getcwd}),
        b"PK\x03\x04" + bytes(100),
    ],
)
def test_damage_stays_where_it_is(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    save("good")
    save("bad", dataset="cifar10").path.write_bytes(content)

    listed = {info.name: info for info in store.list_imports()}
    assert listed["good"].damage == ""
    assert "nassurrogate data remove bad" in listed["bad"].damage
    assert {info.name: bool(info.damage) for info in store.check_imports()} == {"good": False, "bad": True}
    assert "svhn" in dataset_names("nb201")
    damage = r"bad\.safetensors is damaged.*remove bad.*import its source again"
    with pytest.raises(InputError, match=damage):
        load_benchmark("nb201", "cifar10", table="bad")
    # Whoever does not ask for what may have been in it goes on, with a warning.
    bench = load_benchmark("nb201", "cifar10")
    assert np.isfinite(bench.query(0).value)
    assert re.search(damage, caplog.text)
    with pytest.raises(InputError, match=f"unknown metric 'phone_latency_ms'.*cannot be read: .*{damage}"):
        bench.query(0, "phone_latency_ms")
    assert np.isfinite(load_benchmark("nb201", "cifar10", table="embedded").query(0).value)
    store.remove_import("bad")
    assert np.isfinite(load_benchmark("nb201", "cifar10").query(0).value)


def test_damaged_values_of_an_unrelated_data_set_hinder_nobody() -> None:
    path = save(dataset="svhn").path
    path.write_bytes(path.read_bytes()[:-5])
    assert np.isfinite(load_benchmark("nb201", "cifar10").query(0).value)
    assert store.list_imports()[0].damage == ""
    assert "is damaged" in store.check_imports()[0].damage
    with pytest.raises(InputError, match=r"is damaged .*import /data/mine\.csv again"):
        load_benchmark("nb201", "svhn")


def test_other_format_version_is_named() -> None:
    path = save().path
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8 : 8 + size])
    meta = json.loads(head["__metadata__"]["nassurrogate"])
    head["__metadata__"]["nassurrogate"] = json.dumps({**meta, "format_version": 99})
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])
    with pytest.raises(InputError, match="format version 99; expected 1"):
        store.load_import("mine")


def test_an_unwritable_cache_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NASSURROGATE_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot write .*set NASSURROGATE_CACHE to a writable folder"):
        save()


IMPORT = """
import sys
from nassurrogate.benchmarks.importers import import_file
from nassurrogate.errors import InputError
try:
    print("done", import_file("nb201", sys.argv[1], name=sys.argv[2]).name)
except InputError as error:
    print("refused", error)
"""
STALL = """
import os, time
def stall(_):
    print("writing", flush=True)
    time.sleep(120)
os.fsync = stall
"""


def start(code: str, path: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, str(path), name], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text("index,phone_latency_ms\n1,2.5\n")
    return path


def test_two_importers_at_once(table: Path) -> None:
    names = ["same", "same", "other"]
    processes = [start(IMPORT, table, name) for name in names]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert said[2] == "done other\n"
    assert sorted(text.split()[0] for text in said[:2]) == ["done", "refused"], said
    assert {info.name: info.damage for info in store.check_imports()} == {"same": "", "other": ""}


def test_killed_while_writing_leaves_nothing(table: Path, cache: Path) -> None:
    process = start(STALL + IMPORT, table, "mine")
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)

    assert store.list_imports() == []
    assert len(list(cache.rglob("*.tmp"))) == 1
    assert start(IMPORT, table, "mine").communicate(timeout=60)[0] == "done mine\n"
    assert list(cache.rglob("*.tmp")) == []
    assert store.check_imports()[0].damage == ""


def test_loading_needs_no_heavy_package() -> None:
    save(dataset="cifar10")
    code = (
        "import sys; from nassurrogate.benchmarks import load_benchmark; load_benchmark('nb201', 'cifar10');"
        "print([name for name in ('torch', 'pandas', 'pyarrow', 'scipy', 'sklearn') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
