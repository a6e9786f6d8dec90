"""Measure a search of an open space beside one of NAS-Bench-201: CPU seconds and memory of the whole process.

    python examples/figures/search_open.py                 # five repeats of each, one minute
    python examples/figures/search_open.py --report        # from the stored lines

Both are what `nassurrogate search --budget 50 --no-plots` runs by default. The open space has 5³⁰ architectures; its
ground truth and its costs are functions. In every repeat both are searched, one after the other, each in a process of
its own. Every process is a line of `examples/results/search_open.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from nassurrogate import Architecture
from nassurrogate.benchmarks.experiments import append_lines, read_lines

RESULTS = Path(__file__).parents[1] / "results" / "search_open.jsonl"
SPACES = ("nb201", "open")
BUDGET = 50


LAYERS = range(10)
SLOTS = {"kernel": [1, 3, 5, 7, 9], "width": [16, 24, 40, 64, 96], "expansion": [1, 2, 3, 4, 6]}


def accuracy(arch: Architecture) -> float:
    """Made up: later choices are better, more so where neighbouring slots are equal."""
    codes = arch.space.gene_codes([arch])[0]
    return 60.0 + float(codes.sum()) / 6.0 + float((codes[1:] == codes[:-1]).sum()) / 3.0


def params(arch: Architecture) -> dict[str, float]:
    """Millions of parameters of ten inverted residuals."""
    choices, total, previous = arch.choices, 0, 16
    for layer in LAYERS:
        kernel, width, expansion = (choices[f"{slot}{layer}"] for slot in SLOTS)
        hidden = previous * expansion
        total += previous * hidden + kernel * kernel * hidden + hidden * width
        previous = width
    return {"params_m": total / 1e6}


def search(name: str, seed: int, folder: str) -> dict[str, Any]:
    """One run, in this process."""
    from nassurrogate.search import run

    if name == "nb201":
        return run(space="nb201", budget=BUDGET, seed=seed, run_dir=folder, plots=False)
    from nassurrogate.spaces import CategoricalSpace

    slots = {f"{slot}{layer}": choices for layer in LAYERS for slot, choices in SLOTS.items()}
    space = CategoricalSpace("open", slots, costs=params)
    return run(space=space, evaluate=accuracy, budget=BUDGET, seed=seed, run_dir=folder, plots=False)


def measure(name: str, seed: int) -> dict[str, Any]:
    """The same in a fresh process, with its time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, __file__, "--one", name, "--seed", str(seed), "--run-dir", f"{folder}/run"]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the search of {name} failed")
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "space": name,
        "seed": seed,
        **json.loads(printed),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_mb": round(usage.ru_maxrss * unit / 1e6, 1),
    }


def summary(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Medians, and the ratio of the open space to NAS-Bench-201."""
    cpu = {name: median([line["cpu_s"] for line in lines if line["space"] == name]) for name in SPACES}
    peak = {name: median([line["peak_mb"] for line in lines if line["space"] == name]) for name in SPACES}
    return {"cpu_s": cpu, "peak_mb": peak, "cpu_ratio": round(cpu["open"] / cpu["nb201"], 3)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, metavar="R", help="of each (default: 5)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    parser.add_argument("--one", choices=SPACES, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--run-dir", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.one:
        result = search(chosen.one, chosen.seed, chosen.run_dir)
        kept = {key: result[key] for key in ("queries", "predictor", "predictor_calls", "wall_s")}
        print(json.dumps({**kept, "notes": len(result["notes"])}))
        return 0
    if not chosen.report:
        chosen.results.parent.mkdir(parents=True, exist_ok=True)
        chosen.results.write_text("")
        for repeat in range(chosen.repeats):
            for name in SPACES:
                line = measure(name, repeat)
                append_lines(chosen.results, line)
                print(json.dumps(line), flush=True)
    print(json.dumps(summary(list(read_lines(chosen.results)))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
