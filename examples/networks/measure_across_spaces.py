"""Measure one surrogate across spaces: labels of some spaces rank the networks of another.

    python examples/networks/measure_across_spaces.py --nb101 nb101.npz --macro nas-bench-macro_cifar10.json
    python examples/networks/measure_across_spaces.py --report    # from the stored results

Ten splits: 1,000 random labels of each source, mean over the trainings; the target is ranked

- `zero`: without any label of its own, with and without zero-cost proxies;
- `few`: with 8, 20 and 40 random labels of its own, by the default surrogate of a search alone, and blended with the
  one across spaces, as `nassurrogate search --surrogate` does.

Evaluated on all other networks of NAS-Bench-201 and NAS-Bench-Macro, and on 20,000 cells of NAS-Bench-101. Labels
and targets are the mean validation accuracy on NAS-Bench-201 (cifar10), else the mean test accuracy. Every direction is
a line of `examples/results/across_spaces.jsonl`; another run resumes where the last one stopped. It takes ten minutes a
direction on one core, most of them for the 20,000 networks.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks.experiments import environment, markdown_table, mean_and_std, measure_missing, read_lines

RESULTS = Path(__file__).parents[1] / "results" / "across_spaces.jsonl"
OBJECTIVES = {"nb201": "val_accuracy_pct", "nb101": "test_accuracy_pct", "macro": "test_accuracy_pct"}
DIRECTIONS = (
    ("nb101", "nb201", True),
    ("nb101", "nb201", False),
    ("nb201", "nb101", True),
    ("nb201", "nb101", False),
    ("nb201", "macro", False),
    ("nb101", "macro", False),
    ("nb101+nb201", "macro", False),
)
"""Sources, target, and whether zero-cost proxies are read; there are none of NAS-Bench-Macro."""
SOURCE_LABELS, SPLITS, MOST_TARGETS = 1000, 10, 20_000
FEW = (8, 20, 40)
REFERENCE = 512
"""Networks over which two surrogates are standardised, as in a search."""
Task = dict[str, Any]


def tasks() -> Iterator[Task]:
    """Everything that is measured."""
    for source, target, proxies in DIRECTIONS:
        yield {"source": source, "target": target, "proxies": proxies, "labels": SOURCE_LABELS, "splits": SPLITS}


@cache
def accuracies(space: str) -> np.ndarray:
    """(size,) the mean accuracies of a space."""
    from nassurrogate.benchmarks import load_benchmark

    table = load_benchmark(space, "cifar10")
    found: np.ndarray = table.column(OBJECTIVES[space]).mean  # type: ignore[attr-defined]
    return found


def measure(task: Task) -> Task:
    """One line of results: lists with a number per split."""
    found: dict[str, list[float]] = {}
    for split in range(task["splits"]):
        for name, value in _measure_split(task, split).items():
            found.setdefault(name, []).append(round(value, 6))
    return {**task, **found}


def _measure_split(task: Task, split: int) -> dict[str, float]:
    from nassurrogate.search.surrogates.blended import BlendedSurrogate
    from nassurrogate.search.surrogates.learning import LearningSurrogate
    from nassurrogate.spaces import get_space
    from nassurrogate.surrogate import Surrogate

    rng = np.random.default_rng(np.random.SeedSequence([0, split]))
    space: Any = get_space(task["target"])
    archs, values = [], []
    for source in task["source"].split("+"):
        chosen = rng.permutation(len(accuracies(source)))[: task["labels"]]
        archs += get_space(source).take(chosen)  # type: ignore[attr-defined]
        values.append(accuracies(source)[chosen])
    across = Surrogate(
        space, predictor="across-spaces", metric=OBJECTIVES[task["target"]], config={"proxies": task["proxies"]}
    )
    across.fit(archs, np.concatenate(values))

    truth = accuracies(task["target"])
    order = np.random.default_rng(0).permutation(len(truth))[:MOST_TARGETS]
    order = order[rng.permutation(len(order))]
    networks = space.take(order)
    found = _agreement("zero", across.posterior(networks)[0], truth[order])
    for k in FEW:
        labels = networks[:k], truth[order[:k]].tolist()
        alone = LearningSurrogate(Surrogate(space, predictor=_default(space), metric=across.metric), rng)
        alone.fit(*labels)
        part = LearningSurrogate(Surrogate(space, predictor=_default(space), metric=across.metric), rng, is_part=True)
        both = BlendedSurrogate(across, part, space.sample(REFERENCE, np.random.default_rng(0)))
        both.fit(*labels)
        for name, surrogate in (("alone", alone), ("both", both)):
            found |= _agreement(f"{name}_{k}", surrogate.posterior_of(networks[k:]).mean, truth[order[k:]])
    return found


def _default(space: Any) -> str:
    from nassurrogate.metric import known_metric
    from nassurrogate.predictors import default_predictor

    return default_predictor(space, known_metric(OBJECTIVES[space.name]), search=True)


def _agreement(name: str, scores: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    from scipy.stats import kendalltau, spearmanr

    return {
        f"{name}_spearman": float(spearmanr(scores, truth).statistic),
        f"{name}_kendall_tau": float(kendalltau(scores, truth).statistic),
    }


def zero_table(lines: Sequence[Task]) -> str:
    """Agreement without a label of the target."""
    body = [
        [
            f"{line['source']} → {line['target']}",
            "yes" if line["proxies"] else "no",
            mean_and_std(line["zero_spearman"], 3),
            mean_and_std(line["zero_kendall_tau"], 3),
        ]
        for line in lines
    ]
    return markdown_table(["labels of → ranks", "proxies", "Spearman's ρ", "Kendall's τ"], body)


def few_table(lines: Sequence[Task]) -> str:
    """Kendall's τ with a few labels of the target."""
    body = [
        [
            f"{line['source']} → {line['target']}{'' if line['proxies'] else ', no proxies'}",
            *(
                f"{mean_and_std(line[f'both_{k}_kendall_tau'], 3)} ({mean_and_std(line[f'alone_{k}_kendall_tau'], 3)})"
                for k in FEW
            ),
        ]
        for line in lines
    ]
    return markdown_table(["labels of → ranks", *(f"{k} labels (alone)" for k in FEW)], body)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nb101", type=Path, metavar="FILE", help="NAS-Bench-101: .npz or .tfrecord")
    parser.add_argument("--macro", type=Path, metavar="FILE", help="NAS-Bench-Macro: .json or .csv")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes, of one thread each (default: 1)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        if chosen.nb101 is None or chosen.macro is None:
            parser.error("--nb101 and --macro say where the tables are")
        from nassurrogate.benchmarks.importers import import_file
        from nassurrogate.files.cache_folder import CACHE_VARIABLE

        # The user's own imports are neither read nor changed.
        with tempfile.TemporaryDirectory() as cache, environment({CACHE_VARIABLE: cache}):
            import_file("nb101", chosen.nb101.resolve())
            import_file("macro", chosen.macro.resolve())
            measure_missing(chosen.results, tasks(), measure, chosen.jobs)
    lines = read_lines(chosen.results)
    print(zero_table(lines), few_table(lines), sep="\n\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
