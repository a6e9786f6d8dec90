"""What a ledger tells: the anytime curve, the repeats, and the run in a few lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nassurrogate.search.ledger import Query


def anytime(queries: Sequence[Query]) -> np.ndarray:
    """(Q,) the best label after each query, in percent."""
    return np.maximum.accumulate([query.label for query in queries]) if queries else np.empty(0)


def repeat_share(queries: Sequence[Query]) -> float:
    """The share of the queries that paid for a function paid for before; isomorphic cells count as repeats."""
    return 1 - len({query.key for query in queries}) / len(queries) if queries else 0.0


_RULES = {"shrunk": "its label weighed against what the surrogate expects without it (shrunk)"}
"""What a rule of `choose` means, where the name does not tell."""


def describe_result(result: Mapping[str, Any]) -> str:
    """The result of `run` as text for a person, a line a fact."""
    best = result["best"]
    spent = ", ".join(f"{count} {phase}" for phase, count in result["phases"].items() if count)
    marked = " (ORACLE: guided by the truth itself, an upper bound)" if result["oracle"] else ""
    rule = _RULES.get(result["selected_by"], result["selected_by"])
    several = f", mean of {best['queries']} trainings" if best["queries"] > 1 else ""
    accuracy = f"{best['val_accuracy_pct']:.2f} %{_predicted(best)}{several}, selected by {rule}"
    rows = [
        ("best cell", f"{best['arch']} (index {best['index']})"),
        ("validation accuracy", accuracy),
        ("test accuracy", _or_unknown(best["test_accuracy_pct"], "{:.2f} %", "no table with test accuracy imported")),
        ("costs", ", ".join(f"{name} {value:.4g}" for name, value in _costs(best))),
        ("regret", _or_unknown(result["regret_points"], "{:.3f} points to the best feasible cell", "table incomplete")),
        ("feasible", f"{result['n_feasible']:,} of {result['n_space']:,} cells{_under(result['constraints'])}"),
        ("queries", f"{result['queries']} of {result['budget']} ({spent}); stopped: {result['stop_reason']}"),
        ("search", f"{result['searcher']} with predictor {result['predictor']}{marked}"),
        ("predictor calls", f"{result['predictor_calls']:,} (free)"),
        ("on", f"{result['space']}/{result['dataset']}, seed {result['seed']}, {result['labels']} labels"),
    ]
    if result["label_cost_s"] is not None:
        rows.append(("simulated training", f"{result['label_cost_s'] / 3600:.1f} h"))
    if result["surrogate_labels"]:
        rows.append(("saved surrogate", f"{result['surrogate_labels']} labels, not in the queries above"))
    rows += [("note", note) for note in result["notes"]]
    if result["run_dir"] is not None:
        rows.append(("run folder", result["run_dir"]))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _under(constraints: Sequence[str]) -> str:
    return f" satisfy {' and '.join(constraints)}" if constraints else ""


def _predicted(best: Mapping[str, Any]) -> str:
    value = best["predicted_accuracy_pct"]
    return "" if value is None else f" (predicted {value:.2f} % before)"


def _costs(best: Mapping[str, Any]) -> list[tuple[str, float]]:
    told = ("index", "val_accuracy_pct", "predicted_accuracy_pct", "test_accuracy_pct", "val_accuracy_mean_pct")
    numbers = ((name, value) for name, value in best.items() if name not in told)
    return [(name, value) for name, value in numbers if isinstance(value, float)]


def _or_unknown(value: float | None, form: str, reason: str) -> str:
    return f"unknown ({reason})" if value is None else form.format(value)
