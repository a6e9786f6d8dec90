"""The networks that ship: transformers that have learned the zero-cost proxies of a space, and no label.

`examples/choices/make_pretrained.py` makes them. A file holds T networks of one size, in half precision.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, BinaryIO

import numpy as np

from nassurrogate.predictors.probe_former.network_config import RelationConfig
from nassurrogate.spaces import CellSpace

SCRIPT = "examples/choices/make_pretrained.py"
_ABOUT = ("classes_sha256", "settings")


@lru_cache(maxsize=4)
def pretrained_weights(space: CellSpace, width: int, blocks: int) -> Mapping[str, np.ndarray] | None:
    """(T, …) float32 weights of T networks by name, without the head that scores; None if none of this size ship.

    Raises `RuntimeError` for a file that was made for other cells.
    """
    path = _file(space, width, blocks)
    if not path.is_file():
        return None
    with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
        if str(kept["classes_sha256"]) != space.classes_sha256():
            raise RuntimeError(f"the networks shipped for {space.name} read other cells: run {SCRIPT} again")
        return {name: kept[name].astype(np.float32) for name in kept.files if name not in _ABOUT}


def starts_pretrained(config: RelationConfig) -> bool:
    """Whether networks of this configuration, with every hyper-parameter set, are built like those that ship."""
    return config.pretrained and config.probes and config.relations and config.ffn_ratio == RelationConfig.ffn_ratio


def write_pretrained(
    file: BinaryIO, space: CellSpace, weights: Mapping[str, np.ndarray], settings: dict[str, Any]
) -> None:
    """Write what `pretrained_weights` reads.

    Args:
        file: to write to.
        space: of the cells.
        weights: (T, …) each, by name.
        settings: of the training, JSON-able; for information only.
    """
    arrays: dict[str, Any] = {name: value.astype(np.float16) for name, value in weights.items()}
    about = {"classes_sha256": np.array(space.classes_sha256()), "settings": np.array(json.dumps(settings))}
    np.savez_compressed(file, **(arrays | about))


def _file(space: CellSpace, width: int, blocks: int) -> Traversable:
    folder = files("nassurrogate.predictors.probe_former") / "pretrained"
    return folder / f"{space.name}_{width}x{blocks}.npz"
