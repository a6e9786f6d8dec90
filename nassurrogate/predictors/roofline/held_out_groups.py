"""How far predictions err on networks unlike those that were learned, measured on groups that a fit has not seen.

Shapes: n networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nassurrogate.predictors.calibration import COVERAGE, WIDTH
from nassurrogate.predictors.roofline.cost_model import CostModel
from nassurrogate.predictors.roofline.kernel_table import KernelTable

_FEWEST_GROUPS, _LEAST_GROUP, _MOST_HELD, _MOST_LEARNED = 3, 5, 200, 1000
_FEWEST_NETWORKS, _FOLDS = 10, 5
_LOWEST, _HIGHEST = 0.1, 100.0


def operator_groups(table: KernelTable) -> np.ndarray:
    """(n,) the group of each network: networks of the same set of operators form one, much like families."""
    operators = [kind.operator for kind in table.kinds]
    sets = [
        frozenset(operators[kind] for kind in np.unique(table.kind[start:end]))
        for start, end in zip(table.start[:-1], table.start[1:], strict=True)
    ]
    place = {found: number for number, found in enumerate(dict.fromkeys(sets))}
    return np.array([place[found] for found in sets])


def inflation(
    model: CostModel,
    fit: Callable[[np.ndarray], CostModel],
    table: KernelTable,
    values: np.ndarray,
    rng: np.random.Generator,
) -> CostModel:
    """The model with the variance of its costs inflated until 90 % intervals cover 90 % of a held-out group.

    Groups count alike, whatever their size. With fewer than three groups, random fifths are held out; with fewer than
    ten networks, nothing is changed.

    Args:
        model: fitted to all networks.
        fit: fits the networks of these rows alone.
        table: the kernels of n networks.
        values: (n,) measured values.
        rng: chooses the networks that are learned and held out.
    """
    group = operator_groups(table)
    groups = [number for number in np.unique(group) if (group == number).sum() >= _LEAST_GROUP]
    if len(groups) < _FEWEST_GROUPS:
        if len(table) < _FEWEST_NETWORKS:
            return model
        group = rng.permutation(len(table)) % _FOLDS
        groups = list(range(_FOLDS))
    needed, weight = [], []
    for number in groups:
        held = rng.permutation(np.flatnonzero(group == number))[:_MOST_HELD]
        learned = np.sort(rng.permutation(np.flatnonzero(group != number))[:_MOST_LEARNED])
        fitted = fit(learned)
        value, known, unknown = fitted.variances(table.rows(held))
        error = np.log(value / values[held]) / WIDTH
        needed.append((error**2 - model.noise**2 - unknown) / np.maximum(known, 1e-12))
        weight.append(np.full(len(held), 1 / len(held)))
    factor, share = np.concatenate(needed), np.concatenate(weight)
    order = np.argsort(factor)
    place = np.searchsorted(np.cumsum(share[order]), COVERAGE * share.sum())
    chosen = factor[order][min(place, len(order) - 1)]
    return replace(model, inflation=float(np.clip(chosen, _LOWEST, _HIGHEST)))
