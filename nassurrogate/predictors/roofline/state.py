"""A fitted cost model as named arrays and JSON, and back; the arrays may come from a hostile file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nassurrogate.errors import InputError, brief
from nassurrogate.graphs.kernels import KernelKind
from nassurrogate.predictors.roofline.correction import Correction, CorrectionConfig
from nassurrogate.predictors.roofline.cost_layer import CostLayer, Factor
from nassurrogate.predictors.roofline.cost_model import CostModel
from nassurrogate.predictors.roofline.familiarity import SIZES, Familiarity
from nassurrogate.predictors.roofline.kernel_table import QUANTITIES
from nassurrogate.predictors.roofline.levels import LEVELS, Spread, factors_of

_CORRECTION = "correction."
_MOST_FACTORS, _MOST_LAYERS, _MOST_NAMES = 4096, 16, 4096


def model_arrays(model: CostModel, familiar: Familiarity) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The model as arrays and a JSON-able dict."""
    tensors: dict[str, np.ndarray] = {}
    for number, layer in enumerate(model.layers):
        tensors[f"layer.{number}.log"] = layer.log
        tensors[f"layer.{number}.covariance"] = layer.covariance
    if model.correction is not None:
        tensors |= {_CORRECTION + name: array for name, array in model.correction.arrays().items()}
    meta = {
        "layers": [
            {
                "factors": [[level, *_listed(name)] for level, name in layer.factors],
                "spread": [layer.spread.of(level) for level in LEVELS],
            }
            for layer in model.layers
        ],
        "noise": model.noise,
        "inflation": model.inflation,
        "operators": None if model.correction is None else list(model.correction.operators),
        "largest": {name: list(sizes) for name, sizes in familiar.largest.items()},
    }
    return tensors, meta


def read_model(
    tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any], config: CorrectionConfig
) -> tuple[CostModel, Familiarity]:
    """The inverse of `model_arrays`. Raises `InputError` or `KeyError` for anything else."""
    layers = meta["layers"]
    if not isinstance(layers, list) or not 1 <= len(layers) <= _MOST_LAYERS:
        raise InputError(f"a roofline has 1 to {_MOST_LAYERS} layers, got {brief(layers)}")
    read = [_layer(tensors, number, layer) for number, layer in enumerate(layers)]
    operators, correction = meta["operators"], None
    if operators is not None:
        arrays = {n.removeprefix(_CORRECTION): array for n, array in tensors.items() if n.startswith(_CORRECTION)}
        correction = Correction.of(_names(operators), config, arrays)
    model = CostModel(tuple(read), correction, _number(meta["noise"], "noise"), _number(meta["inflation"], "inflation"))
    return model, _familiarity(meta["largest"])


def _layer(tensors: Mapping[str, np.ndarray], number: int, about: Any) -> CostLayer:
    if not isinstance(about, Mapping):
        raise InputError(f"a layer is a mapping, got {brief(about)}")
    listed, spread = about["factors"], about["spread"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_FACTORS:
        raise InputError(f"a layer has 1 to {_MOST_FACTORS} factors, got {brief(listed)}")
    factors = tuple(map(_factor, listed))
    if len(set(factors)) != len(factors):
        raise InputError("a layer's factors must differ")
    if not isinstance(spread, list) or len(spread) != len(LEVELS):
        raise InputError(f"a layer has {len(LEVELS)} spreads, got {brief(spread)}")
    shapes = {"log": (len(factors),), "covariance": (len(factors), len(factors))}
    arrays = {}
    for name, shape in shapes.items():
        array = tensors[f"layer.{number}.{name}"]
        if array.shape != shape or array.dtype != np.float64 or not (np.abs(array) <= _LARGEST).all():
            raise InputError(f"layer {number}'s {name} must be finite float64 of shape {shape}, got {array.shape}")
        arrays[name] = array.copy()
    return CostLayer(factors, arrays["log"], arrays["covariance"], Spread(*(_number(s, "spread") for s in spread)))


_LARGEST = 1e6


def _listed(name: object) -> list[str]:
    return [name] if isinstance(name, str) else list(name)  # type: ignore[call-overload]  # a tuple of strings


def _factor(listed: Any) -> Factor:
    if not isinstance(listed, list) or not 2 <= len(listed) <= 5 or not all(isinstance(part, str) for part in listed):
        raise InputError(f"a factor is a list of strings, got {brief(listed)}")
    level, *name = listed
    kind = KernelKind(*[*name, "", "", ""][1:4])
    known = dict(factors_of((name[0], kind)))
    if level not in known or (level != "all" and name[0] not in QUANTITIES):
        raise InputError(f"a factor is of a level ({', '.join(LEVELS)}) and a quantity, got {brief(listed)}")
    return level, known[level]


def _names(names: Any) -> tuple[str, ...]:
    if not isinstance(names, list) or len(names) > _MOST_NAMES or not all(isinstance(name, str) for name in names):
        raise InputError(f"operators are a list of at most {_MOST_NAMES} names, got {brief(names)}")
    return tuple(names)


def _familiarity(largest: Any) -> Familiarity:
    if not isinstance(largest, Mapping):
        raise InputError(f"the largest sizes are listed by operator, got {brief(largest)}")
    names = _names(list(largest))
    for sizes in largest.values():
        if not isinstance(sizes, list) or len(sizes) != len(SIZES):
            raise InputError(f"an operator has {len(SIZES)} sizes, got {brief(sizes)}")
    return Familiarity({name: tuple(_number(size, "size") for size in largest[name]) for name in names})


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e30:
        raise InputError(f"{name} must be a number from 0 to 1e30, got {brief(value)}")
    return float(value)
