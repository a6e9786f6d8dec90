"""Spaces that are declared by their choices and small enough to be listed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.spaces.categorical.space import CategoricalSpace
from nassurrogate.spaces.enumerable import EnumerableSpace

MOST_LISTED: Final = 1 << 20


class EnumerableCategoricalSpace(CategoricalSpace, EnumerableSpace):
    """A `CategoricalSpace` with an official order, that of `itertools.product` over the slots.

    The positions of the choices are the digits of the index; the first slot's is the most significant.

    Raises `InputError` for a declaration with conditional slots, or with over a million architectures.

    >>> space = EnumerableCategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    >>> space.index(space.from_choices({"kernel": 5, "width": 32}))
    4
    """

    size: int

    def __init__(self, name: str, *arguments: Any, **named: Any) -> None:
        super().__init__(name, *arguments, **named)
        sizes = self._sizes
        if self.is_conditional:
            raise InputError(
                f"space {name!r} has conditional slots, so its architectures have no official order; declare it as a "
                "CategoricalSpace"
            )
        if math.prod(sizes) > MOST_LISTED:
            raise InputError(
                f"space {name!r} has {math.prod(sizes):.3g} architectures; at most {MOST_LISTED:,} are listed: declare "
                "it as a CategoricalSpace"
            )
        self.size = math.prod(sizes)
        self._weights = np.array([math.prod(sizes[slot + 1 :]) for slot in range(len(sizes))], dtype=np.int64)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key != "_all"}

    def index(self, arch: Architecture) -> int:
        return int(self.indices([arch])[0])

    def indices(self, archs: Sequence[Architecture]) -> np.ndarray:
        places: np.ndarray = self.gene_codes(archs) @ self._weights
        return places

    def all(self) -> Sequence[Architecture]:
        return self._all

    @cached_property
    def _all(self) -> tuple[Architecture, ...]:
        return tuple(super().members())

    def members(self) -> Iterator[Architecture]:
        return iter(self._all)

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        self._check_sample_size(n)
        return [self._all[place] for place in rng.choice(self.size, n, replace=False).tolist()]

    def canonical_keys(self, archs: Sequence[Architecture]) -> list[str]:
        return [self.canonical_key(arch) for arch in archs]

    def canonical_forms(self, archs: Sequence[Architecture]) -> list[Architecture]:
        return EnumerableSpace.canonical_forms(self, archs)

    def class_ids(self) -> np.ndarray:
        return self._class_ids

    @cached_property
    def _class_ids(self) -> np.ndarray:
        number: dict[str, int] = {}
        ids = np.array([number.setdefault(key, len(number)) for key in self.canonical_keys(self._all)], dtype=np.int32)
        ids.flags.writeable = False
        return ids

    @cached_property
    def n_classes(self) -> int:  # type: ignore[override]
        """Number of different canonical keys."""
        return int(self._class_ids.max()) + 1

    def free_metrics(self, dataset: str) -> Mapping[str, np.ndarray]:
        return self.costs(self._all, dataset)
