"""The kernel of slots: a covariance with the right gradient, that finds which slots act together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from nassurrogate.predictors.space_process.slot_kernel import MOST_SUBSETS, SlotKernel, subsets_of
from nassurrogate.spaces import CategoricalSpace, Slot

EDGES = CategoricalSpace("edges", {f"edge{number}": ["none", "skip", "conv"] for number in range(4)})
MIXED = CategoricalSpace(
    "mixed",
    {"depth": [1, 2, 3], "op": ["conv", "pool"], "kernel": Slot([3, 5], when={"op": "conv"}), "last": [1, 2, 3]},
)


def codes_of(space: CategoricalSpace, n: int, seed: int = 0) -> np.ndarray:
    return space.gene_codes(space.sample(n, np.random.default_rng(seed)))


@pytest.mark.parametrize(("n_slots", "order"), [(1, 1), (2, 2), (6, 3), (8, 3), (9, 2), (13, 2)])
def test_small_spaces_have_all_subsets(n_slots: int, order: int) -> None:
    subsets = subsets_of(n_slots)
    assert len(set(subsets)) == len(subsets) <= MOST_SUBSETS
    assert max(map(len, subsets)) == order
    assert {(slot,) for slot in range(n_slots)} <= set(subsets)


def test_in_long_spaces_only_neighbours_act_together() -> None:
    assert subsets_of(40)[40:] == [(slot, slot + 1) for slot in range(39)]
    codes = np.random.default_rng(0).integers(3, size=(7, 40))
    kernel = SlotKernel(CategoricalSpace("long", {f"layer{i}": ["a", "b", "c"] for i in range(40)}).genes)
    assert np.linalg.eigvalsh(kernel.covariances(codes, codes)).min() > -1e-9


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), space=st.sampled_from([EDGES, MIXED]))
def test_the_gradient_is_that_of_the_objective(seed: int, space: CategoricalSpace) -> None:
    rng = np.random.default_rng(seed)
    kernel, codes = SlotKernel(space.genes), codes_of(space, 12, seed)
    quantities = rng.standard_normal((12, 3))
    at = kernel.parameters + 0.2 * rng.standard_normal(len(kernel.parameters))
    _, gradient = kernel._objective(at, codes, quantities)
    numeric = approx_fprime(at, lambda x: kernel._objective(x, codes, quantities)[0], 1e-6)
    assert gradient == pytest.approx(numeric, abs=1e-3)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), space=st.sampled_from([EDGES, MIXED]))
def test_it_is_a_covariance(seed: int, space: CategoricalSpace) -> None:
    rng = np.random.default_rng(seed)
    centre = SlotKernel(space.genes).parameters
    kernel = SlotKernel(space.genes, centre + rng.standard_normal(len(centre)))
    x, y = codes_of(space, 15, seed), codes_of(space, 9, seed + 1)
    both = np.vstack([x, y])
    every = kernel.covariances(both, both)
    assert every == pytest.approx(every.T)
    assert np.linalg.eigvalsh(every).min() > -1e-9 * every.max()
    assert kernel.covariances(x, y) == pytest.approx(every[:15, 15:])


def test_inactive_slots_have_no_part() -> None:
    kernel = SlotKernel(MIXED.genes)
    pools = MIXED.gene_codes([MIXED.parse("depth=1 op=pool last=1"), MIXED.parse("depth=2 op=pool last=1")])
    assert (pools[:, 2] == -1).all()
    without = SlotKernel(
        CategoricalSpace("less", {"depth": [1, 2, 3], "op": ["conv", "pool"], "last": [1, 2, 3]}).genes
    )
    assert kernel.covariances(pools, pools) == pytest.approx(
        without.covariances(pools[:, [0, 1, 3]], pools[:, [0, 1, 3]])
    )


def test_it_finds_the_slots_that_act_together_from_few_samples() -> None:
    """Paths through 0 and 2 and through 1 and 3, where `none` breaks a path: all others are known from 40 of 81."""
    every = EDGES.gene_codes(list(EDGES.members()))
    exists = (every > 0).astype(float)
    convolutions = (every == 2).astype(float)
    paths = np.column_stack(
        [
            exists[:, 0] * exists[:, 2] + exists[:, 1] * exists[:, 3],
            convolutions[:, 0] * convolutions[:, 2] + convolutions[:, 1] * convolutions[:, 3],
            convolutions[:, 0] * exists[:, 2] + exists[:, 1] * convolutions[:, 3],
        ]
    )
    paths = (paths - paths.mean(axis=0)) / paths.std(axis=0)
    order = np.random.default_rng(0).permutation(len(every))
    known, others = order[:40], order[40:]
    kernel = SlotKernel(EDGES.genes).fit(every[known], paths[known], np.tanh(paths[known]))
    covariance = kernel.covariances(every[known], every[known]) + kernel.noise * np.eye(40)
    found = kernel.covariances(every[others], every[known]) @ np.linalg.solve(covariance, np.tanh(paths[known]))
    assert np.square(found - np.tanh(paths[others])).mean() < 0.02 * np.tanh(paths[others]).var()
    weights = dict(zip(kernel._subsets, kernel.parameters, strict=False))
    pairs = sorted((subset for subset in weights if len(subset) == 2), key=lambda subset: -weights[subset])
    assert set(pairs[:2]) == {(0, 2), (1, 3)}
