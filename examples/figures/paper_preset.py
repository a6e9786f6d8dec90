"""The preset `paper` of nar-former-v2 at full length: 98,000 steps of batch 8 at 781 labels. Made for a GPU.

    python examples/figures/paper_preset.py --test-accuracy FILE              # all that is not in the results yet
    python examples/figures/paper_preset.py --test-accuracy FILE --only A1:78

FILE is a CSV with the columns `index` and `cifar10` (or `cifar10_test_accuracy_pct`): test accuracy, in percent, of all
15,625 cells of NAS-Bench-201.

- `A1`: labels are the mean validation accuracy of N random cells, the target is the test accuracy of all other cells;
  the last weights count. 10 splits, trained together as the members of one batched model.
- `published`: what the released code does, to compare with the paper. Labels are one run's validation accuracy of the
  first N cells, the checkpoint is the one with the best Kendall's tau on the *test* accuracy of the next 200 cells, and
  all cells are the test set, including the training cells. 5 seeds, likewise trained together.

Results: one JSON line per split in `examples/results/paper_preset.jsonl`.
"""

from __future__ import annotations

import argparse
import csv
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nassurrogate.benchmarks import LABEL, load_benchmark
from nassurrogate.benchmarks.experiments import append_lines, read_lines
from nassurrogate.prediction_quality import kendall_tau
from nassurrogate.predictors.calibration import Calibration
from nassurrogate.predictors.nar_former_v2 import PAPER, NarFormerV2, NarFormerV2Net, V2Config
from nassurrogate.predictors.training.checkpoint_choice import minus_tau
from nassurrogate.predictors.training.ensemble import Ensemble, Labelled, Schedule
from nassurrogate.predictors.training.losses import relative_loss
from nassurrogate.runtime.device import torch_device
from nassurrogate.spaces import get_space

RESULTS = Path(__file__).parents[1] / "results" / "paper_preset.jsonl"
RUNS = (("A1", 78), ("A1", 156), ("A1", 781), ("published", 156), ("published", 781))
SPLITS = {"A1": 10, "published": 5}
SELECTION_CELLS = 200
SPACE = get_space("nb201")


