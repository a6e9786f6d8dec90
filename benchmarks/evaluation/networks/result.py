"""The result of protocol C3 or C4: one summary per predictor and family, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nassurrogate.benchmarks.evaluation.networks.measures import FamilyResult, PredictorResult
from nassurrogate.benchmarks.evaluation.networks.published import PublishedLatency
from nassurrogate.benchmarks.evaluation.protocols import NETWORK_PROTOCOLS
from nassurrogate.errors import InputError
from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.nan_equality import NanEqual

SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class NetworkResult(NanEqual):
    """Predictors measured by C3 or C4 on one device.

    Attributes:
        protocol: `C3` or `C4`.
        own_split: whether the data set's own split was used.
        adapt_to: how many networks of the family left out every fit was adapted to.
        source: the folder of the data; empty if they were given as an object.
        device: where the latencies were measured.
        networks: how many the data set has.
        seed, per_family: as given.
        predictors: in the order given.
        results: of each family and split, which the others summarise.
        published: figures on the same data.
        notes: that belong to the figures.
        run_dir: folder of the predictions; None if they were not kept.
    """

    protocol: str
    own_split: bool
    adapt_to: int
    source: str
    device: str
    networks: int
    seed: int
    per_family: int | None
    predictors: tuple[PredictorResult, ...]
    results: tuple[FamilyResult, ...]
    published: tuple[PublishedLatency, ...]
    notes: tuple[str, ...]
    run_dir: str | None

    @property
    def summary(self) -> str:
        """What the protocol does, in words."""
        if self.own_split:
            return "whole networks, in domain: the data set's own split"
        adapted = f", then adapted to {self.adapt_to} networks of it" if self.adapt_to else ""
        return NETWORK_PROTOCOLS[self.protocol] + adapted

    def to_json(self) -> dict[str, Any]:
        """Everything, JSON-able."""
        numbers = [asdict(result) for result in self.results]
        return {
            "schema_version": SCHEMA_VERSION,
            "protocol": self.protocol,
            "own_split": self.own_split,
            "adapt_to": self.adapt_to,
            "data": self.source,
            "on": self.device,
            "networks": self.networks,
            "label": "latency_ms",
            "seed": self.seed,
            "per_family": self.per_family,
            "notes": list(self.notes),
            "predictors": [predictor.to_json() for predictor in self.predictors],
            "results": [{name: None if value != value else value for name, value in each.items()} for each in numbers],
            "published": [row.fields() for row in self.published],
            "run_dir": self.run_dir,
        }

    def write_csv(self, path: str | Path) -> Path:
        """Write one row per predictor and family, completely or not at all. Raises `InputError` if that fails."""
        about = {
            "protocol": self.protocol,
            "on": self.device,
            "seed": self.seed,
            "per_family": self.per_family,
            "adapt_to": self.adapt_to,
        }
        rows = [
            {**about, "predictor": predictor.predictor, "preset": predictor.preset, "family": family}
            | summary.to_json()
            for predictor in self.predictors
            for family, summary in predictor.families.items()
        ]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        try:
            write_atomically(Path(path), lambda file: file.write(text.getvalue().encode()))
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error
        return Path(path)
