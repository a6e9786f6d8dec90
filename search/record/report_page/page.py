"""Puts the page of a run together, and writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from nassurrogate.display.markup import Markup, element, joined
from nassurrogate.errors import InputError, one_line
from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.files.given_path import as_path
from nassurrogate.search.record.known_truth import KnownTruth, known_truth
from nassurrogate.search.record.recorded_run import RecordedRun, read_run
from nassurrogate.search.record.report_page import charts, outcome, sections
from nassurrogate.search.record.report_page.chart import Chart
from nassurrogate.search.record.report_page.parts import paragraph, section
from nassurrogate.search.record.report_page.style import STYLE

REPORT: Final = "report.html"


def write_report(run_dir: str | Path, out: str | Path | None = None) -> Path:
    """Write the page of a run, finished or not, completely or not at all.

    Args:
        run_dir: the run folder.
        out: the file; None: `report.html` in the run folder.

    Returns its path. Raises `InputError` for a folder without a run, a damaged ledger, or a file that cannot be
    written.
    """
    run = read_run(run_dir)
    path = run.folder / REPORT if out is None else as_path(out, "the path of the report")
    content = report_page(run).encode()
    try:
        write_atomically(path, lambda file: file.write(content))
    except OSError as error:
        raise InputError(f"cannot write the report {path}: {error.strerror}") from error
    return path


def report_page(run: RecordedRun) -> str:
    """The page of a run: one HTML document that loads nothing and has no scripts.

    All texts of the run, which anybody may have written, are escaped. A problem file is run to draw its network, if it
    has not changed since the run.
    """
    truth = known_truth(run)
    run = outcome.described(run, truth)
    kind = run.result["kind"] if run.result is not None and "kind" in run.result else "architecture"
    title = f"Search of {run.name}"
    parts = [
        element("header", element("h1", title), element("p", _lead(run, kind), class_="lead"), outcome.state(run)),
        outcome.cards(run, truth),
        outcome.found(run, truth),
        sections.asked(run),
        _charts(run, truth),
        sections.drawing(run, truth),
        outcome.best_ones(run),
        sections.failures(run),
        sections.costs(run),
        sections.remarks(run, truth),
        sections.repeat(run),
    ]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    written_by = (
        f"Written by nassurrogate from the ledger of the run{'' if run.summary is None else ' and its summary'}."
    )
    body = element("body", element("main", *parts, element("footer", written_by)))
    return joined(Markup("<!DOCTYPE html>\n"), element("html", head, body, lang="en"), Markup("\n"))


def _lead(run: RecordedRun, kind: str) -> str:
    config = run.config
    predictor = "without a predictor" if config["predictor"] == "none" else f"with predictor {config['predictor']}"
    bounds = f" under {' and '.join(config['constraints'])}" if config["constraints"] else ""
    wish = "largest" if run.objective.larger_is_better else "smallest"
    how = f"{config['searcher']} {predictor}, seed {config['seed']}"
    return f"The {kind} with the {wish} {run.objective.name}{bounds}; {how}."


def _charts(run: RecordedRun, truth: KnownTruth) -> Markup | None:
    """All charts that there is something to draw in; one that cannot be drawn says why."""
    if not run.labelled:
        return None
    metrics = dict.fromkeys(constraint.metric for constraint in run.constraints)
    shown = [metric for metric in metrics or ["latency_ms", "params_m"] if metric != run.objective.name]
    if not metrics:
        shown = [
            metric for metric in shown if truth.benchmark is not None and metric in truth.benchmark.free_metrics()
        ][:1]
    draw: list[Callable[[], Chart | None]] = [
        lambda: charts.best_so_far(run, truth),
        lambda: charts.regret_so_far(run, truth),
        lambda: charts.predicted_against_measured(run),
        *(lambda metric=metric: charts.objective_against_cost(run, truth, metric) for metric in shown),
    ]
    drawn = []
    for one in draw:
        try:
            chart = one()
            if chart is not None:
                drawn.append(chart.markup())
        except Exception as error:  # such as numbers too large to draw
            drawn.append(paragraph(f"A chart cannot be drawn ({one_line(error, 80)})."))
    return section("How it went", element("div", *drawn, class_="charts"))
