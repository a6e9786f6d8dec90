"""The command, or the line of Python, that repeats a run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, Final

from nassurrogate.metric import known_metric
from nassurrogate.search.record.recorded_run import RecordedRun
from nassurrogate.search.settings.definitions import SETTINGS

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


def repeating_command(run: RecordedRun) -> str:
    """A command line that makes the same run again, in a new folder; or Python, if objects were passed to the run.

    Every argument is quoted for a POSIX shell.
    """
    arguments = _arguments(run)
    if any(isinstance(value, Mapping) and _OBJECT in value for value in arguments.values()):
        return _python(arguments)
    words = ["nassurrogate", "search"]
    for name, option in _OPTIONS.items():
        for value in _values(name, arguments.get(name)):
            # A value that starts with a hyphen would be taken for an option.
            words += [option] if value is None else [f"{option}={value}"] if value.startswith("-") else [option, value]
    objective = arguments.get("objective")
    if isinstance(objective, Mapping) and known_metric(run.objective.name).direction is None:
        words.append("--larger-is-better" if run.objective.larger_is_better else "--smaller-is-better")
    return shlex.join(words)


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
        changed = value.get("settings", {}) if isinstance(value, Mapping) else {}
        return [f"{key}={json.dumps(each)}" for key, each in changed.items() if _is_changed(key, each)]
    if name == "predictor_config" and isinstance(value, Mapping):
        return [f"{key}={each if isinstance(each, str) else json.dumps(each)}" for key, each in value.items()]
    if name == "objective":
        metric = value.get("metric") if isinstance(value, Mapping) else value
        return [str(metric.get("name") if isinstance(metric, Mapping) else metric)]
    if name == "evaluation_limit_s":
        return [f"{value:.15g}s" if isinstance(value, int | float) else str(value)]
    if isinstance(value, list):
        return [str(each) for each in value]
    return [str(value)]


def _is_changed(name: str, value: Any) -> bool:
    return name not in SETTINGS or value != SETTINGS[name].default


def _python(arguments: Mapping[str, Any]) -> str:
    """A call of `run` in which objects have the names of their types."""
    parts = []
    for name, value in arguments.items():
        if value is None or value is False or value == [] or value == _DEFAULTS.get(name):
            continue
        parts.append(f"    {name}={_written(value)},")
    return "\n".join(["nassurrogate.search.run(", *parts, ")"])


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        if _OBJECT in value:
            return f"…,  # your {value[_OBJECT]}".replace(",  #", "  #")
        if value.keys() == {"settings"} and isinstance(value["settings"], Mapping):
            changed = ", ".join(f"{key}={each!r}" for key, each in value["settings"].items() if _is_changed(key, each))
            return f"SearchSettings({changed})"
        if value.keys() == {"metric"} and isinstance(value["metric"], Mapping):
            fields = value["metric"]
            return f"Metric({fields.get('name')!r}, direction={fields.get('direction')!r})"
    return repr(value)
