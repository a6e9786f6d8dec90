"""One search from end to end: check what was asked for, search, choose, report."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from nassurrogate.benchmarks import LABEL, Benchmark, load_benchmark
from nassurrogate.benchmarks.oracle import ORACLE
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.predictors import DEFAULT_PREDICTOR, predictor_names, split_preset
from nassurrogate.search.account import LABEL_KINDS, Account, Event, LabelKind, Listener
from nassurrogate.search.candidates import Candidates, find_candidates
from nassurrogate.search.guide import Guide, OracleGuide, SurrogateGuide
from nassurrogate.search.guided import GuidedSearch, search_truth
from nassurrogate.search.outcome import summarise
from nassurrogate.search.run_folder import default_folder, open_run, write_summary
from nassurrogate.search.schedule import SearchSettings
from nassurrogate.search.searcher import DEFAULT_SEARCHER, Domain, make_searcher, searcher_class
from nassurrogate.search.selection import choose
from nassurrogate.search.versions import package_versions
from nassurrogate.surrogate import Surrogate

SCHEMA_VERSION = 1
NO_PREDICTOR = "none"


def run(
    space: str = "nb201",
    dataset: str = "cifar10",
    budget: int = 100,
    searcher: str = DEFAULT_SEARCHER,
    predictor: str | None = None,
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
        space: name of the search space.
        dataset: name of the data set whose table is the ground truth.
        budget: ground-truth accuracy queries, all of them; 1 … number of classes of the space.
        searcher: one of `searcher_names()`.
        predictor: registered name or `name:preset`; `"none"`: the searcher pays for every look; `"oracle"`: the truth
            guides, an upper bound. None: the saved surrogate's, or the default one.
        seed: of everything random; None draws one.
        constraints: one or several, such as `"latency_ms<=12"`, on metrics that cost no query.
        labels: a query returns the `"mean"` of the training seeds or a `"single"` one.
        surrogate: a saved model, or its path, that guides the search from the first query (no initial sample); see
            `SurrogateGuide` for how it shares with the refitted ones.
        run_dir: where the ledger, the summary and the plots go; None: `runs/<space>-<dataset>-<seed>-<time>`.
        settings: the strategy.
        predictor_config: hyper-parameters that replace the preset's.
        listener: called with every `Event`.
        table: name of an import whose columns stand before the embedded ones, or `"embedded"` for these alone.
        benchmark: ground truth in place of the named table; `space` and `dataset` are then the benchmark's.
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
    settings = settings or SearchSettings()
    truth = benchmark if benchmark is not None else load_benchmark(space, dataset, table=table)
    _check_budget(budget, truth)
    searcher_class(searcher)
    if labels not in LABEL_KINDS:
        raise unknown_choice("kind of labels", labels, LABEL_KINDS)
    seed = _checked_seed(seed)
    saved = _loaded(surrogate, truth, device)
    name, config = _predictor(predictor, predictor_config, saved, truth, device)
    given = [constraints] if isinstance(constraints, str | Constraint) else constraints
    bounds = [c if isinstance(c, Constraint) else Constraint.parse(c) for c in given]
    rngs = dict(zip(("members", "search", "labels", "fits"), np.random.default_rng(seed).spawn(4), strict=True))
    prefer = truth.column(LABEL).mean if name == ORACLE else None
    candidates = find_candidates(truth, bounds, rngs["members"], prefer=prefer)
    guide = _make_guide(name, config, candidates.domain, truth, device, rngs["fits"], saved)
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
        "surrogate_labels": guide.surrogate_labels if guide is not None else 0,
    }
    folder = Path(run_dir) if run_dir is not None else default_folder(truth.space.name, truth.dataset, seed)
    header = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": {
            **asked,
            "predictor_config": config,
            "surrogate_labels_sha256": saved.labels_sha256 if saved is not None else None,
            "surrogate": str(surrogate) if isinstance(surrogate, str | Path) else None,
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
        found = _search(account, candidates, guide, searcher, settings, rngs["search"])
        order = found.pop("order")
        result = {
            "schema_version": SCHEMA_VERSION,
            **asked,
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
    guide: Guide | None,
    searcher: str,
    settings: SearchSettings,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Spend the account; the order of the paid cells, best first, and the counts."""
    if guide is None:
        alone = make_searcher(searcher, candidates.domain, rng)
        search_truth(account, alone)
        searchers, expected = [alone], None
    else:
        guided = GuidedSearch(account, candidates, guide, searcher, settings, rng)
        guided.run()
        searchers, expected = guided.searchers, guided.expected()
    order, rule = choose(account.queries, expected, label_noise_pct=settings.label_noise_pct)
    return {
        "order": order,
        "selected_by": ORACLE if isinstance(guide, OracleGuide) else rule,
        "predictor_calls": guide.predictor_calls if guide is not None else 0,
        "proposals": {
            "infeasible": sum(s.n_infeasible for s in searchers),
            "repeats": sum(s.n_repeats for s in searchers),
            "fallbacks": sum(s.n_fallbacks for s in searchers),
        },
    }


