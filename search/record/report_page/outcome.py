"""The sections on what a run found."""

from __future__ import annotations

import numpy as np

from nassurrogate.display.markup import Markup, element, joined
from nassurrogate.display.metric_words import name_in_words, value_in_words
from nassurrogate.metric import known_metric
from nassurrogate.search.record.known_truth import KnownTruth
from nassurrogate.search.record.recorded_run import UNFINISHED, RecordedRun
from nassurrogate.search.record.report import result_rows, top_table
from nassurrogate.search.record.report_page.parts import breakable, facts, paragraph, section, table
from nassurrogate.search.record.report_page.words import label_text, percent, sentence_case, times_taken

_ELSEWHERE = (
    *("on", "search", "run folder", "note", "sources", "queries", "predictor calls"),
    *("fidelity", "training", "simulated training", "saved surrogate"),
)
"""Rows of the result that another section shows."""
_COSTS = ("latency_ms", "params_m", "flops_m")


def described(run: RecordedRun, truth: KnownTruth) -> RecordedRun:
    """The run; without a summary, with those costs of its best architectures that can be looked up again."""
    result, table = run.result, truth.benchmark
    if run.summary is not None or result is None or table is None:
        return run
    wanted = dict.fromkeys((*_COSTS, *(constraint.metric for constraint in run.constraints)))
    archs = [row["arch"] for row in result["top"]]
    columns = {name: truth.costs(archs, name).tolist() for name in wanted if name in table.free_metrics()}
    rows = [
        {**row, **{name: column[place] for name, column in columns.items() if np.isfinite(column[place])}}
        for place, row in enumerate(result["top"])
    ]
    return run.with_result({**result, "top": rows, "best": {**result["best"], **rows[0]}})


def state(run: RecordedRun) -> Markup | None:
    """A warning if the run did not end as planned; None for a finished one."""
    if run.is_finished:
        return None
    done = f"{len(run.queries)} of {run.config['budget']} queries"
    reasons = {
        UNFINISHED: "it was stopped before its end, or is still running",
        "interrupted": "it was interrupted",
        "time": "its time limit ended it",
    }
    reason = reasons.get(run.stop_reason, run.stop_reason)
    if run.queries and not run.labelled:
        reason = "all of them failed"
    return element("p", element("b", f"Not finished: {done}"), f" ({reason}).", class_="state")


def cards(run: RecordedRun, truth: KnownTruth) -> Markup:
    """The numbers that one wants to see first."""
    found: list[tuple[str, str]] = []
    result, objective = run.result, run.objective
    if result is not None:
        best = result["best"]
        several = f", mean of {best['queries']} trainings" if best["queries"] > 1 else ""
        found.append((label_text(run, best["value"]), f"best {name_in_words(objective)}, measured{several}"))
        regret = _regret(run, truth)
        text = "unknown" if regret is None else f"{regret:.3f}" if objective.is_percent else f"{regret:.4g}"
        unit = " (points)" if objective.is_percent and regret is not None else ""
        found.append((text, f"regret{unit}: distance to the best feasible one"))
    found.append((f"{len(run.queries)} of {run.config['budget']}", "queries"))
    failed = len(run.queries) - len(run.labelled)
    if failed:
        found.append((f"{failed}", "failed evaluations"))
    found += [(text, name) for name, text in times_taken(run)]
    if (share := run.config.get("feasible_share")) is not None and run.constraints:
        estimated = " (estimated)" if run.config.get("feasible_share_is_estimate") else ""
        found.append((percent(share, 1), f"of the space is feasible{estimated}"))
    return element(
        "ul", *(element("li", element("b", text), element("span", name)) for text, name in found), class_="cards"
    )


def found(run: RecordedRun, truth: KnownTruth) -> Markup | None:
    """The best architecture, with everything known of it."""
    result = run.result
    if result is None:
        n_queries = len(run.queries)
        text = f"Nothing: all {n_queries} evaluations failed." if n_queries else "Nothing yet: no query was finished."
        return section("What was found", paragraph(text))
    best = result["best"]
    rows = [
        (sentence_case(name), text)
        for name, text in result_rows({**result, "regret_points": _regret(run, truth)})
        if name not in _ELSEWHERE and not name.startswith("best ")
    ]
    if run.summary is None:  # nothing was looked up for an unfinished run
        unknown = "unknown (the optimum is not known)"
        rows = [(name, unknown if name == "Regret" and text.startswith("unknown") else text) for name, text in rows]
        rows = [(name, text) for name, text in rows if name != "Test accuracy"]
    return section(
        "What was found",
        element("div", breakable(best["arch"]), class_="arch"),
        element(
            "div",
            element("div", element("h3", "The best"), facts(rows)),
            element("div", _choices(run, truth), _margins(run, truth)),
            class_="columns",
        ),
    )


def _choices(run: RecordedRun, truth: KnownTruth) -> Markup | None:
    best = run.result["best"] if run.result is not None else {}
    choices = best.get("choices")
    if choices is None:
        arch = truth.architecture(best["arch"])
        choices = getattr(arch, "choices", None) if getattr(truth.space, "slots", None) else None
    if not choices:
        return None
    rows = [(str(name), str(value)) for name, value in choices.items()]
    return joined(element("h3", "Its choices"), facts(rows, short=True))


def _margins(run: RecordedRun, truth: KnownTruth) -> Markup | None:
    """How far the best is inside every bound."""
    if not run.constraints or run.result is None:
        return None
    best = run.result["best"]
    rows = []
    for constraint in run.constraints:
        metric = known_metric(constraint.metric)
        recorded = best.get(constraint.metric)
        value = float(recorded) if isinstance(recorded, int | float) else truth.costs([best["arch"]], metric.name)[0]
        if not np.isfinite(value):
            rows.append([str(constraint), "unknown", "unknown"])
            continue
        margin = -float(constraint.violation(value))
        share = f" ({percent(margin / abs(constraint.bound), 1)})" if constraint.bound else ""
        rows.append([str(constraint), value_in_words(value, metric), f"{value_in_words(margin, metric)}{share}"])
    return joined(element("h3", "Its constraints"), table(["bound", "the best", "margin"], rows))


def best_ones(run: RecordedRun) -> Markup | None:
    """The table of the best architectures."""
    if run.result is None:
        return None
    header, rows = top_table(run.result)
    text = f"The best {len(rows)} of {len(run.queries)} queries" if len(rows) > 1 else "The only one with a label"
    return section(text, table(header, rows, header[:-1]))


def _regret(run: RecordedRun, truth: KnownTruth) -> float | None:
    """Of the best; None if it is unknown."""
    if run.summary is not None:
        regret = run.summary["regret_points"]
        return None if regret is None else float(regret)
    if run.result is None or truth.optimum is None:
        return None
    values = truth.true_values([run.result["best"]["arch"]])
    if values is None or not np.isfinite(values).all():
        return None
    return float(run.objective.sign * (truth.optimum - values[0])) + 0.0
