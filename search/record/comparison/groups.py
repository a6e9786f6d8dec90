"""Groups of runs that were asked for the same, apart from the seed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nassurrogate.search.record.recorded_run import RecordedRun

_NOT_ASKED: Final = frozenset(
    (
        *("seed", "arguments", "device", "metric_sources", "is_table", "objective", "fidelity", "space", "dataset"),
        *("n_space", "n_feasible", "n_feasible_classes", "n_unknown", "n_known", "surrogate_labels"),
        *("feasible_share", "feasible_share_is_estimate", "oracle"),
    )
)
"""Fields of a configuration that differ between runs of one group, or that all compared runs share."""


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seeds.

    Args:
        name: what distinguishes it from the other groups.
        asked: its configuration, without what all runs share.
        runs: at least one.
    """

    name: str
    asked: Mapping[str, Any]
    runs: Sequence[RecordedRun]

    @property
    def by_seed(self) -> dict[int, list[RecordedRun]]:
        """Its runs by seed, ascending."""
        found: dict[int, list[RecordedRun]] = {}
        for run in sorted(self.runs, key=lambda run: int(run.config["seed"])):
            found.setdefault(run.config["seed"], []).append(run)
        return found


def grouped(runs: Sequence[RecordedRun]) -> list[Group]:
    """The groups in the order of their first runs."""
    members: dict[str, list[RecordedRun]] = {}
    asked: dict[str, dict[str, Any]] = {}
    for run in runs:
        fields = _asked(run)
        key = json.dumps(fields, sort_keys=True)
        asked[key] = fields
        members.setdefault(key, []).append(run)
    names = _names([asked[key] for key in members])
    return [Group(name, asked[key], each) for name, (key, each) in zip(names, members.items(), strict=True)]


def _asked(run: RecordedRun) -> dict[str, Any]:
    """What the run was asked for; settings that are off or unset count as absent, as in older ledgers."""
    fields = {name: value for name, value in run.config.items() if name not in _NOT_ASKED}
    if isinstance(fields.get("problem"), Mapping):
        fields["problem"] = fields["problem"].get("sha256")
    if fields.get("surrogate_labels_sha256") is not None:
        fields.pop("surrogate", None)  # the same labels, wherever the file lies
    if fields.get("workers") == 1:
        fields["workers"] = None
    return {name: value for name, value in fields.items() if value not in (None, False, [], {})}


def _names(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Searcher and predictor, and every other field in which the groups differ."""
    flat = [_flat(fields) for fields in groups]
    fields = dict.fromkeys(name for each in flat for name in each)
    differing = [name for name in fields if len({json.dumps(each.get(name)) for each in flat}) > 1]
    return [_name(each, differing, flat) for each in flat]


def _name(own: Mapping[str, Any], differing: Sequence[str], groups: Sequence[Mapping[str, Any]]) -> str:
    predictor = "no predictor" if own["predictor"] == "none" else str(own["predictor"])
    alike = [other for other in groups if other["predictor"] == own["predictor"]]
    # The hyper-parameters of another predictor say nothing.
    shown = [
        name
        for name in differing
        if name in own
        and name not in ("searcher", "predictor")
        and not (name.startswith("predictor_config.") and len({json.dumps(other.get(name)) for other in alike}) == 1)
    ]
    return ", ".join([str(own["searcher"]), predictor, *(_field(name, own[name]) for name in shown)])


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{key}": each for key, each in value.items()}
        else:
            found[name] = value
    return found


def _field(name: str, value: Any) -> str:
    if name == "constraints":
        return " and ".join(map(str, value))
    if name == "labels":
        return f"{value} labels"
    short = name.removeprefix("settings.").removeprefix("predictor_config.")
    text = str(value)
    if name.endswith("sha256") or name == "problem":
        text = text[:8]
    return short if value is True else f"{short.replace('_sha256', '')} {text}"
