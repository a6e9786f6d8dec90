"""Spaces that are declared by their choices: a fixed number of slots, each holding one of several values.

Shapes: n architectures, G slots, C choices of a slot.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, Self, cast

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.graphs.cell_graph import INPUT, OUTPUT, CellGraph
from nassurrogate.spaces.base import ArchLike, Gene, Space
from nassurrogate.spaces.categorical.codes import ABSENT, activated, count_members, draw, edits, products
from nassurrogate.spaces.categorical.declared_functions import DeclaredFunctions
from nassurrogate.spaces.categorical.network_check import network_notes
from nassurrogate.spaces.categorical.slots import (
    Slot,
    Value,
    checked_shape,
    checked_slots,
    conditions_of,
    levels_of,
    require_choice,
    text_of,
)
from nassurrogate.spaces.gene_codes import checked_codes

if TYPE_CHECKING:
    import torch

    from nassurrogate.spaces.categorical.declared_networks import DeclaredNetworks

__all__ = ["ABSENT", "CategoricalSpace", "Slot", "Value"]

_CACHED: Final = 1 << 16
_MOST_LISTED: Final = 1 << 20
_LEAST_DRAWN: Final = 64
_MOST_ROUNDS: Final = 100
"""Rounds of sampling without a new architecture, after which it stops."""
NETWORK_CLASSES: Final[dict[type[CategoricalSpace], type[CategoricalSpace]]] = {}
"""A class, and that of its spaces with `build` and `input_shape`; the module that defines the second enters them."""
_PARAMETERS = ("name", "slots", "canonical", "costs", "build", "input_shape")
_NOT_PICKLED = ("_code_of", "_codes", "_known_choices", "_known_costs")
"""Lookups and caches that a copy in another process computes again."""


class CategoricalSpace(Space):
    """A user's own space, of any size, declared by a name and its slots.

    An architecture is named by its choices as text, such as `kernel=3 width=32`.

    Args:
        name: of the space.
        slots: name → choices, or a `Slot`.
        canonical: architecture → the canonical form that equivalent architectures share: a string, a dict of choices or
            an architecture. None: all architectures differ, apart from values of inactive slots.
        costs: architecture → exact costs by metric, such as `{"params_m": 1.2}`. A search calls it thousands of times,
            so it should not build a network.
        build: architecture → `torch.nn.Module`.
        input_shape: of one example that the module takes, such as `(3, 32, 32)`. With it and `build`, the space is also
            a `CategoricalNetworkSpace`, which reads graphs, exact costs and equal networks from the modules.
        description: one line.

    To use a space in several processes, define its functions with `def` at module level.

    Raises `InputError` for an invalid declaration.

    >>> space = CategoricalSpace("mine", {"kernel": [3, 5], "width": [16, 32, 64]})
    >>> arch = space.from_choices({"kernel": 3, "width": 32})
    >>> str(arch), arch.choices, space.size
    ('kernel=3 width=32', {'kernel': 3, 'width': 32}, 6)
    """

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        given = dict(zip(_PARAMETERS, arguments, strict=False)) | named
        if given.get("build") is not None and given.get("input_shape") is not None:
            return cast("Self", super().__new__(NETWORK_CLASSES.get(cls, cls)))
        return super().__new__(cls)

    def __init__(
        self,
        name: str,
        slots: Mapping[str, Sequence[Value] | Slot],
        canonical: Callable[[Architecture], Any] | None = None,
        costs: Callable[[Architecture], Mapping[str, float]] | None = None,
        build: Callable[[Architecture], torch.nn.Module] | None = None,
        input_shape: tuple[int, ...] | None = None,
        *,
        description: str = "",
    ) -> None:
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise InputError(f"a space needs a name of printable text, got {brief(name)}")
        self._functions = DeclaredFunctions(name, canonical, costs, build)
        self.name = name
        self.slots = checked_slots(name, slots)
        self.description = description or f"{len(self.slots)} slots: {', '.join(self.slots)}"
        self.input_shape = checked_shape(name, input_shape)
        self._names = tuple(self.slots)
        self._conditions = conditions_of(self.slots)
        self._genes = tuple(Gene(n, tuple(slot.choices), levels_of(slot)) for n, slot in self.slots.items())
        self._texts = [[text_of(value) for value in slot.choices] for slot in self.slots.values()]
        self._parts = [[f"{n}={text}" for text in texts] for n, texts in zip(self._names, self._texts, strict=True)]
        self._sizes = [len(parts) for parts in self._parts]
        self._make_caches()

    _networks: DeclaredNetworks | None = None

    def _make_caches(self) -> None:
        self._code_of = [{part: code for code, part in enumerate(parts)} for parts in self._parts]
        self._codes = lru_cache(_CACHED)(self._read)
        self._known_choices = lru_cache(_CACHED)(self._read_choices)
        self._known_costs = lru_cache(_CACHED)(self._costs_of)

    # --- identity of the space -----------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, CategoricalSpace)
            and self._declared_as() is other._declared_as()
            and (self.name, self._parts, self._genes) == (other.name, other._parts, other._genes)
            and self._conditions == other._conditions
        )

    def __hash__(self) -> int:
        return hash(self.name)

    def _declared_as(self) -> type[CategoricalSpace]:
        """The class that the user named; equal spaces share it."""
        return type(self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in _NOT_PICKLED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make_caches()

    @cached_property
    def size(self) -> int | None:  # type: ignore[override]
        """Number of architectures that differ in an active slot; None if there are too many conditions to count."""
        return count_members(self._sizes, self._conditions)

    @cached_property
    def is_conditional(self) -> bool:
        """Whether some slot is active only for certain values of other slots."""
        return any(self._conditions)

    # --- names ---------------------------------------------------------------------------------------------------

    def from_choices(self, choices: Mapping[str, Any]) -> Architecture:
        """The architecture with these values in its active slots. Raises `InputError` for unknown or missing ones."""
        if not isinstance(choices, Mapping):
            raise InputError(f"choices of space {self.name!r} map slots to values, got {brief(choices)}")
        for name in choices:
            if name not in self.slots:
                raise unknown_choice("slot", name, self.slots, place=f" of space {self.name!r}")
        codes = [ABSENT] * len(self._names)
        for slot, name in enumerate(self._names):
            if name in choices:
                place = f" for {name!r} of space {self.name!r}"
                codes[slot] = require_choice(self.slots[name].choices, choices[name], place)
        for slot, code in enumerate(self._activated(codes)):
            if code != ABSENT and codes[slot] == ABSENT:
                raise InputError(
                    f"the choices of space {self.name!r} lack {self._names[slot]!r}; expected one of "
                    f"{', '.join(self._texts[slot])}"
                )
        return self._named(codes)

    def choices_of(self, arch: Architecture) -> dict[str, Any]:
        return dict(self._known_choices(self._own(arch).string))

    def _read_choices(self, string: str) -> dict[str, Any]:
        codes = self._codes(string)
        return {gene.name: gene.choices[code] for gene, code in zip(self._genes, codes, strict=True) if code != ABSENT}

    def parse(self, arch: ArchLike) -> Architecture:
        if isinstance(arch, Architecture):
            self._codes(self._own(arch).string)
            return arch
        if isinstance(arch, Mapping):
            return self.from_choices(arch)
        if not isinstance(arch, str):
            raise InputError(
                f"expected an architecture of {self.name} as text such as {self._example!r} or as a dict of choices, "
                f"got {brief(arch)}"
            )
        return self._named(self._codes(arch.strip()))

    def _named(self, codes: Sequence[int]) -> Architecture:
        return Architecture(self, self._print(codes))

    def _print(self, codes: Sequence[int]) -> str:
        """The string of (G,) codes."""
        return " ".join([parts[code] for parts, code in zip(self._parts, codes, strict=True) if code != ABSENT])

    def _read(self, string: str) -> tuple[int, ...]:
        """The inverse of `_print`. Raises `InputError` if it is not an architecture."""
        try:  # fast path: exactly as printed, with all slots active
            return tuple([codes[part] for codes, part in zip(self._code_of, string.split(" "), strict=True)])
        except (KeyError, ValueError):
            return self._read_parts(string)

    def _read_parts(self, string: str) -> tuple[int, ...]:
        codes = [ABSENT] * len(self._names)
        for part in string.split():
            name, equals, text = part.partition("=")
            if not equals:
                raise InputError(f"malformed architecture {brief(string)} of {self.name}; expected {self._example!r}")
            if name not in self.slots:
                raise unknown_choice("slot", name, self._names, place=f" of space {self.name!r}")
            slot = self._names.index(name)
            if part not in self._code_of[slot]:
                raise unknown_choice("choice", text, self._texts[slot], place=f" for {name!r} of space {self.name!r}")
            if codes[slot] != ABSENT:
                raise InputError(f"{brief(string)} gives {name!r} twice")
            codes[slot] = self._code_of[slot][part]
        for slot, code in enumerate(self._activated(codes)):
            if code != ABSENT and codes[slot] == ABSENT:
                raise InputError(f"{brief(string)} lacks {self._names[slot]!r}; expected {self._example!r}")
        return tuple(codes)

    @cached_property
    def _example(self) -> str:
        return self._print(self._activated([0] * len(self._names)))

    def _activated(self, codes: Sequence[int]) -> list[int]:
        return activated(codes, self._conditions) if self.is_conditional or ABSENT in codes else list(codes)

    def _active_codes(self, arch: Architecture) -> list[int]:
        return self._activated(self._codes(self._own(arch).string))

    # --- identity ------------------------------------------------------------------------------------------------

    def canonical_key(self, arch: Architecture) -> str:
        """The result of `canonical`; without one, the active choices."""
        found = self._canonical_codes(arch)
        return found if isinstance(found, str) else self._print(found)

    def canonical_keys(self, archs: Sequence[Architecture]) -> list[str]:
        if self._functions.canonical is None and not self.is_conditional:  # every string has a class of its own
            return [self._own(arch).string for arch in archs]
        return super().canonical_keys(archs)

    def canonical_forms(self, archs: Sequence[Architecture]) -> list[Architecture] | None:
        if self._functions.canonical is None and not self.is_conditional:
            return list(archs)
        found = [self._canonical_codes(arch) for arch in archs]
        forms = [self._named(codes) for codes in found if not isinstance(codes, str)]
        return forms if len(forms) == len(found) else None

    def _canonical_codes(self, arch: Architecture) -> str | list[int]:
        """The active codes of the architecture that `canonical` returns, or the string if it returns one."""
        active = self._active_codes(arch)
        if self._functions.canonical is None:
            return active
        found = self._functions.canonical_form(self._named(active))
        if isinstance(found, Mapping):
            found = self.from_choices(found)
        return self._active_codes(found) if isinstance(found, Architecture) else found

    # --- moves ---------------------------------------------------------------------------------------------------

    def members(self) -> Iterator[Architecture]:
        """Every architecture once, inactive slots left out; the last slot changes fastest."""
        return map(self._named, products(self._sizes, self._conditions))

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """`n` different architectures: every slot is drawn uniformly, then inactive slots are left out.

        So a choice that makes other slots inactive is as likely as any other, even if few architectures have it.
        """
        self._check_sample_size(n)
        if self.size is not None and n > self.size // 2:  # most draws would repeat earlier ones
            every = list(self.members())
            return [every[place] for place in rng.choice(len(every), n, replace=False)]
        found: dict[str, None] = {}
        rounds = 0
        while len(found) < n:
            before = len(found)
            for codes in draw(max(n - before, _LEAST_DRAWN), self._sizes, rng):
                found[self._print(self._activated(codes))] = None
            rounds = rounds + 1 if len(found) == before else 0
            if rounds > _MOST_ROUNDS:
                self._add_unlikely(n, found, rng)
        return [Architecture(self, string) for string in itertools.islice(found, n)]

    def _add_unlikely(self, n: int, found: dict[str, None], rng: np.random.Generator) -> None:
        if self.size is None or self.size > _MOST_LISTED:
            raise InputError(
                f"cannot sample {n} different architectures of {self.name}: found only {len(found)}; the others are "
                "too unlikely"
            )
        others = [arch.string for arch in self.members() if arch.string not in found]
        found.update(dict.fromkeys(rng.permutation(others).tolist()))

    def _check_sample_size(self, n: object) -> None:
        most = math.inf if self.size is None else self.size
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 0 <= n <= most:
            up_to = "" if self.size is None else f" to {self.size}"
            raise InputError(
                f"cannot sample {brief(n)} different architectures of {self.name}; expected a number from 0{up_to}"
            )

    def neighbours(self, arch: Architecture) -> list[Architecture]:
        """The architectures with one slot changed; slots that become active take their first choice."""
        codes = self._active_codes(arch)
        return [self._changed(codes, slot, code) for slot, code in edits(codes, self._sizes)]

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """A neighbour, drawn uniformly. Raises `InputError` for a space of one architecture."""
        codes = self._active_codes(arch)
        possible = edits(codes, self._sizes)
        if not possible:
            raise InputError(f"space {self.name!r} has only one architecture, so it cannot be mutated")
        return self._changed(codes, *possible[rng.integers(len(possible))])

    def _changed(self, codes: Sequence[int], slot: int, code: int) -> Architecture:
        return self._named(self._activated([*codes[:slot], code, *codes[slot + 1 :]]))

    # --- structure -----------------------------------------------------------------------------------------------

    @property
    def genes(self) -> tuple[Gene, ...]:
        """The slots in declared order."""
        return self._genes

    @property
    def genes_form_a_chain(self) -> bool:
        """True: slots with the same choices are assumed to be declared in network order."""
        return True

    def gene_codes(self, archs: Sequence[Architecture]) -> np.ndarray:
        codes = [self._active_codes(arch) for arch in archs]
        return np.array(codes, dtype=np.int64).reshape(-1, len(self._names))

    def from_gene_codes(self, codes: Sequence[int]) -> Architecture:
        """The architecture; codes of inactive slots are ignored. Raises `InputError` for codes of no choice."""
        given = checked_codes(self, codes, least=ABSENT if self.is_conditional else 0)
        active = self._activated(given)
        for name, code, given_code in zip(self._names, active, given, strict=True):
            if code != ABSENT and given_code == ABSENT:
                raise InputError(f"{name!r} of {self.name} is active with the other choices, but its code is {ABSENT}")
        return self._named(active)

    def graph(self, arch: Architecture, *, canonical: bool = True) -> CellGraph:
        """A chain of the choices in declared order; the canonical one: of the active choices of the canonical form."""
        codes = self._canonical_codes(arch) if canonical else self._codes(self._own(arch).string)
        if isinstance(codes, str):
            codes = self._active_codes(arch)
        chosen = [parts[code] for parts, code in zip(self._parts, codes, strict=True) if code != ABSENT]
        return CellGraph((INPUT, *chosen, OUTPUT), np.eye(len(chosen) + 2, k=1, dtype=np.uint8))

    def costs(self, archs: Sequence[Architecture], dataset: str | None = None) -> Mapping[str, np.ndarray]:
        """The results of the function `costs`, which must have the same metrics for all architectures."""
        if self._functions.costs is None or not archs:
            return {}
        each = [self._known_costs(self._own(arch).string) for arch in archs]
        for arch, costs in zip(archs, each, strict=True):
            if costs.keys() != each[0].keys():
                raise InputError(
                    f"costs of space {self.name!r} must name the same metrics for all: {brief(arch.string)} has "
                    f"{', '.join(costs)}, {brief(archs[0].string)} has {', '.join(each[0])}"
                )
        return {metric: np.array([costs[metric] for costs in each]) for metric in each[0]}

    def _costs_of(self, string: str) -> dict[str, float]:
        return self._functions.costs_of(Architecture(self, string))

    def fingerprint(self) -> str:
        """SHA-256 of the declared slots, which distinguishes spaces of the same name."""
        return hashlib.sha256(repr((self._genes, self._parts, self._conditions)).encode()).hexdigest()

    def build(self, arch: Architecture) -> torch.nn.Module:
        return super().build(arch) if self._functions.build is None else self._functions.build(self._own(arch))

    def network_notes(self, rng: np.random.Generator) -> list[str]:
        if self._functions.build is None:
            return []
        return network_notes(self.sample_at_most(3, rng), self._functions, self._networks)
