"""What a ledger tells: the anytime curve, the repeats, and the run in a few lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nassurrogate.benchmarks import LABEL, TEST
from nassurrogate.search.ledger import Query


def anytime(queries: Sequence[Query], *, sign: int = 1) -> np.ndarray:
    """(Q,) the best label after each query, in the label's unit; NaN before the first one.

    Args:
        queries: all of a run; those that failed gave no label.
        sign: +1 where a larger label is better, −1 where a smaller one is.
    """
    if not queries:
        return np.empty(0)
    scores = [-np.inf if query.label is None else sign * query.label for query in queries]
    best = np.maximum.accumulate(scores)
    return np.where(np.isfinite(best), sign * best, np.nan)


_RULES = {"shrunk": "its label weighed against what the surrogate expects without it (shrunk)"}
"""What a rule of `choose` means, where the name does not tell."""


def describe_result(result: Mapping[str, Any]) -> str:
    """The result of `run` as text for a person, a line a fact."""
    best, goal = result["best"], result["objective"]
    spent = ", ".join(f"{count} {phase}" for phase, count in result["phases"].items() if count)
    failed = f", {result['n_failed']} failed" if result["n_failed"] else ""
    marked = " (ORACLE: guided by the truth itself, an upper bound)" if result["oracle"] else ""
    rule = _RULES.get(result["selected_by"], result["selected_by"])
    several = f", mean of {best['queries']} trainings" if best["queries"] > 1 else ""
    form, unit = _form(goal)
    predicted = best["predicted_value"]
    before = "" if predicted is None else f" (predicted {predicted:{form}}{unit} before)"
    index = "" if best["index"] is None else f" (index {best['index']})"
    size = "an unknown number of" if result["n_space"] is None else f"{result['n_space']:,}"
    kind = result.get("kind", "cell")  # summaries of earlier releases have none
    rows = [
        (f"best {kind}", f"{best['arch']}{index}"),
        (_name_of(goal), f"{best['value']:{form}}{unit}{before}{several}, selected by {rule}"),
    ]
    if goal["name"] == LABEL and result["is_table"]:
        lacking = "no table with test accuracy imported"
        rows.append(("test accuracy", _or_unknown(best["test_accuracy_pct"], "{:.2f} %", lacking)))
    costs = ", ".join(f"{name} {value:.4g}" for name, value in _costs(best, goal["name"]))
    if costs:
        rows.append(("costs", costs))
    to_best = f"to the best feasible {kind}"
    regret = f"{{:.3f}} points {to_best}" if unit == " %" else f"{{:.4g}}{unit} {to_best}"
    lacking = "table incomplete" if result["is_table"] else "the optimum is not known"
    rows.append(("regret", _or_unknown(result["regret_points"], regret, lacking)))
    if result["feasible_share_is_estimate"]:
        feasible = f"an estimated {result['feasible_share']:.1%} of {size} architectures"
    elif result["n_feasible"] is None:
        feasible = f"all {kind}s; their number is unknown"
    else:
        feasible = f"{result['n_feasible']:,} of {size} {kind}s"
    rows += [
        ("feasible", f"{feasible}{_under(result['constraints'])}"),
        ("queries", f"{result['queries']} of {result['budget']} ({spent}{failed}); stopped: {result['stop_reason']}"),
        ("search", f"{result['searcher']} with predictor {result['predictor']}{marked}"),
        ("predictor calls", f"{result['predictor_calls']:,} (free)"),
        ("on", f"{result['space']}/{result['dataset']}, seed {result['seed']}, {result['labels']} labels"),
    ]
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
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _name_of(goal: Mapping[str, Any]) -> str:
    told = {LABEL: "validation accuracy", TEST: "test accuracy (the objective)"}
    return str(told.get(goal["name"], goal["name"]))


def _form(goal: Mapping[str, Any]) -> tuple[str, str]:
    """How a value of the objective is printed, and the unit behind it."""
    if goal["unit"] == "percent":
        return ".2f", " %"
    return ".5g", "" if goal["unit"] == "unknown" else f" {goal['unit']}"


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 360 else f"{seconds:.1f} s"


def _under(constraints: Sequence[str]) -> str:
    return f" satisfy {' and '.join(constraints)}" if constraints else ""


_NO_COSTS = (
    "index", "queries", "value", "predicted_value", "mean_value", "val_accuracy_pct", "predicted_accuracy_pct",
    "test_accuracy_pct", "val_accuracy_mean_pct",
)  # fmt: skip


def _costs(best: Mapping[str, Any], objective: str) -> list[tuple[str, float]]:
    numbers = ((name, value) for name, value in best.items() if name not in (*_NO_COSTS, objective))
    return [(name, value) for name, value in numbers if isinstance(value, float)]


def _or_unknown(value: float | None, form: str, reason: str) -> str:
    return f"unknown ({reason})" if value is None else form.format(value)
