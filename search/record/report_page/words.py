"""Numbers of a run in words."""

from __future__ import annotations

from nassurrogate.display.duration import about
from nassurrogate.display.metric_words import value_in_words
from nassurrogate.search.record.recorded_run import RecordedRun


def times_taken(run: RecordedRun) -> list[tuple[str, str]]:
    """Training time and wall time, in words."""
    costs = [query.cost_train_time_s for query in run.queries if query.cost_train_time_s is not None]
    kind = "simulated training time" if run.config.get("is_table", True) else "training time"
    found = [(kind, time_text(sum(costs)))] if costs and len(costs) == len(run.queries) and sum(costs) > 0 else []
    wall = run.summary.get("wall_s") if run.summary is not None else None
    if wall is not None:
        found.append(("wall time", time_text(wall)))
    elif run.queries:
        found.append(("wall time until the last query", time_text(max(query.elapsed_s for query in run.queries))))
    return found


def label_text(run: RecordedRun, value: float) -> str:
    """A value of the objective with its unit."""
    return value_in_words(value, run.objective, ".2f" if run.objective.is_percent else ".5g")


def percent(share: float, decimals: int = 0) -> str:
    """A share of 1 in percent.

    >>> percent(0.25), percent(0.0241, 1)
    ('25 %', '2.4 %')
    """
    return f"{100 * share:.{decimals}f} %"


def time_text(seconds: float) -> str:
    """A duration in words.

    >>> time_text(0.2), time_text(100)
    ('under 1 s', '2 min')
    """
    return "under 1 s" if seconds < 1 else about(seconds)


def sentence_case(text: str) -> str:
    """With a capital, unless it is the name of a metric."""
    return text if "_" in text else text[:1].upper() + text[1:]