def _check_budget(budget: object, benchmark: Benchmark) -> None:
    most = benchmark.space.n_classes
    if isinstance(budget, bool) or not isinstance(budget, int | np.integer) or not 1 <= budget <= most:
        raise InputError(
            f"budget must be a whole number from 1 to {most} (the different functions in {benchmark.space.name}), "
            f"got {brief(budget)}"
        )


def _checked_seed(seed: object) -> int:
    if seed is None:
        return secrets.randbelow(2**31)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed must be a whole number from 0, got {brief(seed)}")
    return int(seed)


def _loaded(surrogate: str | Path | Surrogate | None, benchmark: Benchmark, device: str) -> Surrogate | None:
    if surrogate is None:
        return None
    saved = surrogate if isinstance(surrogate, Surrogate) else Surrogate.load(surrogate, device=device)
    place = "the surrogate" if isinstance(surrogate, Surrogate) else str(surrogate)
    if saved.space.name != benchmark.space.name:
        raise InputError(f"{place} scores cells of {saved.space.name}, expected one for {benchmark.space.name}")
    if saved.metric != LABEL:  # one that learned test accuracy would let it into the search
        raise InputError(f"{place} predicts {saved.metric}, expected one that predicts {LABEL}")
    if not saved.n_labels:
        raise InputError("the surrogate has no labels yet; call fit(archs, targets) first, or load a saved one")
    return saved


def _predictor(
    predictor: str | None,
    changes: Mapping[str, Any] | None,
    saved: Surrogate | None,
    benchmark: Benchmark,
    device: str,
) -> tuple[str, dict[str, Any] | None]:
    """The predictor's full name and resolved hyper-parameters."""
    if predictor in (NO_PREDICTOR, ORACLE):
        if saved is not None:
            raise InputError(f"predictor {predictor!r} makes no use of a saved surrogate; leave one of the two out")
        if changes:
            raise InputError(f"predictor {predictor!r} has no hyper-parameters, got {brief(dict(changes))}")
        return str(predictor), None
    if predictor is None and saved is not None:
        predictor = f"{saved.predictor.name}:{saved.predictor.preset}"
        changes = {**saved.predictor.config_dict(), **(changes or {})}
    predictor = DEFAULT_PREDICTOR if predictor is None else predictor
    if not isinstance(predictor, str) or split_preset(predictor)[0] not in predictor_names():
        raise unknown_choice("predictor", predictor, [*predictor_names(), NO_PREDICTOR, ORACLE])
    made = Surrogate(benchmark.space.name, predictor=predictor, config=changes, device=device)
    return f"{made.predictor.name}:{made.predictor.preset}", made.predictor.config_dict()


def _make_guide(
    name: str,
    config: Mapping[str, Any] | None,
    domain: Domain,
    benchmark: Benchmark,
    device: str,
    rng: np.random.Generator,
    saved: Surrogate | None,
) -> Guide | None:
    if name == NO_PREDICTOR:
        return None
    if name == ORACLE:
        return OracleGuide(domain.representatives, benchmark)
    return SurrogateGuide(
        domain.representatives,
        space=benchmark.space.name,
        predictor=name,
        config=config,
        device=device,
        rng=rng,
        saved=saved,
    )
