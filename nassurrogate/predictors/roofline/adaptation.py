"""Adapts a cost model to a few measured networks of another device or family."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from nassurrogate.predictors.roofline.cost_layer import LayerTask, fit_layer
from nassurrogate.predictors.roofline.cost_model import CostModel
from nassurrogate.predictors.roofline.kernel_table import KernelTable
from nassurrogate.predictors.roofline.levels import Spread, weights_of

_SPEED = 3.0
"""Prior standard deviation of the logarithm of a common factor: a device may be twenty times as fast as another."""
_SCALES = (0.05, 0.1, 0.2, 0.4, 0.8)
_NOISES = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2)
_NOISE_SPREAD = 0.5
"""A few labels say little about their noise; on the same device it is likely as large as before."""


def adapted(model: CostModel, table: KernelTable, values: np.ndarray, *, evidence: float) -> CostModel:
    """The model with another layer of costs, fitted to n measured networks.

    How far costs may differ from those so far, how large the noise is, and whether the correction, which belongs to a
    device, is kept: all that is what makes the values most likely (the largest evidence, MacKay 1992).

    Args:
        model: the model so far.
        table: the kernels of n networks.
        values: (n,) measured values.
        evidence: as in `fit_layer`.
    """
    found = []
    for start in [model, replace(model, correction=None)] if model.correction is not None else [model]:
        factor = np.exp(start.corrections(table).mean(axis=0))
        task = LayerTask(
            table.sums(factor).reshape(len(table), -1),
            values,
            weights_of(table.kinds),
            start.log_costs(table),
            start.doubt,
        )
        for spread in _spreads():
            for noise in _NOISES:
                fit = fit_layer(task, spread, evidence=evidence, noise=noise)
                likely = fit.log_evidence - 0.5 * (math.log(noise / model.noise) / _NOISE_SPREAD) ** 2
                found.append((likely, replace(start, layers=(*start.layers, fit.layer), noise=noise)))
    return max(found, key=lambda each: each[0])[1]


def _spreads() -> Iterator[Spread]:
    """Priors to try: a family differs a little in everything, another device first of all in its quantities."""
    for scale in _SCALES:
        yield Spread(_SPEED, scale, scale, scale, scale)
        yield Spread(_SPEED, max(scale, 1.0), scale, scale, scale)
        yield Spread(_SPEED, max(scale, 1.0), max(scale, 0.5), scale, scale)
