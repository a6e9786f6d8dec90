"""Tables of results in Markdown, as the README shows them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def markdown_table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table, without a line break at its end.

    >>> print(markdown_table(["labels", "τ"], [["50", "0.7"]]))
    | labels | τ |
    | --- | --- |
    | 50 | 0.7 |
    """
    lines = [header, ["---"] * len(header), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def mean_and_std(values: Sequence[float], digits: int, *, sign: str = "") -> str:
    """Mean ± standard deviation of a sample; of one value the value alone, of none a dash.

    Args:
        digits: after the decimal point.
        sign: `"+"` to show the sign of a positive mean.

    >>> mean_and_std([0.5, 0.7], 2), mean_and_std([0.5], 2, sign="+"), mean_and_std([], 2)
    ('0.60 ± 0.14', '+0.50', '-')
    """
    if not values:
        return "-"
    mean = f"{statistics.fmean(values):{sign}.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean
