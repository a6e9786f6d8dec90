"""Damaged, foreign and malicious files: nothing runs, nothing is kept, memory stays bounded, the message says why."""

from __future__ import annotations

import bz2
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import nas_201_api.api_utils
import nats_bench.api_utils
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate.benchmarks.importers import import_file
from nassurrogate.benchmarks.pickles.plain import load_plain_pickle
from nassurrogate.benchmarks.pickles.stream import StreamUnpickler
from nassurrogate.benchmarks.tabular import store
from nassurrogate.errors import InputError


class Malicious:
    """Its pickle runs a command when it is loaded in the ordinary way."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.proof}",)


def refused(path: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        import_file("nb201", path)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value) or path.is_dir()
    assert store.list_imports() == []
    assert not list(store.cache_dir().rglob("*.tmp"))


SYSTEM = r"(posix|nt|os)\.system"


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "2020"])
def test_code_in_a_pth_is_refused_by_name(official: Any, tmp_path: Path, zipped: bool) -> None:
    proof = tmp_path / "proof"
    content = official.content(nas_201_api.api_utils, [5])
    content["arch2infos"][0]["full"]["all_results"]["cifar10", 777]["net_state_dict"] = Malicious(proof)
    torch.save(content, tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
    refused(tmp_path / "evil.pth", SYSTEM)
    assert not proof.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_code_in_a_bare_pickle_is_refused_by_name(tmp_path: Path, protocol: int) -> None:
    proof = tmp_path / "proof"
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Malicious(proof), protocol=protocol))
    refused(tmp_path / "evil.pth", SYSTEM)
    (tmp_path / "evil.pickle.pbz2").write_bytes(
        bz2.compress(pickle.dumps({"x": Malicious(proof)}, protocol=max(protocol, 1)))
    )
    refused(tmp_path / "evil.pickle.pbz2", SYSTEM)
    assert not proof.exists()


@pytest.mark.parametrize("name", ["meta.pickle.pbz2", "000000.pickle.pbz2"])
def test_code_in_a_nats_folder_is_refused_by_name(official: Any, tmp_path: Path, name: str) -> None:
    proof = tmp_path / "proof"
    content = official.content(nats_bench.api_utils, [5], schedules=("12", "200"))
    folder = official.write_folder(tmp_path / "folder", content)
    (folder / name).write_bytes(bz2.compress(pickle.dumps(Malicious(proof))))
    refused(folder, SYSTEM)
    assert not proof.exists()


@pytest.mark.parametrize(
    "code",
    [
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
        b"\x80\x02cbuiltins\ngetattr\n.",
        b"(ios\nsystem\n.",
        b"\x80\x02cnumpy\nload\n.",
        b"\x80\x02ctorch.serialization\nload\n.",
    ],
)
def test_no_global_but_plain_data(code: bytes) -> None:
    expected = r"asks for the object (builtins|os|numpy|torch)"
    with pytest.raises(InputError, match=expected):
        load_plain_pickle(io.BytesIO(code), name="x")
    with pytest.raises(InputError, match=expected):
        StreamUnpickler(io.BytesIO(code).read, name="x").load()


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_noise_is_refused_or_read_but_never_crashes(data: bytes) -> None:
    for read in (
        StreamUnpickler(io.BytesIO(data).read, name="x").load,
        lambda: load_plain_pickle(io.BytesIO(b"\x80\x04" + data), name="x"),
    ):
        try:
            read()
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017


def nested_key() -> bytes:
    """A dictionary key whose hash would take 2^64 steps: a pair of pairs of pairs of …, each written once."""
    pairs = b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86\x940" for n in range(64))
    return b"\x80\x04})\x940" + pairs + b"h\x40Ns."


BOMBS = {
    "memo number": b"\x80\x02]r\xff\xff\xff\x7f.",
    "bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"x.",
    "bytearray": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"x.",
    "text": b"\x80\x02X" + struct.pack("<I", 0xFFFFFFFF) + b"x.",
    "frame": b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"N",
    "long": b"\x80\x02\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"x.",
    "key": nested_key(),
    "dictionaries": b"\x80\x02(" + b"}" * (16 << 20) + b"l.",
    "sets": b"\x80\x04(" + b"\x8f" * (16 << 20) + b"t.",
    "nothing": b"\x80\x02]" + b"(" + b"N" * (16 << 20) + b"e.",
}
MEASURE = """
import io, pathlib, resource, sys
from nassurrogate.benchmarks.pickles.plain import load_plain_pickle
from nassurrogate.errors import InputError
data = sys.stdin.buffer.read()
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
def peak():  # not `ru_maxrss`, which a process inherits from the one that started it
    return int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
before = peak()
try:
    load_plain_pickle(io.BytesIO(data), name="bomb")
