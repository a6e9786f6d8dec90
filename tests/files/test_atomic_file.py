"""Files are written whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nassurrogate.files.atomic_file import TEMPORARY_SUFFIX, write_atomically


def put(path: Path, content: bytes = b"new") -> None:
    write_atomically(path, lambda file: file.write(content))


@pytest.mark.parametrize("name", ["file", "n" * 255, "ü", ".hidden"])
def test_a_file_is_made_and_replaced(name: str, tmp_path: Path) -> None:
    for content in (b"one", b"", b"three"):
        put(tmp_path / name, content)
        assert (tmp_path / name).read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_error_halfway_leaves_the_old_file(error: BaseException, tmp_path: Path) -> None:
    def half(file) -> None:
        file.write(b"half")
        raise error

    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(type(error)):
        write_atomically(path, half)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "file"
    path.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            put(path, bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_process_leaves_the_old_file_and_a_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    script = """if True:
        import sys, time
        from pathlib import Path
        from nassurrogate.files.atomic_file import write_atomically
        def stall(file):
            file.write(b"half")
            file.flush()
            print("writing", flush=True)
            time.sleep(120)
        write_atomically(Path(sys.argv[1]), stall)
    """
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.kill()
    assert path.read_text() == "old"
    assert [p.suffix for p in tmp_path.iterdir() if p != path] == [TEMPORARY_SUFFIX]
    put(path)
    assert path.read_text() == "new"


def test_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "folder" / "file")
    for content in (b"made", b"replaced"):
        put(link, content)
        assert link.is_symlink()
        assert (tmp_path / "folder" / "file").read_bytes() == content


def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (Path(os.devnull), tmp_path, tmp_path / "pipe"):
        with pytest.raises(FileExistsError, match="not a regular file"):
            put(path)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    with pytest.raises(FileNotFoundError):
        put(tmp_path / "missing" / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_the_permissions_are_those_of_any_new_file(mask: int, tmp_path: Path) -> None:
    old = os.umask(mask)
    try:
        put(tmp_path / "file")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask
