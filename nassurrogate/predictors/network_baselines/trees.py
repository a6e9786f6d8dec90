"""Boosted trees as plain arrays: LightGBM's reader of its own text format crashes the process on a manipulated file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nassurrogate.errors import InputError

_TYPES = {"feature": np.int32, "threshold": np.float64, "left": np.int32, "right": np.int32, "value": np.float64}
_LEAF = -1
_LARGEST = 1e3
"""Logarithms of targets are smaller; a file may not make a sum overflow."""


@dataclass(frozen=True)
class Trees:
    """T regression trees of M nodes in all, whose predictions are added. Nodes come after their parents.

    Attributes:
        roots: (T,) positions of the roots, ascending.
        feature: (M,) column that a node compares; -1 for a leaf.
        threshold: (M,) rows with at most this value go left.
        left, right: (M,) positions of the children; those of a leaf are the leaf.
        value: (M,) prediction of a leaf; 0 for others.
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    @classmethod
    def constant(cls, value: float) -> Trees:
        """A single leaf."""
        return cls.of([{"leaf_value": value}])

    @classmethod
    def of(cls, structures: Iterable[Mapping[str, Any]]) -> Trees:
        """Each tree's `tree_structure` in LightGBM's `Booster.dump_model`; none has missing values or categories."""
        nodes: list[list[Any]] = []

        def add(node: Mapping[str, Any]) -> int:
            here = len(nodes)
            if "split_feature" not in node:
                nodes.append([_LEAF, 0.0, here, here, node["leaf_value"]])
                return here
            assert node["decision_type"] == "<="
            nodes.append([node["split_feature"], node["threshold"], here, here, 0.0])
            nodes[here][2] = add(node["left_child"])
            nodes[here][3] = add(node["right_child"])
            return here

        roots = [add(structure) for structure in structures]
        columns = zip(*nodes, strict=True)
        arrays = {name: np.array(column, dtype=_TYPES[name]) for name, column in zip(_TYPES, columns, strict=True)}
        return cls(np.array(roots, dtype=np.int32), **arrays)

    @classmethod
    def checked(cls, tensors: Mapping[str, np.ndarray], features: int) -> Trees:
        """Trees from the arrays of an untrusted file. Raises `InputError` unless every row reaches a leaf.

        Args:
            tensors: as `tensors` returns them.
            features: number of columns of the rows.
        """
        found = {name: tensors[f"trees.{name}"] for name in _TYPES}
        roots, size = tensors["trees.roots"], len(found["feature"]) if found["feature"].ndim == 1 else 0
        for name, array in [*found.items(), ("roots", roots)]:
            wanted = _TYPES.get(name, np.int32)
            length = len(roots) if name == "roots" and roots.ndim == 1 else size
            if array.dtype != wanted or array.shape != (length,) or not length:
                expected = f"{np.dtype(wanted)}({length},)"
                raise InputError(f"'trees.{name}' is {array.dtype}{array.shape}, expected {expected}, not empty")
        here, leaf = np.arange(size), found["feature"] == _LEAF
        inner = ~leaf & (found["feature"] >= 0) & (found["feature"] < features)
        children = [found["left"], found["right"]]
        forward = np.all([(child > here) & (child < size) for child in children], axis=0)
        still = np.all([child == here for child in children], axis=0)
        finite = np.isfinite(found["threshold"]) & (np.abs(found["value"]) <= _LARGEST)
        reached = np.sort(np.concatenate([roots, *(child[inner] for child in children)]))
        if not (finite & ((inner & forward) | (leaf & still))).all() or not np.array_equal(reached, here):
            raise InputError("the arrays of 'trees' are no trees: a node has a wrong feature, child, parent or value")
        return cls(roots.copy(), **{name: array.copy() for name, array in found.items()})

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """(B, F) → (B,) sums over the trees."""
        total = np.zeros(len(rows))
        every = np.arange(len(rows))
        for root in self.roots:
            node = np.full(len(rows), root)
            moving = every if self.feature[root] != _LEAF else every[:0]
            while len(moving):
                at = node[moving]
                goes_left = rows[moving, self.feature[at]] <= self.threshold[at]
                node[moving] = at = np.where(goes_left, self.left[at], self.right[at])
                moving = moving[self.feature[at] != _LEAF]
            total += self.value[node]
        return total

    def tensors(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        return {f"trees.{name}": getattr(self, name) for name in ("roots", *_TYPES)}
