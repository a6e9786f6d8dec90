"""The argument `reduced` of version 0.1 is now `canonical`: for one version, callers and spaces may use either."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nassurrogate import Architecture, CellGraph, get_space
from nassurrogate.spaces import Space
from nassurrogate.spaces.base import ArchLike

RAW, CANONICAL = (
    CellGraph(("input", "raw", "output"), np.eye(3, k=1, dtype=int)),
    CellGraph(("input", "output"), [[0, 1], [0, 0]]),
)


class Letters(Space):
    """A space without graphs."""

    name = "letters"

    def parse(self, arch: ArchLike) -> Architecture:
        return Architecture(self, str(arch))

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        return self.parse_many(list("abc"[:n]))

    def neighbours(self, arch: Architecture) -> list[Architecture]:
        return []

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        return arch

    def canonical_key(self, arch: Architecture) -> str:
        return arch.string


def method() -> type[Letters]:
    class Old(Letters):
        def graph(self, arch: Architecture, *, reduced: bool = True) -> CellGraph:  # type: ignore[override]
            return CANONICAL if reduced else RAW

    return Old


def inherited() -> type[Letters]:
    class Graphs:  # no Space
        def graph(self, arch: Architecture, *, reduced: bool = True) -> CellGraph:
            return CANONICAL if reduced else RAW

    class Old(Graphs, Letters):  # type: ignore[misc]
        pass

    return Old


def static() -> type[Letters]:
    class Old(Letters):
        @staticmethod
        def graph(arch: Architecture, *, reduced: bool = True) -> CellGraph:  # type: ignore[override]
            return CANONICAL if reduced else RAW

    return Old


def of_class() -> type[Letters]:
    class Old(Letters):
        @classmethod
        def graph(cls, arch: Architecture, *, reduced: bool = True) -> CellGraph:  # type: ignore[override]
            assert issubclass(cls, Old)
            return CANONICAL if reduced else RAW

    return Old


def cached() -> type[Letters]:
    class Old(Letters):
        @functools.lru_cache  # noqa: B019
        def graph(self, arch: Architecture, *, reduced: bool = True) -> CellGraph:  # type: ignore[override]
            return CANONICAL if reduced else RAW

    return Old


def positional() -> type[Letters]:
    class Old(Letters):
        def graph(self, arch: Architecture, reduced: bool = True) -> CellGraph:  # type: ignore[override]
            return CANONICAL if reduced else RAW

    return Old


def callable_object() -> type[Letters]:
    class Graphs:
        def __call__(self, arch: Architecture, *, reduced: bool = True) -> CellGraph:
            return CANONICAL if reduced else RAW

    class Old(Letters):
        graph = Graphs()  # type: ignore[assignment]

    return Old


OLD_SPACE_WARNS = r"argument reduced of .*Old\.graph is now canonical"
OLD_SPACES = [method, inherited, static, of_class, cached, positional, callable_object]


@pytest.mark.parametrize("name", ["nb201", "nb101", "macro"])
def test_callers_may_use_the_old_name(name: str) -> None:
    space = get_space(name)
    arch = space.sample(1, np.random.default_rng(0))[0]
    for graph in (arch.graph, lambda **options: space.graph(arch, **options)):
        for value in (True, False):
            with pytest.warns(DeprecationWarning, match="argument reduced of .* is now canonical") as caught:
                found = graph(reduced=value)
            assert found == space.graph(arch, canonical=value)
            assert caught[0].filename == __file__


@pytest.mark.parametrize("old_space", OLD_SPACES)
def test_a_space_may_still_take_the_old_name(old_space: Callable[[], type[Letters]]) -> None:
    with pytest.warns(DeprecationWarning, match=OLD_SPACE_WARNS) as caught:
        cls = old_space()
    (warning,) = caught
    lines, first = inspect.getsourcelines(old_space)
    assert warning.filename == __file__
    assert lines[warning.lineno - first].strip().startswith("class Old(")
    space = cls()
    arch = space.parse("a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert arch.graph() == arch.graph(canonical=True) == space.graph(arch) == CANONICAL
        assert arch.graph(canonical=False) == space.graph(arch, canonical=False) == RAW
    with pytest.warns(DeprecationWarning, match="argument reduced of") as caught:
        assert space.graph(arch, reduced=False) == RAW  # type: ignore[call-arg]
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("old_space", OLD_SPACES)
def test_a_subclass_of_an_old_space_warns_no_second_time(old_space: Callable[[], type[Letters]]) -> None:
    with pytest.warns(DeprecationWarning, match=OLD_SPACE_WARNS):
        cls: Any = old_space()
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        class Child(cls):
            pass

        assert Child().parse("a").graph(canonical=False) == RAW


def test_descriptors_are_kept() -> None:
    with pytest.warns(DeprecationWarning, match=OLD_SPACE_WARNS):
        cls: Any = cached()
    space = cls()
    space.parse("a").graph(canonical=False)
    assert cls.graph.cache_info().currsize == space.graph.cache_info().currsize == 1
    cls.graph.cache_clear()
    assert cls.graph.cache_info().currsize == 0
    with pytest.warns(DeprecationWarning, match=OLD_SPACE_WARNS):
        cls = static()
    assert cls.graph(cls().parse("a"), canonical=False) == RAW
    assert isinstance(vars(cls)["graph"], staticmethod)


def test_a_mixin_itself_is_left_alone() -> None:
    with pytest.warns(DeprecationWarning, match=OLD_SPACE_WARNS):
        cls = inherited()
    mixin = cls.__mro__[1]
    assert list(inspect.signature(mixin.graph).parameters) == ["self", "arch", "reduced"]  # type: ignore[attr-defined]
    assert not hasattr(mixin.graph, "__wrapped__")  # type: ignore[attr-defined]


def test_a_space_that_takes_both_names_or_neither_is_left_alone() -> None:
    def both(self: Any, arch: Architecture, *, canonical: bool = True, reduced: bool | None = None) -> CellGraph:
        return CANONICAL if (canonical if reduced is None else reduced) else RAW

    def neither(self: Any, arch: Architecture, **options: bool) -> CellGraph:
        return CANONICAL if options["canonical"] else RAW

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for graph in (both, neither):
            cls = type("Other", (Letters,), {"graph": graph})
            assert vars(cls)["graph"] is graph
            assert cls().parse("a").graph(canonical=False) == RAW


@pytest.mark.parametrize("old_space", [None, *OLD_SPACES])
def test_both_spellings_at_once_are_an_error(old_space: Callable[[], type[Letters]] | None) -> None:
    if old_space is None:
        space = get_space("nb201")
    else:
        with pytest.warns(DeprecationWarning, match=OLD_SPACE_WARNS):
            space = old_space()()
    arch = space.sample(1, np.random.default_rng(0))[0]
    for graph in (functools.partial(space.graph, arch), arch.graph):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(TypeError, match=r"\(\) got values for 'canonical' and for 'reduced'"):
                graph(reduced=False, canonical=True)  # type: ignore[call-arg]
