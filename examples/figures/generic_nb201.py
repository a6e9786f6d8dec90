"""Measure what a declared space loses against a built-in one: NAS-Bench-201 as six slots of five choices.

    python examples/figures/generic_nb201.py             # ten minutes on one core
    python examples/figures/generic_nb201.py --report    # from the stored results

Protocol G on cifar10's mean validation accuracy, ten splits, all with the same training and test sets:

- `built-in`: the space `nb201` with its default predictor, which knows equivalent cells, their paths and a table of
  zero-cost proxies
- `networks`: a `CategoricalSpace` with `build`; nothing is known of it but what its modules show
- `choices`: the same without `build`

Every finished part is a line of `examples/results/generic_nb201.jsonl`; another run resumes where the last one stopped.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nassurrogate import Architecture, Surrogate
from nassurrogate.benchmarks import LABEL, load_benchmark
from nassurrogate.benchmarks.evaluation.protocols import random_split, split_seeds
from nassurrogate.benchmarks.experiments import markdown_table, mean_and_std, measure_missing, read_lines
from nassurrogate.prediction_quality import kendall_tau
from nassurrogate.spaces import CategoricalSpace, Space, get_space

if TYPE_CHECKING:
    from torch import nn

RESULTS = Path(__file__).parents[1] / "results" / "generic_nb201.jsonl"
LABELS, SPLITS = (50, 156), 10
NB201 = get_space("nb201")
EDGES = [gene.name for gene in NB201.genes]
OPERATIONS = [str(choice) for choice in NB201.genes[0].choices]
Task = dict[str, Any]


def cell(arch: Architecture) -> Architecture:
    """The cell of NAS-Bench-201 that an architecture of the declared space stands for."""
    return NB201.from_gene_codes([OPERATIONS.index(arch.choices[edge]) for edge in EDGES])


def build(arch: Architecture) -> nn.Module:
    """The network of 15 cells: (B, 3, 32, 32) images → (B, 10) scores."""
    return NB201.build(cell(arch))


SLOTS = dict.fromkeys(EDGES, OPERATIONS)
SPACES: dict[str, Space] = {
    "built-in": NB201,
    "networks": CategoricalSpace("six-edges", SLOTS, build=build, input_shape=(3, 32, 32)),
    "choices": CategoricalSpace("six-edges", SLOTS),
}


def tasks() -> Iterator[Task]:
    """Everything that is measured."""
    for space, labels, split in product(SPACES, LABELS, range(SPLITS)):
        yield {"space": space, "labels": labels, "split": split}


def measure(task: Task) -> Task:
    """One line of results."""
    import numpy as np

    space = SPACES[task["space"]]
    truth = load_benchmark("nb201", "cifar10").column(LABEL).mean
    drawn = random_split(np.arange(len(truth)), task["labels"], task["split"])
    codes = NB201.gene_codes(NB201.all())
    train, test = ([space.from_gene_codes(codes[place]) for place in part] for part in (drawn.train, drawn.test))
    surrogate = Surrogate(space, seed=split_seeds(0, task["split"])[1], device="cpu")
    start = time.perf_counter()
    surrogate.fit(train, truth[drawn.train])
    fitted = time.perf_counter()
    tau = kendall_tau(surrogate.score(test), truth[drawn.test])
    return task | {
        "predictor": surrogate.predictor.name,
        "kendall_tau": round(tau, 6),
        "fit_s": round(fitted - start, 2),
        "score_s": round(time.perf_counter() - fitted, 2),
    }


def table(lines: Sequence[Task]) -> str:
    """Mean and standard deviation over the splits, and what is lost against the built-in space."""
    body = []
    for space in SPACES:
        row = [space]
        for labels in LABELS:
            found, best = (_taus(lines, name, labels) for name in (space, "built-in"))
            lost = f" (−{sum(best) / len(best) - sum(found) / len(found):.3f})" if space != "built-in" else ""
            row.append(mean_and_std(found, 3) + lost)
        body.append(row)
    return markdown_table(["space", *(f"{labels} labels" for labels in LABELS)], body)


def _taus(lines: Sequence[Task], space: str, labels: int) -> list[float]:
    return [line["kendall_tau"] for line in lines if (line["space"], line["labels"]) == (space, labels)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what is stored")
    chosen = parser.parse_args(arguments)
    if not chosen.report:
        # One process: the networks are looked at once, for all of its tasks.
        measure_missing(chosen.results, tasks(), measure, 1)
    print(table(read_lines(chosen.results)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
