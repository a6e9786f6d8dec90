"""Finds the slots that no network depends on: they set up the training, such as a learning rate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.spaces.categorical.codes import ABSENT
from nassurrogate.spaces.categorical.space import CategoricalSpace

_TRIED = 8
"""Architectures in which a slot is changed before it is taken for a setting of the training."""


def training_slots(space: CategoricalSpace, key: Callable[[Architecture], str | None]) -> tuple[str, ...]:
    """Names of the slots whose choices never changed the network of some random architectures.

    A slot of the network may be without effect in some architectures, such as a kernel size where there is no
    convolution; these compute the same and are trained once. A slot without any effect must matter in the training, or
    it would not have been declared.

    Args:
        space: whose slots are tried.
        key: equal for equal networks; None where that is unknown, which counts as a change.
    """
    archs = space.sample_at_most(_TRIED, np.random.default_rng(0))
    codes = space.gene_codes(archs)
    found = []
    for slot, gene in enumerate(space.genes):
        tried = [row for row in codes.tolist() if row[slot] != ABSENT]
        if len(gene.choices) > 1 and tried and not any(_changes(space, key, row, slot) for row in tried):
            found.append(gene.name)
    return tuple(found)


def _changes(space: CategoricalSpace, key: Callable[[Architecture], str | None], codes: list[int], slot: int) -> bool:
    """Whether any choice of a slot gives another network than the one of these codes."""
    before = key(space.from_gene_codes(codes))
    for code in range(len(space.genes[slot].choices)):
        if code == codes[slot]:
            continue
        # Slots that the other choice makes active take their first one, as for a neighbour.
        changed = [0 if each == ABSENT else each for each in [*codes[:slot], code, *codes[slot + 1 :]]]
        after = key(space.from_gene_codes(changed))
        if before is None or after is None or after != before:
            return True
    return False
