"""Replays a recorded run: the search is asked again, and told the recorded answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nassurrogate.errors import InputError, brief
from nassurrogate.search.execution.steps import Steps
from nassurrogate.search.queries.evaluator import Asked, Evaluator
from nassurrogate.search.record.ledger import AskedRecord, Query, Record, WaitedRecord


def replay(
    records: Sequence[Record],
    steps: Steps,
    evaluator: Evaluator,
    *,
    window: int,
    ledger: Path,
    first_line: int,
) -> None:
    """Bring a fresh search to the state in which a recorded one stopped.

    Args:
        records: of the ledger, in the order of the file.
        steps: gives the queries of the fresh search.
        evaluator: takes the recorded answers.
        window: how many queries may be pending at once.
        ledger: where the records are.
        first_line: of the first record.

    Raises `InputError` with the place if the search asks for something else than what was recorded.
    """
    evaluator.is_replaying = True
    asked: Asked | None
    for done, record in enumerate(records):
        place = f"line {first_line + done} of {ledger}"
        if isinstance(record, AskedRecord):
            asked = steps.next()
            _require(asked, record.arch, asked is not None and asked.number == record.asked, place)
            continue
        if isinstance(record, WaitedRecord):
            asked = steps.next()
            _require(asked, None, asked is None, place)
            continue
        assert isinstance(record, Query)
        while not evaluator.unordered and len(evaluator.pending) < window and steps.next() is not None:
            pass
        asked = evaluator.pending.get(record.number if record.asked is None else record.asked)
        _require(asked, record.arch, record.number == len(evaluator.queries) + 1, place)
        assert asked is not None
        _require_alike(asked, record, place)
        evaluator.retell(asked, record)
    evaluator.is_replaying = False


def _require(asked: Asked | None, arch: str | None, same: bool, place: str) -> None:
    """Raise `InputError` unless the search asks for the recorded architecture, or for none if there was none."""
    if same and (asked.proposal.arch.string if asked is not None else None) == arch:
        return
    recorded = "no query" if arch is None else brief(arch)
    now = "nothing" if asked is None else brief(asked.proposal.arch.string)
    raise _differs(place, recorded, now)


def _require_alike(asked: Asked, record: Query, place: str) -> None:
    """Raise `InputError` unless the recorded architecture is asked for in the same way."""
    proposal = asked.proposal
    now = {"phase": proposal.phase, "proposed_by": proposal.proposed_by, "label_seed": asked.seed}
    for name, value in now.items():
        if getattr(record, name) != value:
            raise _differs(place, f"{name} {getattr(record, name)}", f"{proposal.arch} with {name} {value}")


def _differs(place: str, recorded: str, now: str) -> InputError:
    return InputError(
        f"cannot resume: {place} has {recorded}, but the same search now proposes {now}; what trains, this "
        "package or a library may be another version; --accept-changes (accept_changes=True) continues from the labels "
        "alone"
    )
