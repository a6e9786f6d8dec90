"""The contract tests of search spaces, as a class for pytest.

Another package puts this into a test module and runs pytest:

    from my_package import my_space
    from nassurrogate.testing import SpaceContract

    class TestMySpace(SpaceContract):
        space = my_space

Tests of what a space does not offer, such as genes or networks, are skipped with that reason.
"""

from __future__ import annotations

import copy
import random
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import pytest

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.spaces import Space, get_space
from nassurrogate.testing.space_subject import FOREIGN, MOST_LISTED, one_line, refused
from nassurrogate.testing.structure_contract import StructureContract

_GARBAGE: tuple[Any, ...] = (
    None, "", "  ", "nonsense", "no=such slot=0", b"bytes", 3.5, float("nan"), True, -1, 10**30, [], ["a", "b"], {},
    {"no such slot": 1}, ...,
)  # fmt: skip


class SpaceContract(StructureContract):
    """Subclass it as `Test…` and set these class attributes.

    Attributes:
        space: the space under test.
        n_sampled: number of architectures that the tests use, at most the size of the space.

    Override a test to replace it, or set it to None to leave it out.

    >>> from nassurrogate.spaces import CategoricalSpace
    >>> class TestMine(SpaceContract):
    ...     space = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    >>> TestMine().test_a_string_is_read_as_it_is_printed()
    """

    # --- names ---------------------------------------------------------------------------------------------------

    def test_it_is_described(self) -> None:
        space = self.space
        assert isinstance(space, Space)
        for text in (space.name, space.description):
            assert text.strip()
            assert text.isprintable(), "the name and the description are one printable line each"
        assert get_space(space) is space
        assert space.size is None or space.size >= 1

    def test_a_string_is_read_as_it_is_printed(self) -> None:
        space, archs = self.space, self.some()
        for arch in archs:
            string = space.format(arch)
            assert string == str(arch)
            assert type(string) is str
            assert string.isprintable()
            assert space.parse(string) == space.parse(f" {string} ") == space.parse_text(string) == arch
            assert space.parse(arch) == arch
            assert space.parse(string).space == space
        assert space.parse_many([str(arch) for arch in archs]) == space.parse_many(archs) == archs
        assert space.parse_many([]) == []

    def test_choices_are_read_as_they_are_given(self) -> None:
        for arch in self.some():
            try:
                choices = arch.choices
            except InputError as error:
                one_line(error)
                pytest.skip(str(error))
            assert self.space.parse(choices) == arch
            assert set(choices) <= {gene.name for gene in self.space.genes}

    @pytest.mark.parametrize("given", _GARBAGE, ids=repr)
    def test_what_is_no_architecture_is_refused(self, given: Any) -> None:
        refused(self.space.parse, given)
        if given != []:
            refused(self.space.parse_many, [given])
        if not isinstance(given, list | tuple):
            refused(self.space.parse_many, given)

    @pytest.mark.parametrize("text", ["", "nonsense", "123456789012345678901234567890", "=", "\n", "arch\u0000", "é"])
    def test_what_a_person_mistypes_is_refused(self, text: str) -> None:
        refused(self.space.parse_text, text)

    def test_architectures_of_others_are_refused(self) -> None:
        own = self.some()[0]
        rng = np.random.default_rng(0)
        for other in (FOREIGN.from_choices({"slot": 1}), Architecture(FOREIGN, own.string)):
            assert other != own
            space = self.space
            for ask in (
                space.parse, space.canonical_key, space.neighbours, space.graph, space.index, space.choices_of,
                space.build,
            ):  # fmt: skip
                refused(ask, other)
            refused(space.parse_many, [own, other])
            refused(space.mutate, other, rng)
            refused(space.gene_codes, [own, other])

    # --- moves ---------------------------------------------------------------------------------------------------

    def test_a_sample_is_of_different_architectures(self) -> None:
        space, n = self.space, self._at_most(self.n_sampled)
        archs = self.some(1)
        assert len(set(archs)) == len({str(arch) for arch in archs}) == n
        assert all(space.parse(str(arch)) == arch for arch in archs)
        assert archs == self.some(1), "two samples of one seed differ"
        if space.size is None or space.size > 10 * n:
            assert archs != self.some(2), "the generator changes nothing"
        assert space.sample(0, np.random.default_rng(0)) == []
        assert len(space.sample(np.int64(1), np.random.default_rng(0))) == 1  # type: ignore[arg-type]

    def test_a_sample_of_too_many_is_refused(self) -> None:
        wrong: list[Any] = [-1, True, 1.5, "3", None]
        if self.space.size is not None:
            wrong.append(self.space.size + 1)
        for n in wrong:
            refused(self.space.sample, n, np.random.default_rng(0))

    def test_neighbours_are_others(self) -> None:
        for arch in self.some()[:10]:
            neighbours = self.space.neighbours(arch)
            assert neighbours == self.space.neighbours(arch), "the order of neighbours is not fixed"
            assert len(set(neighbours)) == len(neighbours)
            assert arch not in neighbours
            assert bool(neighbours) == (self.space.size != 1)
            for other in neighbours:
                assert self.space.parse(str(other)) == other

    def test_a_mutant_is_a_neighbour(self) -> None:
        for seed, arch in enumerate(self.some()[:20]):
            if self.space.size == 1:
                refused(self.space.mutate, arch, np.random.default_rng(0))
                continue
            mutant = self.space.mutate(arch, np.random.default_rng(seed))
            assert mutant in self.space.neighbours(arch)
            assert mutant == self.space.mutate(arch, np.random.default_rng(seed)), "two mutants of one seed differ"

    def test_all_members_are_listed(self) -> None:
        space = self.space
        if space.size is None or space.size > MOST_LISTED:
            pytest.skip(f"{space.name} has {'an unknown number of' if space.size is None else space.size} members")
        members = list(space.members())
        assert len(members) == len(set(members)) == space.size
        assert set(space.sample(space.size, np.random.default_rng(0))) == set(members)
        assert {arch.key for arch in self.some()} <= {arch.key for arch in members}
        assert all(space.parse(str(arch)) == arch for arch in members[:100])

    # --- identity ------------------------------------------------------------------------------------------------

    def test_keys_are_stable(self) -> None:
        space, archs = self.space, self.some()
        keys = space.canonical_keys(archs)
        assert keys == [arch.key for arch in archs] == [space.parse(str(arch)).key for arch in archs]
        assert all(type(key) is str and key.isprintable() for key in keys)
        assert space.canonical_keys([]) == []

    def test_architectures_are_values(self) -> None:
        for arch in self.some()[:5]:
            again = self.space.parse(str(arch))
            assert again == arch
            assert hash(again) == hash(arch)
            assert copy.copy(arch) == copy.deepcopy(arch) == arch

    def test_they_go_to_other_processes(self) -> None:
        """A space that cannot must say so in one line; then this is skipped."""
        archs = self.some()
        try:
            sent = bytes(ForkingPickler.dumps(archs))
        except InputError as error:
            one_line(error)
            pytest.skip(str(error))
        received: list[Architecture] = ForkingPickler.loads(sent)
        assert received == archs
        assert set(received) == set(archs)
        assert (
            [arch.key for arch in received] == self.space.canonical_keys(received) == self.space.canonical_keys(archs)
        )
        assert self.space.parse_many(received) == archs

    def test_the_global_generators_are_left_alone(self) -> None:
        self._ask_all()  # once before: packages may draw random numbers while they are imported
        random.seed(123)
        np.random.seed(123)  # noqa: NPY002 (the generator that must not change)
        before = _generators()
        first = self._ask_all()
        assert _generators() == before, "the space draws from, or seeds, a generator of the whole process"
        random.seed(321)
        np.random.seed(321)  # noqa: NPY002
        assert self._ask_all() == first, "a global seed changes the space"

    def _ask_all(self) -> list[object]:
        rng = np.random.default_rng(7)
        first, second = self.some()[0], self.some()[-1]
        asked: list[object] = [self.some(), self.space.neighbours(first), first.key]
        if self.space.size != 1:
            asked.append(self.space.mutate(first, rng))
        asked.append({metric: str(values.tolist()) for metric, values in self.space.costs([first, second]).items()})
        asked.append(self.space.network_key(first))
        return asked


def _generators() -> dict[str, str]:
    """States of the global generators."""
    import torch

    return {
        "random": str(random.getstate()),
        "numpy.random": str(np.random.get_state(legacy=False)),  # noqa: NPY002
        "torch": str(torch.get_rng_state().tolist()),
    }
