"""Measure `nassurrogate score`: seconds of a fresh process, for the default predictor and for gradient boosting.

    python examples/speed/measure_score.py                         # nine repeats of each, two minutes on 2 cores
    python examples/speed/measure_score.py --space nb101 --results nb101.jsonl
    python examples/speed/measure_score.py --report                # from the stored lines

Both learn the same 100 labels. In every repeat both saved models score one architecture and then a thousand, each in
its own process: what counts is how long a user waits, including imports. Every process is a line of
`examples/results/score.jsonl`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from nassurrogate.benchmarks.experiments import append_lines, markdown_table, read_lines

RESULTS = Path(__file__).parents[1] / "results" / "score.jsonl"
PREDICTORS = ("gradient-boosting", "probe-former")
ARCHITECTURES = (1, 1000)
LABELS = 100
SECONDS = ("cpu_s", "wall_s")
PROGRAM = (sys.executable, "-m", "nassurrogate")


def train(space: str, folder: Path, labels: int = LABELS) -> dict[str, Path]:
    """Fit and save a model of each predictor. The labels are made up from costs, which every space can compute: scoring
    takes the same time whatever a model has learned."""
    import numpy as np

    from nassurrogate import Surrogate
    from nassurrogate.spaces import get_space

    where = get_space(space)
    archs = where.sample(labels, np.random.default_rng(0))
    targets = 90.0 + np.log(where.costs(archs)["params_m"]) + np.random.default_rng(1).normal(scale=0.5, size=labels)
    models = {}
    for name in PREDICTORS:
        surrogate = Surrogate(where, predictor=name, seed=0, device="cpu").fit(archs, targets)
        models[name] = surrogate.save(folder / f"{name}.safetensors")
    return models


def measure(model: Path, architectures: int) -> dict[str, float]:
    """How long one process takes to score this many architectures, in seconds."""
    words = [*PROGRAM, "score", str(model)]
    with tempfile.TemporaryDirectory() as folder:
        if architectures == 1:
            words.append("0")
        else:
            file = Path(folder) / "archs.txt"
            file.write_text("".join(f"{15 * row}\n" for row in range(architectures)), encoding="utf-8")
            words += ["--file", str(file)]
        start = time.perf_counter()
        process = subprocess.Popen(
            [*words, "--device", "cpu"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        message = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"scoring with {model.name} failed: {message.strip()}")
    return {"cpu_s": round(usage.ru_utime + usage.ru_stime, 3), "wall_s": round(wall_s, 3)}


def medians(lines: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str, str], float]:
    """By number of architectures, predictor and kind of seconds."""
    return {
        (architectures, name, kind): median(
            line[kind] for line in lines if (line["architectures"], line["predictor"]) == (architectures, name)
        )
        for architectures in ARCHITECTURES
        for name in PREDICTORS
        for kind in SECONDS
    }


def ratios(lines: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str], float]:
    """The default predictor's medians over gradient boosting's, by number of architectures and kind of seconds."""
    found, (peer, default) = medians(lines), PREDICTORS
    return {
        (architectures, kind): found[architectures, default, kind] / found[architectures, peer, kind]
        for architectures in ARCHITECTURES
        for kind in SECONDS
    }


def score_table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Medians in seconds, and the ratio of the two predictors."""
    found, ratio = medians(lines), ratios(lines)
    body = [
        [name, *(f"{found[architectures, name, kind]:.2f}" for architectures in ARCHITECTURES for kind in SECONDS)]
        for name in PREDICTORS
    ]
    body.append(
        ["ratio", *(f"{ratio[architectures, kind]:.2f}" for architectures in ARCHITECTURES for kind in SECONDS)]
    )
    counts = [f"{n:,} architecture{'s' if n > 1 else ''}" for n in ARCHITECTURES]
    return markdown_table(["predictor", *(f"{text}, {word} s" for text in counts for word in ("CPU", "wall"))], body)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="nb201", choices=("nb201", "nb101"), help="default: nb201")
    parser.add_argument("--repeats", type=int, default=9, metavar="R", help="of each (default: 9)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        chosen.results.parent.mkdir(parents=True, exist_ok=True)
        chosen.results.write_text("")
        with tempfile.TemporaryDirectory() as folder:
            models = train(chosen.space, Path(folder))
            for repeat in range(chosen.repeats):
                for architectures in ARCHITECTURES:
                    for name in PREDICTORS:
                        about = {"space": chosen.space, "architectures": architectures, "predictor": name}
                        seconds = measure(models[name], architectures)
                        append_lines(chosen.results, {**about, "repeat": repeat, **seconds})
    print(score_table(read_lines(chosen.results)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
