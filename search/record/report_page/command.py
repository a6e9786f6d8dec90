"""The command, or the line of Python, that repeats a run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nassurrogate.errors import printable
from nassurrogate.metric import known_metric
from nassurrogate.search.record.recorded_run import RecordedRun

_OPTIONS: Final = {
    "space": "--space",
    "problem": "--problem",
    "dataset": "--dataset",
    "table": "--table",
    "objective": "--objective",
    "fidelity": "--fidelity",
    "budget": "--budget",
    "constraints": "--constraint",
    "searcher": "--searcher",
    "predictor": "--predictor",
    "predictor_config": "--config",
    "settings": "--set",
    "surrogate": "--surrogate",
    "known": "--known",
    "requery_known": "--requery-known",
    "allow_equivalent": "--allow-equivalent",
    "labels": "--label-kind",
    "workers": "--workers",
    "unordered": "--unordered",
    "evaluation_limit_s": "--timeout",
    "device": "--device",
    "seed": "--seed",
}
"""Argument of `nassurrogate.search.run` → option of the command."""
_DEFAULTS: Final = {"searcher": "exhaustive", "labels": "mean", "device": "auto"}
_OBJECT: Final = "object"
_LINE_LENGTH: Final = 76


def repeating_command(run: RecordedRun) -> str:
    """A command line that makes the same run again, in a new folder; or Python, if objects were passed to the run.

    Every argument is quoted for a POSIX shell.
    """
    arguments = _arguments(run)
    if any(isinstance(value, Mapping) and _OBJECT in value for value in arguments.values()):
        return _python(arguments)
    parts = [["nassurrogate", "search"]]
    for name, option in _OPTIONS.items():
        parts += [_option(option, value) for value in _values(name, arguments.get(name))]
    for name, value in _table_options(arguments.get("known_options")).items():
        option = f"--{name.replace('_', '-')}"
        parts += [_option(option, text) for text in _values(name, value)]
    if arguments.get("objective") is not None and known_metric(run.objective.name).direction is None:
        parts.append(["--larger-is-better" if run.objective.larger_is_better else "--smaller-is-better"])
    return _in_lines([shlex.join(part) for part in parts])


def _option(option: str, value: str | None) -> list[str]:
    """An option with its value; one that starts with a hyphen would be taken for another option."""
    if value is None:
        return [option]
    return [f"{option}={value}"] if value.startswith("-") else [option, value]


def _in_lines(parts: Sequence[str]) -> str:
    """The parts of a command, in lines that a shell joins."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) < _LINE_LENGTH:
            lines[-1] += f" {part}"
        else:
            lines[-1] += " \\"
            lines.append(f"  {part}")
    return "\n".join(lines)


def is_python(run: RecordedRun) -> bool:
    """Whether `repeating_command` gives Python: objects were passed to the run, which no command line can name."""
    return any(isinstance(value, Mapping) and _OBJECT in value for value in _arguments(run).values())


def _arguments(run: RecordedRun) -> dict[str, Any]:
    """The arguments as the ledger holds them; those of a ledger of an earlier release follow from what it does hold."""
    config = run.config
    recorded = config.get("arguments")
    if recorded:
        return dict(recorded)
    names = ("dataset", "budget", "searcher", "predictor", "seed", "constraints", "labels", "surrogate", "table")
    found = {name: config.get(name) for name in (*names, "device", "requery_known", "allow_equivalent", "fidelity")}
    found["settings"] = {"settings": config.get("settings") or {}}
    found["predictor_config"] = config.get("predictor_config")
    if config.get("is_table", True):
        return {**found, "space": config["space"]}
    sources = run.header.get("table_sources")
    function = str(sources[0]).removeprefix("function ") if isinstance(sources, list) and sources else "evaluate"
    return {**found, "space": {_OBJECT: config["space"]}, "evaluate": {_OBJECT: function}}


def _values(name: str, value: Any) -> list[str | None]:
    """The values of an option: none if it is left out, [None] for a switch."""
    if value is None or value is False or value == _DEFAULTS.get(name):
        return []
    if value is True:
        return [None]
    if name == "settings":
        return [_assignment(key, each) for key, each in _settings_in(value).items()]
    if name in ("predictor_config", "rename") and isinstance(value, Mapping):
        return [_assignment(key, each) for key, each in value.items()]
    if name == "objective":
        return [str(_fields_of_metric(value).get("name", value))]
    if name == "evaluation_limit_s":
        return [f"{value}s"]
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _assignment(name: str, value: Any) -> str:
    """NAME=VALUE, where the value is JSON unless it is a text that JSON does not read as anything else."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return f"{name}={value}"
    return f"{name}={json.dumps(value)}"


def _settings_in(value: Any) -> dict[str, Any]:
    """All settings but those that follow from the rest of the search; recorded only if one was given."""
    settings = value.get("settings") if isinstance(value, Mapping) else None
    if not isinstance(settings, Mapping):
        return {}
    return {name: each for name, each in settings.items() if each is not None}


def _table_options(value: Any) -> dict[str, Any]:
    """How the table of known results is read, by the names of `TableOptions`; those that were given."""
    options = value.get("table") if isinstance(value, Mapping) else None
    return {name: each for name, each in options.items() if each} if isinstance(options, Mapping) else {}


def _fields_of_metric(value: Any) -> Mapping[str, Any]:
    fields = value.get("metric") if isinstance(value, Mapping) else None
    return fields if isinstance(fields, Mapping) else {}


def _python(arguments: Mapping[str, Any]) -> str:
    """A call of `run`; objects are variables of the names of their arguments, with what they were as a comment."""
    lines = []
    for name in (*_OPTIONS, "known_options", "evaluate", "benchmark"):
        value = arguments.get(name)
        if value is None or value is False or value == [] or value == _DEFAULTS.get(name):
            continue
        if isinstance(value, Mapping) and _OBJECT in value:
            lines.append(f"    {name}={name},  # {printable(str(value[_OBJECT]))}")
        elif name == "settings":
            changed = ", ".join(f"{key}={each!r}" for key, each in _settings_in(value).items())
            lines += [f"    settings=SearchSettings({changed}),"] if changed else []
        elif name == "known_options":
            given = ", ".join(f"{key}={each!r}" for key, each in _table_options(value).items())
            lines.append(f"    known_options=TableOptions({given}),")
        elif fields := _fields_of_metric(value):
            lines.append(f"    {name}=Metric({fields.get('name')!r}, direction={fields.get('direction')!r}),")
        else:
            lines.append(f"    {name}={value!r},")
    return "\n".join(["nassurrogate.search.run(", *lines, ")"])
