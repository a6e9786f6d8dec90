"""The arguments of a run as JSON, in the header of its ledger, from which the run is resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, brief
from nassurrogate.metric import Metric
from nassurrogate.search.settings.schedule import SearchSettings
from nassurrogate.tables import TableOptions

_OBJECT = "object"
"""Key of the JSON object that stands for something that a file cannot hold, such as a function."""
_FILES = ("problem", "surrogate", "known")
"""Arguments that may be paths; they are recorded as absolute ones, since a run may be resumed elsewhere."""


def recorded_arguments(arguments: Mapping[str, Any], *, seed: int) -> dict[str, Any]:
    """What was passed to `nassurrogate.search.run`, as JSON; an object that is no text or number as its type's name.

    Args:
        arguments: by name.
        seed: the seed of the run, which may have been drawn.
    """
    return {name: _recorded(name, value) for name, value in {**arguments, "seed": seed}.items()}


def _recorded(name: str, value: Any) -> Any:
    return str(Path(value).absolute()) if name in _FILES and isinstance(value, str | Path) else _as_json(value)


def _as_json(value: Any) -> Any:
    if isinstance(value, Metric):
        return {"metric": value.as_dict()}
    if isinstance(value, SearchSettings):
        return {"settings": asdict(value)}
    if isinstance(value, TableOptions):
        return {"table": asdict(value)}
    if isinstance(value, Constraint):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_as_json(each) for each in value]
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return {_OBJECT: getattr(value, "__qualname__", type(value).__name__)}


def arguments_of(recorded: object, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a recorded run.

    Args:
        recorded: of `recorded_arguments`, from a file.
        given: objects that take the place of those that a file cannot hold.

    Raises `InputError` if an object is lacking, or the record is none.
    """
    if not isinstance(recorded, Mapping):
        raise InputError("cannot resume a run of an earlier release, whose ledger lacks the arguments of the run")
    refuse_changed(recorded, given)
    objects = {name: value[_OBJECT] for name, value in recorded.items() if _is_object(value)}
    if any(given.get(name) is None for name in objects):
        listed = " and ".join(f"{name}={kind}" for name, kind in objects.items())
        again = ", ".join(f"{name}=…" for name in objects)
        or_engine = "; if an Engine wrote it, Engine(space, resume=…)" if "benchmark" in objects else ""
        raise InputError(
            f"the run was started in Python with {listed}, which no file can hold; resume it there: "
            f"run(resume=…, {again}){or_engine}"
        )
    found = {name: given[name] if name in objects else _from_json(value) for name, value in recorded.items()}
    if isinstance(recorded.get("problem"), str):
        found["problem"] = given.get("problem") or recorded["problem"]
        _require_problem_file(found["problem"])
    return found


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping) and _OBJECT in value


def _require_problem_file(path: object) -> None:
    if isinstance(path, str | Path) and not Path(path).exists():
        raise InputError(
            f"there is no problem file of the run at {path}; if it has moved, give its place with --problem FILE "
            "(problem=…)"
        )


def refuse_changed(recorded: object, given: Mapping[str, Any]) -> None:
    """Raise `InputError` if an argument is given that differs from the one that the run was started with.

    A problem file may be in another place; whether it is the same one, its checksum tells.

    Args:
        recorded: of `recorded_arguments`, from a file; nothing is refused if it is none.
        given: by name, the arguments that were given again.
    """
    for name, value in recorded.items() if isinstance(recorded, Mapping) else ():
        is_free = _is_object(value) or (name == "problem" and value is not None)
        if given.get(name) is not None and not is_free and value != _recorded(name, given[name]):
            was = f"was started without {name}" if value is None else f"was started with {name}={brief(value)}"
            raise InputError(f"the run {was}, as its ledger says; leave {name} out, or start a new run")


def _from_json(value: Any) -> Any:
    if isinstance(value, Mapping) and value.keys() == {"metric"}:
        return Metric.from_dict(value["metric"])
    if isinstance(value, Mapping) and value.keys() == {"settings"}:
        try:
            return SearchSettings(**value["settings"])
        except TypeError as error:
            raise InputError(f"the settings of the recorded run cannot be read ({error})") from error
    if isinstance(value, Mapping) and value.keys() == {"table"}:
        try:
            return TableOptions(**value["table"])
        except TypeError as error:
            raise InputError(f"how the known results are read is damaged in the ledger ({error})") from error
    return value
