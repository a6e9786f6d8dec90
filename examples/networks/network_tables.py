"""Tables of predictors of latency on whole networks, as README and docs show them, from the stored results.

    python examples/networks/network_tables.py            # print them
    python examples/networks/network_tables.py --write    # also put them into README.md and docs/whole-networks.md

The results are those of `measure_networks.py` and `train_networks_gpu.py`. A split of protocol C4 counts if it has been
measured for all families. Means and medians over families are taken in each split, then summarised over splits.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from measure_networks import results_of

from nassurrogate.benchmarks.evaluation.networks import PredictorResult, Summary
from nassurrogate.benchmarks.experiments import markdown_table, read_lines
from nassurrogate.files.atomic_file import write_atomically

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "examples" / "results"
PAGE = ROOT / "docs" / "whole-networks.md"
DEVICES = {"CPU": "cortexA76_cpu_tflite21", "GPU": "adreno640_gpu_tflite21"}
OURS = "roofline"
NEURAL = ("nnlp-gcn:paper", "nar-former-v2-networks:paper")
BASELINES = ("flops-regression", "flops-memory-regression", "operator-additive", "boosting-networks")
FEW = 20
_GPU_KINDS = {"full": ("C3", None), "C3": ("C3", 300), "C4": ("C4", 300)}
_DIGITS = {"mape_pct": 2, "within_10_pct": 1}
Line = dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """One predictor under one protocol on one device.

    Attributes:
        per_family: the most training networks of a family; None: all.
        result: over the complete splits.
        adapted: the same after adapting to `FEW` networks of the family left out; None if it was not measured.
    """

    per_family: int | None
    result: PredictorResult
    adapted: PredictorResult | None = None

    @property
    def splits(self) -> int:
        """How many."""
        return self.result.mean.splits

    @property
    def mape_pct(self) -> float:
        """Mean over families."""
        return self.result.mean.mean["mape_pct"] or 0.0


def stored_lines() -> list[Line]:
    """All fits, in the form of `measure_networks.py`."""
    lines = [line for name in ("c3", "c4") for line in read_lines(RESULTS / f"networks_{name}.jsonl")]
    return [*lines, *(made for line in read_lines(RESULTS / "networks_gpu.jsonl") for made in _from_gpu(line))]


def _from_gpu(line: Line) -> Iterator[Line]:
    """The fit of a line of `train_networks_gpu.py`, and the fine-tuned one. In C3, it has all families together."""
    protocol, per_family = _GPU_KINDS[line["kind"]]
    names = {"mape_pct": "mape_pct", "within_10_pct": "acc10_pct", "spearman": "spearman"}
    for prefix, few in (("", 0), ("adapted_", FEW)):
        if f"{prefix}mape_pct" in line:
            metrics = {ours: line[prefix + theirs] for ours, theirs in names.items()}
            about = {"test": line["test"] - few, "bias_pct": None, "coverage90": None}
            yield {
                "protocol": protocol,
                "on": line["on"],
                "predictor": line["predictor"],
                "per_family": per_family,
                "split": line["seed"],
                "unseen": line.get("family"),
                "adapt_to": few,
                "train": line["train"],
                "families": {line.get("family", "all"): {**metrics, **about}},
                "fit_s": line["fit_s"],
                "score_s": line["score_s"],
            }


def measured(lines: Sequence[Line], protocol: str, device: str) -> dict[tuple[str, int | None], Measured]:
    """(predictor, most training networks of a family) → what was measured, the best first."""
    own = [line for line in lines if (line["protocol"], line["on"]) == (protocol, DEVICES[device])]
    families = {line["unseen"] for line in own}
    found: dict[tuple[str, int | None], Measured] = {}
    for predictor, per_family in dict.fromkeys((line["predictor"], line["per_family"]) for line in own):
        results = []
        for few in (0, FEW):
            fits = [
                line
                for line in own
                if (line["predictor"], line["per_family"], line.get("adapt_to", 0)) == (predictor, per_family, few)
            ]
            complete = [
                line
                for line in fits
                if families == {other["unseen"] for other in fits if other["split"] == line["split"]}
            ]
            results.append(results_of(complete).get(predictor))
        result, adapted = results
        if result is not None:
            found[predictor, per_family] = Measured(per_family, result, adapted)
    return dict(sorted(found.items(), key=lambda item: item[1].mape_pct))


def in_domain_table(lines: Sequence[Line]) -> str:
    """Protocol C3, both devices."""
    by_device = {device: measured(lines, "C3", device) for device in DEVICES}
    mapes: dict[tuple[str, int | None], list[float]] = {}
    for found in by_device.values():
        for key, each in found.items():
            mapes.setdefault(key, []).append(each.mape_pct)
    body = []
    for key in sorted(mapes, key=lambda key: fmean(mapes[key])):
        splits = _splits({device: found[key].splits for device, found in by_device.items() if key in found})
        cells = [key[0], _limit(key[1]), splits]
        for found in by_device.values():
            mean = found[key].result.mean if key in found else None
            cells += ["–" if mean is None else _shown(mean, metric) for metric in _DIGITS]
        body.append(cells)
    columns = [f"{device}: {title}" for device in DEVICES for title in ("MAPE, %", "Acc(10 %), %")]
    return markdown_table(["predictor, in domain", "networks per family", "splits", *columns], body)


def unseen_table(lines: Sequence[Line], device: str) -> str:
    """Protocol C4 on one device."""
    body = []
    for (predictor, per_family), found in measured(lines, "C4", device).items():
        result, adapted = found.result, found.adapted
        splits = {"before": found.splits, **({} if adapted is None else {"after": adapted.mean.splits})}
        body.append(
            [
                predictor,
                _limit(per_family),
                _splits(splits),
                *(_shown(result.mean, metric) for metric in _DIGITS),
                _shown(result.median, "mape_pct"),
                f"{min(summary.mean['spearman'] or 0.0 for summary in result.families.values()):.3f}",
                "–" if adapted is None else _shown(adapted.mean, "mape_pct"),
            ]
        )
    columns = ["MAPE, %", "Acc(10 %), %", "median MAPE, %", "lowest ρ", f"MAPE after {FEW} networks, %"]
    return markdown_table([f"predictor, unseen family, {device}", "networks per family", "splits", *columns], body)


def family_table(lines: Sequence[Line], device: str) -> str:
    """Protocol C4 on one device by family: Roofline, the two neural networks, the best baseline."""
    found = measured(lines, "C4", device)
    baseline = best_of(found, BASELINES)
    names = [key[0] for key in found]
    shown = [found[next(key for key in found if key[0] == name)] for name in (OURS, *NEURAL, baseline) if name in names]
    families = sorted(shown[0].result.families)
    body = [[family, *(_shown(each.result.families[family], "mape_pct") for each in shown)] for family in families]
    header = [name for name in (OURS, *NEURAL, baseline) if name in names]
    return markdown_table([f"MAPE, %, of the unseen family, {device}", *header], body)


def best_of(found: dict[tuple[str, int | None], Measured], names: Sequence[str]) -> str:
    """The predictor among these with the lowest MAPE."""
    return next(name for name, _ in found if name in names)


def summary_rows(lines: Sequence[Line], across: Sequence[Line]) -> Iterator[str]:
    """The rows of README: unseen families on both devices, and one ranking across spaces."""
    for device, chip in (("CPU", "Cortex-A76 CPU"), ("GPU", "Adreno 640 GPU")):
        found = measured(lines, "C4", device)
        ours = found[OURS, 300]
        best = best_of(found, (*NEURAL, *BASELINES))
        theirs = next(each for (name, _), each in found.items() if name == best)
        named = best.replace(":paper", " as published")
        yield (
            f"| latency of an unseen family, {chip}, MAPE (%) | {ours.result.mean.train:,.0f} | {ours.mape_pct:.2f} | "
            f"{theirs.mape_pct:.2f} {named} | – |"
        )
    zero = next(
        line for line in across if (line["source"], line["target"], line["proxies"]) == ("nb101", "nb201", True)
    )
    yield (
        f"| Spearman's ρ, NAS-Bench-201, from labels of NAS-Bench-101 only | {zero['labels']:,} | "
        f"{fmean(zero['zero_spearman']):.3f} | – | 0.815 GENNAPE (own protocol) |"
    )


def tables(lines: Sequence[Line]) -> Iterator[str]:
    """All tables of the page."""
    yield in_domain_table(lines)
    yield from (unseen_table(lines, device) for device in DEVICES)
    yield from (family_table(lines, device) for device in DEVICES)


def with_table(page: str, table: str) -> str:
    """The page with this table in place of the one with the same first column."""
    title = re.escape(table.split(" |", 1)[0])
    updated, count = re.subn(rf"^{title} \|.*\n(?:\|.*\n)+", lambda _: f"{table}\n", page, flags=re.MULTILINE)
    if count != 1:
        raise LookupError(f"{count} tables begin with {title}")
    return updated


def with_row(page: str, row: str) -> str:
    """The page with this row in place of the one with the same first cell."""
    title = re.escape(row.split(" |", 1)[0])
    updated, count = re.subn(rf"^{title} \|.*$", lambda _: row, page, flags=re.MULTILINE)
    if count != 1:
        raise LookupError(f"{count} rows begin with {title}")
    return updated


def _limit(per_family: int | None) -> str:
    return "all" if per_family is None else str(per_family)


def _splits(counts: Mapping[str, int]) -> str:
    """One number if all are equal."""
    if len(set(counts.values())) == 1:
        return str(next(iter(counts.values())))
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _shown(summary: Summary, metric: str) -> str:
    mean, deviation, digits = summary.mean[metric], summary.std[metric], _DIGITS[metric]
    return f"{mean:.{digits}f}" if deviation is None else f"{mean:.{digits}f} ± {deviation:.{digits}f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put them into README.md and docs/whole-networks.md")
    chosen = parser.parse_args()
    lines = stored_lines()
    rows = list(summary_rows(lines, read_lines(RESULTS / "across_spaces.jsonl")))
    print(*tables(lines), "\n".join(rows), sep="\n\n")
    if chosen.write:
        for path, pieces, put in ((PAGE, tables(lines), with_table), (ROOT / "README.md", rows, with_row)):
            page = path.read_text(encoding="utf-8")
            for piece in pieces:
                page = put(page, piece)
            write_atomically(path, lambda file, page=page: file.write(page.encode()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
