"""Contract tests of the structure of architectures: genes, graphs, costs, networks, and the official order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.graphs.cell_graph import CellGraph
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.spaces import EnumerableSpace
from nassurrogate.spaces.network_space import NetworkSpace
from nassurrogate.testing.space_subject import FOREIGN, MOST_LISTED, SpaceSubject, one_line, refused


class StructureContract(SpaceSubject):
    """Tests of the structure of architectures."""

    def test_genes_go_there_and_back(self) -> None:
        space, genes, archs = self.space, self.space.genes, self.some()
        if not genes:
            refused(space.gene_codes, archs)
            refused(space.from_gene_codes, [0])
            pytest.skip(f"{space.name} has no genes")
        assert len({gene.name for gene in genes}) == len(genes)
        for gene in genes:
            assert len(set(map(repr, gene.choices))) == len(gene.choices) >= 1
            if gene.levels is not None:
                assert len(gene.levels) == len(gene.choices)
                assert all(0 <= level <= 1 for level in gene.levels)
        codes = space.gene_codes(archs)
        assert codes.shape == (len(archs), len(genes))
        assert codes.dtype == np.int64
        assert (codes >= -1).all()
        assert (codes < [len(gene.choices) for gene in genes]).all()
        assert space.gene_codes([]).shape == (0, len(genes))
        for arch, own in zip(archs, codes, strict=True):
            assert (space.gene_codes([arch]) == own).all(), "its codes depend on the batch"
            back = space.from_gene_codes(own)
            assert back.key == arch.key
            assert space.from_gene_codes(own.tolist()) == space.from_gene_codes(tuple(own)) == back

    def test_codes_that_are_none_are_refused(self) -> None:
        space, genes = self.space, self.space.genes
        if not genes:
            pytest.skip(f"{space.name} has no genes")
        good = space.gene_codes(self.some())[0].tolist()
        wrong: list[Any] = [
            good[:-1],
            [*good, 0],
            [],
            None,
            0,
            "0",
            [-2, *good[1:]],
            [len(genes[0].choices), *good[1:]],
        ]
        wrong += [[value, *good[1:]] for value in (0.5, None, "0", True)]
        for codes in wrong:
            refused(space.from_gene_codes, codes)

    @pytest.mark.parametrize("canonical", [True, False])
    def test_graphs_are_graphs(self, canonical: bool) -> None:
        for arch in self.some():
            try:
                graph = arch.graph(canonical=canonical)
            except InputError as error:
                one_line(error)
                pytest.skip(str(error))
            assert isinstance(graph, CellGraph)
            assert graph == arch.graph(canonical=canonical) == self.space.parse(str(arch)).graph(canonical=canonical)

    def test_costs_are_the_architectures_own(self) -> None:
        space, archs = self.space, self.some()
        costs = space.costs(archs)
        if not costs:
            pytest.skip(f"{space.name} has no exact costs")
        alone = [space.costs([arch]) for arch in archs]
        for metric, values in costs.items():
            assert values.shape == (len(archs),)
            assert values.dtype == np.float64
            for arch, value, each in zip(archs, values.tolist(), alone, strict=True):
                assert np.isfinite(value) or space.why_untraced(arch), f"{metric} of {arch} is unknown without a reason"
                np.testing.assert_equal(each[metric][0], value, "its costs depend on the batch")
        assert all(set(each) == set(costs) for each in alone)
        assert all(values.shape == (0,) for values in space.costs([]).values())
        assert isinstance(space.costs(archs, "no-such-data-set"), Mapping)
        for metric, values in space.formula_costs(archs).items():
            np.testing.assert_equal(values, costs[metric])

    def test_networks_are_read_as_graphs(self) -> None:
        space = self.space
        if not isinstance(space, NetworkSpace):
            pytest.skip(f"{space.name} has no networks as graphs")
        for arch in self.some()[:3]:
            reason = space.why_untraced(arch)
            try:
                graph = space.operator_graph(arch)
            except InputError as error:
                one_line(error)
                assert reason, "a network cannot be read, and why_untraced does not say why"
                continue
            assert isinstance(graph, OperatorGraph)
            assert graph == space.operator_graph(space.parse(str(arch)))
        refused(space.operator_graph, Architecture(FOREIGN, str(arch)))

    def test_networks_have_stable_keys(self) -> None:
        space = self.space
        for arch in self.some()[:3]:
            key = space.network_key(arch)
            assert key is None or (key.isprintable() and key.strip())
            assert key == space.network_key(space.parse(str(arch))), "the key of a network changes"
            assert all(note.isprintable() for note in (space.why_untraced(arch),) if note is not None)

    def test_faults_of_networks_are_one_line_each(self) -> None:
        try:
            notes = self.space.network_notes(np.random.default_rng(0))
        except InputError as error:
            one_line(error)
            return
        assert all(note.strip() and note.isprintable() for note in notes)

    def test_the_network_is_built(self) -> None:
        arch = self.some()[0]
        try:
            network = self.space.build(arch)
        except InputError as error:
            one_line(error)
            pytest.skip(str(error))
        import torch

        assert isinstance(network, torch.nn.Module)
        shape: Sequence[int] | None = getattr(self.space, "input_shape", None)
        if shape is not None:
            with torch.no_grad():
                assert torch.isfinite(network.eval()(torch.zeros(2, *shape))).all()

    # --- an official order ---------------------------------------------------------------------------------------

    def _enumerable(self) -> EnumerableSpace:
        if not isinstance(self.space, EnumerableSpace):
            refused(self.space.index, self.some()[0])
            pytest.skip(f"{self.space.name} has no official order")
        return self.space

    def test_indices_are_places_in_the_order(self) -> None:
        space, archs = self._enumerable(), self.some()
        indices = space.indices(archs)
        assert indices.dtype == np.int64
        assert indices.tolist() == [arch.index for arch in archs] == [space.index(arch) for arch in archs]
        assert space.take(indices) == space.take(indices.tolist()) == archs
        every = space.all()
        assert len(every) == len(space) == space.size
        assert [every[place] for place in indices.tolist()] == archs
        assert every[0].index == 0
        assert every[space.size - 1].index == space.size - 1
        assert space.indices([]).shape == (0,)
        assert space.take([]) == []
        if space.size <= MOST_LISTED:
            assert (space.indices(list(every)) == np.arange(space.size)).all()
            assert list(space.members()) == list(every)
        for wrong in (-1, space.size):
            refused(space.take, [wrong])

    def test_class_numbers_agree_with_the_keys(self) -> None:
        space = self._enumerable()
        ids = space.class_ids()
        assert ids.shape == (space.size,)
        assert ids.dtype == np.int32
        first = np.unique(ids, return_index=True)[1]
        assert len(first) == space.n_classes
        assert (np.unique(ids) == np.arange(space.n_classes)).all()
        assert (np.diff(first) > 0).all(), "classes are not numbered in the order of their first members"
        assert (space.first_of_class == first).all()
        archs = list(space.all()) if space.size <= MOST_LISTED else self.some()
        if space.size > MOST_LISTED:  # including some of the same class
            archs += space.take(first[ids[space.indices(archs)]])
        keys, numbers = space.canonical_keys(archs), space.class_numbers(archs)
        assert len(set(keys)) == len(set(numbers.tolist())) == len(set(zip(keys, numbers.tolist(), strict=True)))

    def test_free_metrics_are_the_costs_in_order(self) -> None:
        space, archs = self._enumerable(), self.some()
        free = space.free_metrics(space.default_dataset)
        costs = space.costs(archs)
        assert set(free) == set(costs)
        for metric, values in free.items():
            assert values.shape == (space.size,)
            assert (values[space.indices(archs)] == costs[metric]).all()
