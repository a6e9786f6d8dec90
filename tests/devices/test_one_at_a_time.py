"""Two measurements at once on one machine."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from nassurrogate.devices.one_at_a_time import only_measurement


def test_the_second_waits_for_the_first(caplog: pytest.LogCaptureFixture) -> None:
    began, ended = threading.Event(), threading.Event()
    order: list[str] = []

    def second() -> None:
        with only_measurement():
            order.append("second")
        ended.set()

    waiting = _Waiting(began)
    logging.getLogger("nassurrogate.devices.one_at_a_time").addHandler(waiting)
    try:
        with only_measurement():
            thread = threading.Thread(target=second)
            thread.start()
            assert began.wait(30), "it says that it waits"
            order.append("first")
        assert ended.wait(30)
        thread.join()
    finally:
        logging.getLogger("nassurrogate.devices.one_at_a_time").removeHandler(waiting)
    assert order == ["first", "second"]


class _Waiting(logging.Handler):
    def __init__(self, event: threading.Event) -> None:
        super().__init__()
        self.event = event

    def emit(self, record: logging.LogRecord) -> None:
        assert "another measurement is running" in record.getMessage()
        self.event.set()


def test_it_is_free_again_after_an_error() -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), only_measurement():
            raise KeyboardInterrupt


def test_without_a_lock_it_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "file").touch()
    monkeypatch.setenv("NASSURROGATE_CACHE", str(folder / "file" / "below"))
    with caplog.at_level(logging.WARNING), only_measurement():
        pass
    assert "would disturb this one" in caplog.text
