"""What a run was asked to do and what it started with, as fields of its ledger's header and of its result."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from nassurrogate.benchmarks import Benchmark, Problem, TabularBenchmark
from nassurrogate.runtime.versions import package_versions
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.engine.result import metric_sources
from nassurrogate.search.settings.request import SearchRequest
from nassurrogate.search.strategy.equivalents import COSTS
from nassurrogate.search.surrogates import SearchSurrogate
from nassurrogate.search.surrogates.known_labels import KnownLabels


def shared_fields(
    request: SearchRequest, feasible: FeasibleSet, surrogate: SearchSurrogate | None, known: KnownLabels
) -> dict[str, Any]:
    """The fields that the ledger's header and the result have in common.

    Args:
        request: what was asked for.
        feasible: what may be evaluated.
        surrogate: what guides the search.
        known: labels that are not queried again.
    """
    truth = request.benchmark
    return {
        "space": truth.space.name,
        "dataset": truth.dataset,
        "searcher": request.searcher.name,
        "predictor": request.predictor,
        "oracle": request.is_oracle,
        "budget": request.budget,
        "seed": request.seed,
        "labels": request.labels,
        "constraints": [str(constraint) for constraint in request.constraints],
        "n_space": feasible.n_space,
        "n_feasible": feasible.n_feasible,
        "n_feasible_classes": feasible.n_classes,
        "n_unknown": feasible.n_unknown,
        "surrogate_labels": surrogate.saved_labels if surrogate is not None else 0,
        "n_known": len(known.keys),
        "objective": request.objective.as_dict(),
        "fidelity": request.fidelity,
        "is_table": isinstance(truth, TabularBenchmark),
        "feasible_share": feasible.feasible_share,
        "feasible_share_is_estimate": feasible.is_estimate,
        "metric_sources": metric_sources(truth, (request.column, *request.constrained, *COSTS)),
    }


def ledger_header(request: SearchRequest, shared: dict[str, Any]) -> dict[str, Any]:
    """The header of the run's ledger.

    Args:
        request: what was asked for.
        shared: of `shared_fields`.
    """
    unfitted, saved = request.unfitted, request.saved
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": {
            **shared,
            "predictor_config": unfitted.predictor.config_dict() if unfitted is not None else None,
            "surrogate_labels_sha256": saved.labels_sha256 if saved is not None else None,
            "surrogate": request.saved_path,
            "requery_known": request.requery_known,
            "allow_equivalent": request.allow_equivalent,
            "table": request.table,
            "settings": asdict(request.settings),
            "device": request.device,
            "workers": request.workers,
            "unordered": request.unordered,
            "problem": _problem(request.benchmark),
            "arguments": dict(request.arguments),
        },
        "packages": package_versions(),
        "table_sha256": request.benchmark.sha256,
        "table_sources": list(request.benchmark.sources),
    }


def _problem(benchmark: Benchmark) -> dict[str, str] | None:
    """Path and checksum of the problem file; None for a run without one."""
    if not isinstance(benchmark, Problem):
        return None
    return {"path": str(benchmark.path.absolute()), "sha256": benchmark.sha256}