except InputError as error:
    print("refused:", error)
print("MiB:", peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_pickle_bombs_are_bounded(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], input=BOMBS[name], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    output = done.stdout.decode()
    if name not in ("memo number", "nothing"):  # whose reading costs nothing here
        assert "refused:" in output
    assert int(output.rsplit("MiB: ", 1)[1]) < 768


def test_decompression_bomb_is_bounded(official: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = official.content(nats_bench.api_utils, [5], schedules=("12", "200"))
    folder = official.write_folder(tmp_path / "folder", content)
    # "Nothing, dropped", again and again: tiny to store, nothing to keep, and no end.
    (folder / "000000.pickle.pbz2").write_bytes(bz2.compress(b"\x80\x04" + b"N0" * (1 << 20) + b"N."))
    monkeypatch.setattr("nassurrogate.benchmarks.importers.nats_tss.MAX_CELL_BYTES", 1 << 20)
    refused(folder, "unpacks to more than 1 MiB")


def test_compressed_archives_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"N0" * (1 << 20) + b"N.")
    refused(tmp_path / "bomb.pth", "compressed archive")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "2020"])
def test_truncated_pth_is_refused(official: Any, tmp_path: Path, zipped: bool) -> None:
    torch.save(
        official.content(nas_201_api.api_utils, [5]), tmp_path / "whole.pth", _use_new_zipfile_serialization=zipped
    )
    data = (tmp_path / "whole.pth").read_bytes()
    for size in (1, 40, 1000, len(data) // 2, len(data) - 300):
        (tmp_path / "cut.pth").write_bytes(data[:size])
        refused(tmp_path / "cut.pth", ".")


def test_flipped_bytes_in_checksummed_files_are_refused(official: Any, tmp_path: Path) -> None:
    content = official.content(nats_bench.api_utils, [5], schedules=("12", "200"))
    torch.save(content, tmp_path / "zip.pth")
    folder = official.write_folder(tmp_path / "folder", content)
    cell = folder / "000000.pickle.pbz2"
    for path, source in ((tmp_path / "flipped.pth", tmp_path / "zip.pth"), (cell, cell)):
        good = source.read_bytes()
        for place in range(len(good) // 10, len(good) * 9 // 10, len(good) // 7):
            flipped = bytearray(good)
            flipped[place] ^= 0x10
            path.write_bytes(flipped)
            refused(path if path.suffix == ".pth" else folder, ".")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda content: content.pop("meta_archs"), "meta_archs"),
        (lambda content: content.pop("arch2infos"), "arch2infos"),
        (lambda content: content["meta_archs"].__setitem__(0, "|foo~0|"), "in the place of '|foo~0|'"),
        (lambda content: content["meta_archs"].reverse(), "in the place of"),
        (lambda content: content["arch2infos"].__setitem__(9, content["arch2infos"].pop(0)), "lists 2 cells"),
        (lambda content: content["arch2infos"][0]["full"].pop("all_results"), "all_results"),
        (
            lambda content: content["arch2infos"][0]["full"]["all_results"]["cifar10", 777].update(epochs=-1),
            "epochs=-1",
        ),
        (lambda content: content["arch2infos"][0]["full"]["all_results"]["cifar10", 777].update(flop="x"), "flop='x'"),
        (
            lambda content: content["arch2infos"][0]["full"]["all_results"]["cifar100", 777]["eval_acc1es"].update(
                {"x-test@199": 104.0}
            ),
            "0 to 100",
        ),
    ],
)
def test_foreign_content_is_refused(official: Any, tmp_path: Path, change: Any, match: str) -> None:
    content = official.content(nas_201_api.api_utils, [5, 6])
    change(content)
    torch.save(content, tmp_path / "foreign.pth")
    refused(tmp_path / "foreign.pth", match)


def test_other_files_are_refused_with_what_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    refused(tmp_path / "empty", "is empty")
    (tmp_path / "notes.txt").write_text("nothing of interest\n")
    refused(tmp_path / "notes.txt", r"not a file that can be imported; expected NAS-Bench-201-v1_1-096897\.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    refused(tmp_path / "list.pth", "meta_archs")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", r"meta\.pickle\.pbz2")
    os.mkfifo(tmp_path / "pipe.csv")
    refused(tmp_path / "pipe.csv", "not a regular file")
    with pytest.raises(InputError, match="not a regular file"):
        import_file("nb201", Path("/dev/zero"))
    with pytest.raises(InputError, match="cannot read"):
        import_file("nb201", tmp_path / "absent.pth")
    with pytest.raises(InputError, match="unknown space 'nb202'; known: nb201, nb101, macro; did you mean 'nb201'"):
        import_file("nb202", tmp_path / "notes.txt")