def test_accuracies(path: Path) -> np.ndarray:
    """(15625,) test accuracy in percent on cifar10, in the official order."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    column = next((name for name in ("cifar10", "cifar10_test_accuracy_pct") if rows and name in rows[0]), None)
    if column is None or "index" not in rows[0]:
        sys.exit(f"{path} has no columns index and cifar10, but {list(rows[0]) if rows else 'no rows'}")
    values = np.full(SPACE.size, np.nan)
    for row in rows:
        values[int(row["index"])] = float(row[column])
    if not np.isfinite(values).all():
        sys.exit(f"{path} lacks the test accuracy of {int((~np.isfinite(values)).sum())} cells")
    return values


def encoded(config: V2Config, cells: np.ndarray, targets_pct: np.ndarray, device: torch.device, views: int) -> Labelled:
    """Cells, with their relabelled views where `views` is 2, and targets as fractions."""
    predictor = NarFormerV2(SPACE, preset="paper", device=str(device))
    rng = np.random.default_rng(0) if views == 2 else None
    targets = torch.from_numpy(targets_pct[cells] / 100).float().to(device)
    return Labelled(predictor.inputs(SPACE.parse_many(cells.tolist()), rng), targets)


def trained(
    labels_pct: np.ndarray,
    train: np.ndarray,
    epochs: int,
    device: torch.device,
    *,
    seed: int = 0,
    selection: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[Ensemble, float, int]:
    """Members trained on the cells of their row of `train`, (M, n); seconds; steps.

    `selection`: cells and values; every member's weights are those with the best tau on them.
    """
    cells, rows = np.unique(train, return_inverse=True)
    data = encoded(PAPER, cells, labels_pct, device, views=2)
    held_out = None if selection is None else encoded(PAPER, *selection, device, views=1)
    schedule = Schedule(epochs, PAPER.batch, PAPER.learning_rate, PAPER.weight_decay, PAPER.warmup, patience=epochs)
    ensemble = Ensemble.untrained(lambda: NarFormerV2Net(PAPER), len(train), seed, device)
    began = time.perf_counter()

    def report(done: int, total: int) -> None:
        if done % max(1, total // 20) == 0:
            print(f"  epoch {done} of {total}, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)

    _synchronise(device)
    ensemble.fit(
        data,
        schedule,
        relative_loss,
        held_out=held_out,
        criterion=minus_tau,
        pools=rows.reshape(train.shape),
        progress=report,
    )
    return ensemble, time.perf_counter() - began, epochs * len(schedule.batch_sizes(train.shape[1]))


def scores(ensemble: Ensemble, device: torch.device) -> np.ndarray:
    """(M, 15625) predictions of all cells."""
    predictor = NarFormerV2(SPACE, preset="paper", config={"members": ensemble.members}, device=str(device))
    weights = {f"weights.{name}": value.cpu().numpy() for name, value in ensemble.weights.items()}
    predictor.load_state(weights, {"calibration": Calibration(1.0, 0.0).as_dict()})
    return predictor.member_scores(SPACE.all())


def measure(
    protocol: str, labels: int, test_pct: np.ndarray, epochs: int, device: torch.device, splits: range
) -> list[dict[str, Any]]:
    """One row a split."""
    column = load_benchmark("nb201", "cifar10").column(LABEL)
    seed = splits.start
    if protocol == "A1":
        train = np.stack([np.random.default_rng(split).permutation(SPACE.size)[:labels] for split in splits])
        ensemble, fit_s, steps = trained(column.mean, train, epochs, device, seed=seed)
    else:
        train = np.tile(np.arange(labels), (len(splits), 1))
        chosen_by = np.arange(labels, labels + SELECTION_CELLS)
        first_run = column.values[:, 0]
        ensemble, fit_s, steps = trained(first_run, train, epochs, device, seed=seed, selection=(chosen_by, test_pct))
    began = time.perf_counter()
    predicted = scores(ensemble, device)
    score_s = time.perf_counter() - began
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu"
    rows = []
    for member, split in enumerate(splits):
        tested = (
            np.arange(SPACE.size) if protocol == "published" else np.setdiff1d(np.arange(SPACE.size), train[member])
        )
        rows.append(
            {
                "protocol": protocol,
                "labels": labels,
                "split": split,
                "kendall_tau": kendall_tau(predicted[member][tested], test_pct[tested]),
                "epochs": epochs,
                "steps": steps,
                "members_trained_together": len(splits),
                "fit_s": round(fit_s, 2),
                "score_s": round(score_s, 3),
                "device": name,
                "torch": torch.__version__,
            }
        )
    return rows


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _range(text: str) -> range:
    start, _, stop = text.partition(":")
    return range(int(start), int(stop))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test-accuracy", type=Path)
    parser.add_argument("--only", action="append", metavar="PROTOCOL:N", help="may be repeated")
    parser.add_argument("--splits", type=_range, metavar="FROM:TO", help="some splits only, such as 0:5")
    parser.add_argument("--epochs", type=int, help="fewer than the paper's 1000, for a trial; nothing is stored")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args()
    device = torch_device(chosen.device)
    if chosen.test_accuracy is None:
        parser.error("--test-accuracy is needed")
    known = {f"{protocol}:{labels}": (protocol, labels) for protocol, labels in RUNS}
    for name in chosen.only or known:
        if name not in known:
            parser.error(f"--only is one of {', '.join(known)}, got {name}")
        protocol, labels = known[name]
        splits = chosen.splits or range(SPLITS[protocol])
        done = {row["split"] for row in read_lines(chosen.results) if (row["protocol"], row["labels"]) == known[name]}
        if chosen.epochs is None and done.issuperset(splits):
            continue
        print(f"{protocol} at {labels} labels", file=sys.stderr, flush=True)
        test_pct = test_accuracies(chosen.test_accuracy)
        rows = measure(protocol, labels, test_pct, chosen.epochs or PAPER.epochs, device, splits)
        if chosen.epochs is None:
            append_lines(chosen.results, *rows)
        taus = [row["kendall_tau"] for row in rows]
        deviation = statistics.stdev(taus) if len(taus) > 1 else 0.0
        print(
            f"{protocol}:{labels} tau {statistics.fmean(taus):.4f} ± {deviation:.4f}, "
            f"{rows[0]['fit_s']} s for {len(rows)} members × {rows[0]['steps']} steps"
        )


if __name__ == "__main__":
    main()
