"""One search from end to end: check what was asked for, search, choose, report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks import LABEL, Benchmark
from nassurrogate.benchmarks.oracle import ORACLE
from nassurrogate.constraints import Constraint
from nassurrogate.given_path import as_path
from nassurrogate.predictors import PredictorLike
from nassurrogate.search.account import Account, Event, LabelKind, Listener
from nassurrogate.search.arguments import (
    check_budget,
    check_kinds,
    checked_seed,
    checked_settings,
    ground_truth,
    loaded_surrogate,
    parsed_constraints,
    unfitted_surrogate,
)
from nassurrogate.search.candidates import Candidates, find_candidates
from nassurrogate.search.outcome import summarise
from nassurrogate.search.run_folder import default_folder, open_run, write_summary
from nassurrogate.search.schedule import SearchSettings
from nassurrogate.search.searcher import DEFAULT_SEARCHER, Domain, make_searcher, searcher_class
from nassurrogate.search.selection import choose, is_noisy
from nassurrogate.search.sequential import SequentialSearch, search_truth
from nassurrogate.search.surrogates import BlendedSurrogate, LearningSurrogate, OracleSurrogate, SearchSurrogate
from nassurrogate.search.versions import package_versions
from nassurrogate.surrogate import Surrogate

SCHEMA_VERSION = 1


def run(
    space: str | None = None,
    dataset: str | None = None,
    budget: int = 100,
    searcher: str = DEFAULT_SEARCHER,
    predictor: PredictorLike | None = None,
    seed: int | None = None,
    constraints: Sequence[Constraint | str] | Constraint | str = (),
    labels: LabelKind = "mean",
    surrogate: str | Path | Surrogate | None = None,
    run_dir: str | Path | None = None,
    *,
    settings: SearchSettings | None = None,
    predictor_config: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
    table: str | None = None,
    benchmark: Benchmark | None = None,
    write: bool = True,
    plots: bool = True,
    device: str = "auto",
) -> dict[str, Any]:
    """Search a space for the most accurate cell under constraints, and say what it cost.

    Args:
        space: name of the search space; None: the benchmark's, or `"nb201"`.
        dataset: name of the data set whose table is the ground truth; None: the benchmark's, or `"cifar10"`.
        budget: ground-truth accuracy queries, all of them; 1 … number of classes of the space.
        searcher: one of `searcher_names()`.
        predictor: registered name, `name:preset` or class; `"none"`: no surrogate, every proposal is evaluated;
            `"oracle"`: predictions are the true values, an upper bound. None: the saved surrogate's, or
            `proxy-process`.
        seed: of everything random; None draws one.
        constraints: one or several, such as `"latency_ms<=12"`, on metrics that cost no query.
        labels: a query returns the `"mean"` of the training seeds or a `"single"` one; then the last queries train the
            best cells again.
        surrogate: a saved model, or its path, that guides the search from the first query (no initial sample); see
            `BlendedSurrogate` for how it shares with the refitted ones.
        run_dir: where the ledger, the summary and the plots go; None: `runs/<space>-<dataset>-<seed>-<time>`.
        settings: the strategy.
        predictor_config: hyper-parameters that replace the preset's.
        listener: called with every `Event`.
        table: name of an import whose columns stand before the embedded ones, or `"embedded"` for these alone.
        benchmark: ground truth in place of a named table.
        write: False keeps everything in memory.
        plots: whether plots are drawn into the run folder.
        device: of the predictor.

    Returns the fields that `--json` prints. `best` is always feasible. Raises `InputError` for input that is unusable,
    before the first query; Ctrl-C passes through, and the ledger stands.

    >>> result = run(budget=4, seed=0, predictor="gradient-boosting", constraints=["latency_ms<=12"], write=False)
    >>> result["queries"], result["best"]["latency_ms"] <= 12
    (4, True)
    """
    began = time.monotonic()
    settings = checked_settings(settings)
    truth = ground_truth(space, dataset, table, benchmark)
    check_budget(budget, truth)
    check_kinds(searcher=searcher, labels=labels, device=device, listener=listener, write=write, plots=plots)
    searcher_class(searcher)
    seed = checked_seed(seed)
    folder = as_path(run_dir, "run_dir") if run_dir is not None else None
    saved = loaded_surrogate(surrogate, truth, device)
    unfitted = unfitted_surrogate(predictor, predictor_config, saved, truth, device)
    name = str(predictor) if unfitted is None else f"{unfitted.predictor.name}:{unfitted.predictor.preset}"
    bounds = parsed_constraints(constraints)
    rngs = dict(zip(("members", "search", "labels", "fits"), np.random.default_rng(seed).spawn(4), strict=True))
    prefer = truth.column(LABEL).mean if name == ORACLE else None
    candidates = find_candidates(truth, bounds, rngs["members"], prefer=prefer)
    search_surrogate = _search_surrogate(name, unfitted, candidates.domain, truth, rngs["fits"], saved)
    make_searcher(searcher, candidates.domain, np.random.default_rng(0))  # a space that it cannot search fails here
    asked = {
        "space": truth.space.name,
        "dataset": truth.dataset,
        "searcher": searcher,
        "predictor": name,
        "oracle": name == ORACLE,
        "budget": int(budget),
        "seed": seed,
        "labels": labels,
        "constraints": [str(bound) for bound in bounds],
        "n_space": candidates.n_space,
        "n_feasible": candidates.n_feasible,
        "n_feasible_classes": candidates.n_feasible_classes,
        "surrogate_labels": search_surrogate.saved_labels if search_surrogate is not None else 0,
    }
    folder = folder if folder is not None else default_folder(truth.space.name, truth.dataset, seed)
    header = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": {
            **asked,
            "predictor_config": unfitted.predictor.config_dict() if unfitted is not None else None,
            "surrogate_labels_sha256": saved.labels_sha256 if saved is not None else None,
            "surrogate": str(surrogate) if surrogate is not None and surrogate is not saved else None,
            "table": table,
            "settings": asdict(settings),
            "device": device,
        },
        "packages": package_versions(),
        "table_sha256": truth.sha256,
        "table_sources": list(truth.sources),
    }
    with open_run(folder, header) if write else nullcontext() as writer:
        account = Account(
            truth, candidates, budget=budget, kind=labels, rng=rngs["labels"], writer=writer, listener=listener
        )
        account.emit(Event("start", 0, budget, f"{candidates.describe()}; seed {seed}"))
        found = _search(account, candidates, search_surrogate, searcher, settings, rngs["search"])
        order = found.pop("order")
        result = {
            "schema_version": SCHEMA_VERSION,
            **asked,
            "labels": "single" if is_noisy(account.queries) else labels,
            **found,
            **summarise(
                truth,
                candidates,
                account.queries,
                order,
                top=settings.top,
                constrained=[bound.metric for bound in bounds],
            ),
            "stop_reason": "budget" if len(account.queries) == budget else "exhausted",
            "notes": account.notes,
            "wall_s": round(time.monotonic() - began, 3),
            "run_dir": str(folder) if write else None,
        }
        if write:
            write_summary(folder, result)
            if plots:
                from nassurrogate.search.plots import draw_plots

                draw_plots(folder, truth)
    return result


def _search(
    account: Account,
    candidates: Candidates,
    surrogate: SearchSurrogate | None,
    searcher: str,
    settings: SearchSettings,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Spend the budget; the order of the evaluated cells, best first, and the counts."""
    if surrogate is None:
        alone = make_searcher(searcher, candidates.domain, rng)
        search_truth(account, alone)
        searchers, expected = [alone], None
    else:
        search = SequentialSearch(account, candidates, surrogate, searcher, settings, rng)
        search.run()
        searchers, expected = search.searchers, search.expected_by_others() if is_noisy(account.queries) else None
    order, rule = choose(account.queries, expected, label_noise_pct=settings.label_noise_pct)
    return {
        "order": order,
        "selected_by": ORACLE if isinstance(surrogate, OracleSurrogate) else rule,
        "predictor_calls": surrogate.predictor_calls if surrogate is not None else 0,
        "proposals": {
            "infeasible": sum(s.n_infeasible for s in searchers),
            "repeats": sum(s.n_repeats for s in searchers),
            "fallbacks": sum(s.n_fallbacks for s in searchers),
        },
    }


def _search_surrogate(
    name: str,
    unfitted: Surrogate | None,
    domain: Domain,
    benchmark: Benchmark,
    rng: np.random.Generator,
    saved: Surrogate | None,
) -> SearchSurrogate | None:
    if unfitted is None:
        return OracleSurrogate(benchmark) if name == ORACLE else None
    learning = LearningSurrogate(unfitted, rng)
    return learning if saved is None else BlendedSurrogate(saved, learning, domain.representatives)
