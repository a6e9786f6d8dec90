"""What every predictor owes: fit on a few labels, give mean and standard deviation, and turn into plain tensors.

`nassurrogate.testing.PredictorContract` asks all of it: subclass it in a test module, name the predictor, run pytest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief, require_name, unknown_choice
from nassurrogate.metric import Metric, known_metric
from nassurrogate.spaces import CellSpace, Space

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (steps done, steps in all) during a long fit."""


class CandidatePosterior:
    """Architectures whose posterior a search asks for after every fit, in the order in which they were added.

    A predictor for which a further label is little work may have a kind of its own, which updates what it knows.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._archs: list[Architecture] = []

    def __len__(self) -> int:
        return len(self._archs)

    def add(self, archs: Sequence[Architecture]) -> None:
        """Put further ones behind those that are there."""
        self._archs += archs

    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """(C,) means and (C,) standard deviations after the last fit: `Predictor.posterior` of all of them."""
        return self._predictor.posterior(self._archs)


class Predictor(ABC):
    """Predicts one number of an architecture from a few measured ones.

    A subclass names itself, gives a frozen dataclass of its hyper-parameters for every preset, and implements `fit`,
    `predict`, `state` and `load_state`. Requirements that the surrogate relies on:

    - `predict` of one architecture does not depend on the batch it stands in, nor on the batch's order;
    - equal seed, labels and configuration give equal predictions on one machine;
    - a fit sees its labels and the unlabelled space, nothing else;
    - it can be pickled and deep-copied, fitted or not: it keeps no lambdas, local functions, locks or open files;
    - a fit forgets the one before, keeps no hold of the targets' array, and neither seeds nor draws from the global
      generators of `random`, NumPy and PyTorch;
    - it works from 1 label, with all labels equal (then it may predict a constant), and with 10,000;
    - cells of equal canonical key get equal predictions, unless `reads_canonical_cells` says that they need not;
    - it works on every space that is an instance of `requires`; other spaces are refused;
    - `predict` of no architectures gives two empty arrays;
    - its configuration refuses, with an `InputError`, values that no fit could use.

    Args:
        space: where the architectures come from.
        preset: one of the names in `presets`; the first is the default.
        config: hyper-parameters that replace the preset's, by field name.
        seed: makes the fit reproducible.
        device: `"auto"`, `"cpu"`, `"cuda"` or `"cuda:1"`; ignored by predictors that run on the CPU only.
        metric: what the targets are; None: `val_accuracy_pct`.

    Raises `InputError` for a space that it cannot read, and for unknown presets and hyper-parameters.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    presets: ClassVar[Mapping[str, Any]]
    requires: ClassVar[type[Space]] = Space  # type: ignore[type-abstract]  # any kind of space
    """What a space must be: `CellSpace` for one that reads cells, `Space` for one that works on any."""
    initial_labels: ClassVar[int] = 10
    """How many random architectures a search evaluates before it asks this predictor for the first time."""
    uses_device: ClassVar[bool] = True
    """Whether it uses `device`: False if it always runs on the CPU."""
    refits_at_once: ClassVar[bool] = False
    """Whether a fit to some hundred labels takes milliseconds: a search then refits after every single answer."""

    def __init__(
        self,
        space: Space,
        *,
        preset: str | None = None,
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
        device: str = "auto",
        metric: Metric | None = None,
    ) -> None:
        require_space(type(self), space)
        self.space = space
        self.metric = metric if metric is not None else known_metric("val_accuracy_pct")
        self.preset = preset if preset is not None else next(iter(self.presets))
        require_name("preset", self.preset)
        if self.preset not in self.presets:
            raise unknown_choice("preset", self.preset, self.presets, place=f" of predictor {self.name!r}")
        self.config = _with_changes(self.presets[self.preset], config if config is not None else {}, self.name)
        self.seed = seed
        self.device = device

    def learns_again(self, meta: Mapping[str, Any]) -> bool:
        """Whether `load_state` refits to the labels in the state, if it has any, rather than just reading it.

        Args:
            meta: as `state` returned it; it may come from an untrusted file.
        """
        return True

    def uses(self) -> list[str]:
        """What it reads of this space for this metric, a few words each, such as `"canonical graph"`; for `--space`."""
        return []

    @property
    def reads_canonical_cells(self) -> bool:
        """Whether cells of equal canonical key get equal predictions: True unless a subclass says otherwise.

        A predictor that tells them apart (of latency it should: costs belong to the string) overrides it.
        """
        return True

    @abstractmethod
    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        """Learn from (n,) finite targets of n architectures."""

    @abstractmethod
    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """(B,) means and (B,) standard deviations, in the unit of the targets, for B architectures."""

    def posterior(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """(B,) means and (B,) standard deviations in the scale in which it learns: what an acquisition weighs.

        Unlike `predict`, it is about the quantity behind the labels: a deviation leaves out the noise of a label. A
        predictor that learns in the unit of the targets, or whose own deviations mean nothing, gives what `predict`
        gives; then `encoded` leaves labels as they are.
        """
        return self.predict(archs)

    def encoded(self, targets: np.ndarray) -> np.ndarray:
        """(k,) of the targets of the last fit, in the scale of `posterior`."""
        return np.asarray(targets, dtype=np.float64)

    def candidate_posterior(self) -> CandidatePosterior:
        """An empty pool of candidates, whose posterior a search asks for after every fit."""
        return CandidatePosterior(self)

    @abstractmethod
    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything learned, as named arrays and a JSON-able dict; they and the configuration restore it."""

    @abstractmethod
    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        """The inverse of `state`, or a refit on the labels kept there. The arrays may come from a hostile file.

        Checks every shape, type and value before it allocates by them; raises `InputError` for what does not fit.
        """

    def config_dict(self) -> dict[str, Any]:
        """The hyper-parameters, JSON-able."""
        return asdict(self.config)


def require_space(predictor: type[Predictor], space: Space) -> None:
    """Raise `InputError` unless a predictor can read a space."""
    if isinstance(space, predictor.requires):
        return
    name = brief(getattr(space, "name", space))
    if predictor.requires is CellSpace:
        lacks = f"reads cells (graphs with operations on nodes), but space {name} has none"
    else:
        lacks = f"works on spaces of the kind {predictor.requires.__name__}, but space {name} is not one"
    raise InputError(f"predictor {predictor.name!r} {lacks}; space-process works on any space")


def _with_changes(preset: Any, changes: Mapping[str, Any], predictor: str) -> Any:
    if not isinstance(changes, Mapping):
        raise InputError(f"config of predictor {predictor!r} maps hyper-parameters to values, got {brief(changes)}")
    known = {field.name: getattr(preset, field.name) for field in fields(preset)}
    for name, value in changes.items():
        if name not in known:
            raise unknown_choice("hyper-parameter", name, known, place=f" of predictor {predictor!r}")
        wanted = type(known[name])
        fits = isinstance(value, int | float) if wanted is float else isinstance(value, wanted)
        if not fits or isinstance(value, bool) != (wanted is bool):
            kind = _KINDS.get(wanted, f"a {wanted.__name__}")
            raise InputError(f"hyper-parameter {name!r} of {predictor!r} is {kind}, got {brief(value)}")
    return replace(preset, **changes)


_KINDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}


def check_ranges(config: object, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Raise `InputError` for the first field of a configuration that is NaN or outside its closed range."""
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        if not low <= value <= high:
            raise InputError(f"{name} must lie in [{low:g}, {high:g}], got {brief(value)}")
