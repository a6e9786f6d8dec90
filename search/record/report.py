"""Reports a run as text: the result in a few lines, and the table of the best architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nassurrogate.benchmarks import LABEL, TEST
from nassurrogate.constraints import Constraint
from nassurrogate.display.metric_words import name_in_words, unit_sign, value_in_words, with_unit
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric, known_metric
from nassurrogate.search.record.ledger import Query

PHASE_WORDS = {"init": "random to start with", "search": "proposed by the search", "confirm": "to confirm the best"}
"""The phases of the ledger in words."""


def anytime(queries: Sequence[Query], *, sign: int = 1) -> np.ndarray:
    """(Q,) the best label after each query, in the label's unit; NaN before the first one.

    Args:
        queries: all of a run; those that failed gave no label.
        sign: +1 if a larger label is better, −1 if a smaller one is.
    """
    if not queries:
        return np.empty(0)
    scores = [-np.inf if query.label is None else sign * query.label for query in queries]
    best = np.maximum.accumulate(scores)
    return np.where(np.isfinite(best), sign * best, np.nan)


def describe_result(result: Mapping[str, Any]) -> str:
    """The result of `run` as text, one fact per line."""
    rows = result_rows(result)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def result_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The lines of `describe_result` as (name, text).

    Args:
        result: of `run`, or a run folder's `summary.json`, also from an earlier release.
    """
    kind, goal = _kind(result), _objective(result)
    rows = [(f"best {kind}", _named(result["best"])), *_operations(result), (_title(goal), _value(result, goal))]
    if goal.name == LABEL and result["is_table"]:
        tested = result["best"]["test_accuracy_pct"]
        source = result.get("metric_sources", {}).get(TEST)  # summaries of earlier releases have none
        reason = "no table with test accuracy imported" if source is None else f"{source} has none for this {kind}"
        lacking = f"unknown ({reason})"
        rows.append(("test accuracy", lacking if tested is None else f"{tested:.2f} %"))
    costs = ", ".join(
        f"{name_in_words(metric)} {value_in_words(value, metric)}" for metric, value in _costs(result["best"], goal)
    )
    if costs:
        rows.append(("costs", costs))
    rows += [
        ("regret", _regret(result, goal)),
        ("feasible", _feasible(result)),
        ("queries", _queries(result)),
        ("search", _search(result)),
        *([] if result["predictor_calls"] is None else [("predictor calls", f"{result['predictor_calls']:,} (free)")]),
        ("on", f"{result['space']}/{result['dataset']}, seed {result['seed']}{_label_kind(result, goal)}"),
    ]
    if sources := _sources(result):
        rows.append(("sources", sources))
    if result["fidelity"] is not None:
        rows.append(
            ("fidelity", f"{result['fidelity']} of every query; test accuracy and regret are of the full training")
        )
    if result["label_cost_s"] is not None:
        training = "simulated training" if result["is_table"] else "training"
        rows.append((training, _time(result["label_cost_s"])))
    if result["surrogate_labels"]:
        rows.append(("saved surrogate", f"{result['surrogate_labels']} labels, not in the queries above"))
    rows += [("note", note) for note in result["notes"]]
    if result["run_dir"] is not None:
        rows.append(("run folder", result["run_dir"]))
    return rows


