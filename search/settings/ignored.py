"""Notes on settings that a run ignores, wholly or in part."""

from __future__ import annotations

from collections.abc import Mapping

from nassurrogate.search.settings.schedule import Plan, SearchSettings


def ignored_without_predictor(settings: SearchSettings, limit: int) -> list[str]:
    """Notes for a search without a predictor.

    Args:
        settings: the strategy.
        limit: queries that can be made.

    >>> ignored_without_predictor(SearchSettings(n_init=5, beta=1.0), 20)
    ['without a predictor, n_init and beta have no effect; only top has']
    """
    changed = settings.changed()
    ignored = [name for name in changed if name != "top"]
    several = f"{' and '.join(ignored)} {'have' if len(ignored) > 1 else 'has'}"
    notes = [f"without a predictor, {several} no effect; only top has"] if ignored else []
    return notes + _of_top(changed, limit)


def ignored_with_predictor(
    settings: SearchSettings, plan: Plan, limit: int, *, scores_all: bool, pool_size: int, n_candidates: int | None
) -> list[str]:
    """Notes for a search with a predictor, before its first query.

    Args:
        settings: the strategy.
        plan: how the budget is split.
        limit: queries that can be made.
        scores_all: whether the searcher scores the whole pool.
        pool_size: the actual size of the pool.
        n_candidates: number of different feasible functions; None if unknown.
    """
    changed, notes = settings.changed(), []
    if limit > 1:
        for name, planned, room in (
            ("n_init", plan.n_init, "half the budget"),
            ("n_confirm", plan.n_confirm, "what the initial sample leaves"),
        ):
            asked = getattr(settings, name)
            if asked is not None and planned < asked:
                notes.append(
                    f"{name}={asked} has no effect beyond {room}: {limit} queries leave room for only {planned}"
                )
    if settings.batch_size is not None and settings.batch_size > max(plan.n_search, plan.n_confirm, 1):
        notes.append(
            f"batch_size={settings.batch_size} has no effect beyond {max(plan.n_search, plan.n_confirm, 1)}: no phase "
            "has more queries"
        )
    if "beta" in changed and settings.acquisition != "ucb":
        notes.append(f"beta={settings.beta:g} has no effect: only acquisition=ucb uses it, not {settings.acquisition}")
    if "inner_proposals" in changed and scores_all:
        notes.append(
            f"inner_proposals={settings.inner_proposals} has no effect: searcher exhaustive scores the whole pool"
        )
    if settings.pool_size < pool_size and (n_candidates is None or settings.pool_size < n_candidates):
        notes.append(f"pool_size={settings.pool_size} is too small for {limit} queries: {pool_size} is used")
    return notes + _of_top(changed, limit)


def ignored_label_noise(settings: SearchSettings, *, used: bool, is_percent: bool) -> list[str]:
    """Notes once the labels are known.

    Args:
        settings: the strategy.
        used: whether the noise had any influence.
        is_percent: whether the objective is in percent.
    """
    if "label_noise_pct" not in settings.changed() or used:
        return []
    why = "no label is a single training" if is_percent else "the objective is not in percent"
    return [f"label_noise_pct={settings.label_noise_pct:g} has no effect: {why}"]


def _of_top(changed: Mapping[str, object], limit: int) -> list[str]:
    asked = changed.get("top")
    if isinstance(asked, int) and asked > limit:
        return [f"top={asked} has no effect beyond {limit}: no more can be evaluated"]
    return []
