"""Continues a run from its ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nassurrogate.errors import InputError, brief
from nassurrogate.files.given_path import as_path
from nassurrogate.search.engine.header import ledger_header
from nassurrogate.search.engine.session import SearchSession
from nassurrogate.search.execution.driver import window_of
from nassurrogate.search.execution.replay import replay
from nassurrogate.search.queries.events import Listener
from nassurrogate.search.record.ledger import ChangedRecord, Ledger, LedgerWriter, Query
from nassurrogate.search.record.run_folder import LEDGER, finished_summary, reopen_run
from nassurrogate.search.settings.recorded import arguments_of, refuse_changed
from nassurrogate.search.settings.request import SearchRequest, checked_request

_CHANGES = "accept_changes=True (--accept-changes) continues from the labels alone"


@dataclass
class Resumed:
    """A run that goes on, with its folder locked.

    Args:
        folder: of the run.
        ledger: what it recorded so far.
        result: of a finished run; None if it goes on.
        request: what the run was asked for; None if it is finished.
        accept_changes: whether it goes on from its labels alone if anything has changed.
        listener: called with every event.
    """

    folder: Path
    ledger: Ledger
    result: dict[str, Any] | None
    request: SearchRequest | None = None
    accept_changes: bool = False
    listener: Listener | None = None
    _writer: LedgerWriter | None = field(default=None, init=False)

    def opened(self) -> SearchSession:
        """The search in the state in which it stopped. Raises `InputError` if it cannot be brought there."""
        assert self.request is not None, "the run is finished"
        changes = [place for place, each in enumerate(self.ledger.records) if isinstance(each, ChangedRecord)]
        started = changes[-1] + 1 if changes else 0
        header = self.ledger.header
        if changes:
            last = self.ledger.records[changes[-1]]
            assert isinstance(last, ChangedRecord)
            header = last.header
        session = SearchSession(self.request, restart=len(changes))
        asked = ledger_header(self.request, session.shared)
        changed = _changed(header, asked)
        path = self.folder / LEDGER
        if changed is not None and not self.accept_changes:
            raise InputError(f"cannot resume {self.folder}: {changed} (line {started + 1} of {path}); {_CHANGES}")
        if changed is None:
            try:
                return self._replayed(session, started, path)
            except InputError:
                if not self.accept_changes:
                    raise
        session = SearchSession(self.request, restart=len(changes) + 1)
        writer = self._reopened(path)
        writer.append_changed(asked)
        session.open(writer, self.folder, self.listener, self.ledger.queries, n_recorded=len(self.ledger.queries))
        n_queries = len(self.ledger.queries)
        session.evaluator.note(f"something has changed, so the search starts again from its {n_queries} labels alone")
        return session

    def _replayed(self, session: SearchSession, started: int, path: Path) -> SearchSession:
        """The search after it was told every recorded answer since its start."""
        earlier = [each for each in self.ledger.records[:started] if isinstance(each, Query)]
        writer = self._reopened(path)
        session.open(writer, self.folder, self.listener, earlier, n_recorded=len(self.ledger.queries))
        replay(
            self.ledger.records[started:],
            session.steps,
            session.evaluator,
            window=window_of(session.request.workers, unordered=session.request.unordered),
            ledger=path,
            first_line=started + 2,
        )
        return session

    def _reopened(self, path: Path) -> LedgerWriter:
        if self._writer is None:
            self._writer = LedgerWriter.reopened(path, self.ledger)
        return self._writer

    def close(self) -> None:
        """Close the ledger."""
        if self._writer is not None:
            self._writer.close()


@contextmanager
def open_resumed(
    run_dir: str | Path,
    objects: Mapping[str, Any],
    here: Mapping[str, Any],
    *,
    accept_changes: bool,
    even_finished: bool = False,
) -> Iterator[Resumed]:
    """Lock the folder of a run, and read what it was asked for.

    Args:
        run_dir: the run folder.
        objects: arguments that were given again.
        here: arguments that belong to this process, such as the listener.
        accept_changes: whether the run goes on from its labels alone if anything has changed.
        even_finished: whether a finished run is opened too, instead of read.

    Raises `InputError` for a folder without a run, a damaged ledger, and arguments that differ from the recorded ones.
    """
    folder = as_path(run_dir, "resume")
    with reopen_run(folder) as ledger:
        config = ledger.header.get("config")
        recorded = config.get("arguments") if isinstance(config, Mapping) else None
        result = None if even_finished else finished_summary(folder, len(ledger.queries))
        if result is not None:
            refuse_changed(recorded, objects)
            yield Resumed(folder, ledger, result)
            return
        arguments = arguments_of(recorded, objects)
        try:
            request = checked_request(**arguments, **here, run_dir=folder, arguments=arguments)
        except TypeError as error:
            raise InputError(f"cannot resume {folder}: its arguments are of another release ({error})") from error
        resumed = Resumed(folder, ledger, None, request, accept_changes, here.get("listener"))
        try:
            yield resumed
        finally:
            resumed.close()


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """What differs between two headers, in words; None if nothing does."""
    old, new = before.get("config", {}), now["config"]
    if isinstance(old.get("problem"), Mapping) and isinstance(new["problem"], Mapping):
        if old["problem"].get("sha256") != new["problem"]["sha256"]:
            return f"the problem file {new['problem']['path']} has changed since the run began"
        new = {**new, "problem": old["problem"]}  # it may have moved
    if before.get("table_sha256") != now["table_sha256"]:
        return "the ground truth is another one than when the run began"
    for name, value in new.items():
        if name != "arguments" and old.get(name) != value:
            return _difference(name, old.get(name), value)
    return None


def _difference(name: str, old: object, new: object) -> str:
    """Of mappings, the first field that differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for field in {**new, **old}:
            if field not in old or field not in new or old[field] != new[field]:
                return _difference(f"{name}.{field}", old.get(field), new.get(field))
    return f"{name} was {brief(old)} when the run began, and is {brief(new)} now"