def top_table(result: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the best architectures of a run, best first; all columns but the last one hold numbers.

    Args:
        result: of `run`.

    The last column is the architecture's string. Columns without values are left out; `-` marks a missing value, `over
    100` or `under 0` a predicted percentage outside 0 to 100.
    """
    goal, top = _objective(result), result["top"]
    form = ".2f" if goal.is_percent else ".5g"
    columns = [
        ("index", "index", "d"),
        ("value", with_unit("measured", goal), form),
        ("predicted_value", with_unit("predicted", goal), form),
    ]
    if any(row["queries"] > 1 for row in top):
        columns.append(("queries", "trainings", "d"))
    bounded = [constraint.metric for constraint in _constraints(result)]
    for name in dict.fromkeys(("latency_ms", "params_m", "flops_m", *bounded)):
        if name != goal.name:
            metric = known_metric(name)
            short = name_in_words(metric).replace("parameters", "params")
            columns.append((name, with_unit(short, metric), _cost_form(name, top)))
    shown = [column for column in columns if any(row.get(column[0]) is not None for row in top)]
    rows = []
    for row in top:
        texts = {name: "-" if row.get(name) is None else format(row[name], form) for name, _, form in shown}
        if beyond := _beyond(row.get("predicted_value"), goal):
            texts["predicted_value"] = beyond
        rows.append([*texts.values(), row["arch"]])
    return [*(title for _, title, _ in shown), "architecture"], rows


def _cost_form(name: str, top: Sequence[Mapping[str, Any]]) -> str:
    """The usual decimals of a cost, or three digits where these would show a small network's cost as 0."""
    form = _COST_FORMS.get(name, ".4g")
    values = [abs(row[name]) for row in top if isinstance(row.get(name), float) and row[name]]
    return ".3g" if values and min(values) < _SMALLEST.get(name, 0.0) else form


_COST_FORMS = {"latency_ms": ".2f", "params_m": ".3f", "flops_m": ".1f"}
_SMALLEST = {"latency_ms": 0.1, "params_m": 0.01, "flops_m": 1.0}
"""Costs below these have no two digits in the usual form."""


# --- what was found ------------------------------------------------------------------------------------------------


def _kind(result: Mapping[str, Any]) -> str:
    return str(result.get("kind", "cell"))  # summaries of earlier releases have none


def _objective(result: Mapping[str, Any]) -> Metric:
    return Metric.from_dict(result["objective"])


def _named(best: Mapping[str, Any]) -> str:
    return f"{best['arch']}" if best["index"] is None else f"{best['arch']} (index {best['index']})"


def _operations(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The operations and edges of an NB101 cell; its string, a hash, does not show them."""
    if result["space"] != "nb101":
        return []
    from nassurrogate.spaces import get_space
    from nassurrogate.spaces.nb101.readable import edges_of, operations_of

    try:
        cell = get_space("nb101").parse(result["best"]["arch"])
    except InputError:  # somebody's own space of that name
        return []
    return [("operations", operations_of(cell)), ("edges", edges_of(cell))]


def _title(goal: Metric) -> str:
    titles = {LABEL: "validation accuracy", TEST: "test accuracy (the objective)"}
    return titles.get(goal.name, goal.name)


def _value(result: Mapping[str, Any], goal: Metric) -> str:
    best = result["best"]
    form = ".2f" if goal.is_percent else ".5g"
    predicted = best["predicted_value"]
    before = ""
    if predicted is not None:
        beyond = _beyond(predicted, goal)
        shown = f"{beyond} {unit_sign(goal)}" if beyond else value_in_words(predicted, goal, form)
        before = f" (predicted {shown} before it was measured)"
    several = f", mean of {best['queries']} trainings" if best["queries"] > 1 else ""
    rule = _RULES.get(result["selected_by"], f"by {result['selected_by']}")
    among = " among those trained more than once" if best["queries"] > 1 else ""
    return f"{value_in_words(best['value'], goal, form)}{before}{several}; selected{among} {rule}"


def _beyond(predicted: float | None, goal: Metric) -> str:
    """`over 100` or `under 0` for an impossible predicted percentage; empty for all other values.

    An extrapolating predictor may return any number; it only means that the architecture is very good or very bad.
    """
    if predicted is None or not goal.is_percent:
        return ""
    return "over 100" if predicted > 100 else "under 0" if predicted < 0 else ""


_RULES = {
    "measured": "by measured value",
    "shrunk": "by measured value shrunk towards the predicted one (a single training may be lucky)",
    "oracle": "by true value",
}
"""The rules of `choose` in words."""


_NO_COSTS = (
    "index", "queries", "value", "predicted_value", "mean_value", "val_accuracy_pct", "predicted_accuracy_pct",
    "test_accuracy_pct", "val_accuracy_mean_pct",
)  # fmt: skip


def _costs(best: Mapping[str, Any], goal: Metric) -> list[tuple[Metric, float]]:
    numbers = ((name, value) for name, value in best.items() if name not in (*_NO_COSTS, goal.name))
    return [(known_metric(name), value) for name, value in numbers if isinstance(value, float)]


# --- how good it is, and what it took ------------------------------------------------------------------------------


def _regret(result: Mapping[str, Any], goal: Metric) -> str:
    """The distance of the best found from the best possible."""
    kind, regret = _kind(result), result["regret_points"]
    if regret is None:
        if result.get("n_unknown"):
            unknown = f"the {result['n_unknown']:,} without a known {_bounded(result)}"
            return f"unknown (the best {kind} may be one of {unknown})"
        return f"unknown ({'table incomplete' if result['is_table'] else 'the optimum is not known'})"
    amount = f"{regret:.3f} points" if goal.is_percent else value_in_words(regret, goal)
    if regret == 0:
        return f"{amount}: no feasible {kind} is better"
    return f"{amount} {'less' if goal.larger_is_better else 'more'} than the best feasible {kind}"


def _feasible(result: Mapping[str, Any]) -> str:
    kind, bounds = _kind(result), result["constraints"]
    satisfy = f" satisfy {' and '.join(bounds)}" if bounds else ""
    size = "an unknown number of" if result["n_space"] is None else f"{result['n_space']:,}"
    if result["feasible_share_is_estimate"]:
        return f"an estimated {result['feasible_share']:.1%} of {size} architectures{satisfy}"
    if result["n_feasible"] is None:
        return f"all {kind}s; their number is unknown{satisfy}"
    unknown = result.get("n_unknown")
    if unknown and result["n_space"] is not None:
        known = result["n_space"] - unknown
        which = f"the {known:,} {kind}s with a known {_bounded(result)}"
        return f"{result['n_feasible']:,} of {which}{satisfy}; {unknown:,} unknown"
    return f"{result['n_feasible']:,} of {size} {kind}s{satisfy}"


def _constraints(result: Mapping[str, Any]) -> list[Constraint]:
    return [Constraint.parse(text) for text in result["constraints"]]


def _bounded(result: Mapping[str, Any]) -> str:
    return " or ".join(dict.fromkeys(constraint.metric for constraint in _constraints(result)))


def _queries(result: Mapping[str, Any]) -> str:
    spent = [f"{count} {PHASE_WORDS[phase]}" for phase, count in result["phases"].items() if count]
    spent += [f"{result['n_failed']} failed"] if result["n_failed"] else []
    return f"{result['queries']} of {result['budget']} ({', '.join(spent)}){_stopped(result)}"


def _stopped(result: Mapping[str, Any]) -> str:
    """Why the budget was not spent, to append to the queries; empty if it was."""
    reason, kind = result["stop_reason"], _kind(result)
    if reason == "budget":
        return ""
    if reason == "interrupted":
        return "; interrupted before the budget was spent"
    if reason == "time":
        return "; ended by the time limit"
    if reason != "exhausted":
        return f"; stopped: {reason}"
    if any(note.startswith("exhausted") for note in result["notes"]):  # not in earlier releases
        return "; exhausted, see the note"
    return f"; exhausted: no feasible {kind} is left to evaluate"


def _search(result: Mapping[str, Any]) -> str:
    if result["predictor"] == "none":
        return f"{result['searcher']} without a predictor"
    marked = " (ORACLE: guided by the truth itself, an upper bound)" if result["oracle"] else ""
    return f"{result['searcher']} with predictor {result['predictor']}{marked}"


def _sources(result: Mapping[str, Any]) -> str:
    """The metrics, grouped by the table that they come from; empty if unknown."""
    metrics: dict[str, list[str]] = {}
    for metric, source in (result.get("metric_sources") or {}).items():
        metrics.setdefault(source, []).append(metric)
    return "; ".join(f"{', '.join(names)}: {source}" for source, names in metrics.items() if source)


def _label_kind(result: Mapping[str, Any], goal: Metric) -> str:
    """What one label is."""
    if not goal.needs_training:
        return ""
    return "; a label is " + ("a single training" if result["labels"] == "single" else "the mean of several trainings")


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 360 else f"{seconds:.1f} s"
