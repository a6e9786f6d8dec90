"""Times and memory of NAS-Bench-101: the table, the enumeration, and scoring all 423,624 cells.

    python examples/speed/nb101_times.py --table nb101.npz --repeats 3

Every figure is measured in a process of its own, on all cores that PyTorch uses; medians are printed, with the ratio
to a named reference of the same run, and appended to `examples/results/nb101_times.jsonl`. Run it on a machine with
nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nassurrogate.benchmarks.experiments import append_lines

RESULTS = Path(__file__).parents[1] / "results" / "nb101_times.jsonl"
LABELS = 100
REFERENCE = "gradient-boosting"


def enumerate_cells() -> float:
    """Seconds to enumerate all cells, or to read them from the cache."""
    from nassurrogate.spaces import get_space

    return _seconds(lambda: len(get_space("nb101").class_graphs))


def load_table() -> float:
    """Seconds until the first query of the imported table."""
    from nassurrogate.benchmarks import TEST, load_benchmark
    from nassurrogate.spaces import get_space

    cells = get_space("nb101").all()[0]
    return _seconds(lambda: load_benchmark("nb101", "cifar10").query(cells, TEST))


def score_all(predictor: str) -> float:
    """Seconds to score all cells after a fit on random labels."""
    import numpy as np

    from nassurrogate import Surrogate

    surrogate = Surrogate("nb101", predictor=predictor, device="cpu", seed=0)
    space, rng = surrogate.space, np.random.default_rng(0)
    surrogate.fit(space.sample(LABELS, rng), rng.random(LABELS))
    every = space.parse_many(range(space.size))
    return _seconds(lambda: surrogate.score(every))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def apart(call: str, cache: str) -> dict[str, float]:
    """Seconds of a call in a fresh process, and its peak memory in MB."""
    code = f"import nb101_times as m, json; print(json.dumps([m.{call}, m.most_mb()]))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NASSURROGATE_CACHE": cache, "PYTHONWARNINGS": "ignore"},
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, most = json.loads(found.stdout.splitlines()[-1])
    return {"seconds": seconds, "most_mb": most}


def most_mb() -> float:
    """Peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def measure(table: Path, repeats: int) -> list[dict[str, object]]:
    """A line for each figure: what, the median, all values, peak memory."""
    from nassurrogate.benchmarks.importers import import_file

    rows = []
    with tempfile.TemporaryDirectory() as cache:
        first = [apart("enumerate_cells()", os.path.join(cache, str(number))) for number in range(repeats)]
        rows.append(("enumeration, first time", first))
        kept = os.path.join(cache, "kept")
        apart("enumerate_cells()", kept)
        rows.append(("enumeration, from the cache", [apart("enumerate_cells()", kept) for _ in range(repeats)]))
        os.environ["NASSURROGATE_CACHE"] = kept
        import_file("nb101", table)
        rows.append(("load of the imported table", [apart("load_table()", kept) for _ in range(repeats)]))
        for name in ("probe-former", REFERENCE):
            found = [apart(f"score_all({name!r})", kept) for _ in range(repeats)]
            rows.append((f"all cells scored by {name}", found))
    return [
        {
            "what": what,
            "seconds": statistics.median(one["seconds"] for one in found),
            "each": [round(one["seconds"], 3) for one in found],
            "most_mb": round(max(one["most_mb"] for one in found)),
        }
        for what, found in rows
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True, metavar="FILE", help="NAS-Bench-101: .npz or .tfrecord")
    parser.add_argument("--repeats", type=int, default=3, metavar="R", help="default: 3")
    parser.add_argument("--machine", default=f"{os.cpu_count()} CPUs", metavar="TEXT", help="a note for the lines")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    given = parser.parse_args()
    rows = measure(given.table.resolve(), given.repeats)
    reference = next(row["seconds"] for row in rows if REFERENCE in str(row["what"]))
    for row in rows:
        append_lines(given.results, {**row, "machine": given.machine})
        text = f"{row['what']}: {row['seconds']:.2f} s, {row['most_mb']} MB"
        if "scored" in str(row["what"]):
            text += f", {float(row['seconds']) / float(reference):.2f} times {REFERENCE}"  # type: ignore[arg-type]
        print(text)


if __name__ == "__main__":
    main()
