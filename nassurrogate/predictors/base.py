"""The base class of predictors: fit a few labels, predict mean and standard deviation, save and load plain tensors.

`nassurrogate.testing.PredictorContract` tests all of it: subclass it in a test module, name the predictor, run pytest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief, require_name, unknown_choice
from nassurrogate.metric import Metric, known_metric
from nassurrogate.spaces import CellSpace, Space

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from typing_extensions import TypeVar

    # With a default, `class MyPredictor(Predictor)` needs no parameter.
    ConfigT = TypeVar("ConfigT", bound="DataclassInstance", default=Any)
else:
    from typing import TypeVar

    ConfigT = TypeVar("ConfigT")

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (steps done, total steps) during a long fit."""


class CandidatePosterior:
    """Architectures whose posterior a search asks for after every fit, in the order in which they were added.

    A predictor that can update the posterior cheaply after another label may have a subclass of its own.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._archs: list[Architecture] = []

    def __len__(self) -> int:
        return len(self._archs)

    def add(self, archs: Sequence[Architecture]) -> None:
        """Append more of them."""
        self._archs += archs

    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """`Predictor.posterior` of all candidates after the last fit: (C,) means and (C,) standard deviations."""
        return self._predictor.posterior(self._archs)


class Predictor(ABC, Generic[ConfigT]):
    """Predicts a metric of architectures from a few evaluated ones.

    A subclass sets `name`, `description` and `presets`, and implements `fit`, `predict`, `state` and `load_state`. Each
    preset is a frozen dataclass of hyper-parameters. A subclass of `Predictor[MyConfig]` has a typed `config`; plain
    `Predictor` works as well. The surrogate relies on these properties:

    - the prediction for an architecture does not depend on the rest of the batch, nor on its order;
    - equal seed, labels and configuration give equal predictions on one machine;
    - a fit sees its labels and the unlabelled space, nothing else;
    - it can be pickled and deep-copied, fitted or not: it keeps no lambdas, local functions, locks or open files;
    - a fit forgets the previous one, copies the targets it keeps, and neither seeds nor uses the global generators of
      `random`, NumPy and PyTorch;
    - it works with 1 label, with 10,000, and with equal labels (then it may predict a constant);
    - cells of equal canonical key get equal predictions, unless `reads_canonical_cells` is false;
    - it works on every space that is an instance of `requires`, and refuses all others;
    - `predict` of no architectures returns two empty arrays;
    - its configuration refuses values that no fit could use with an `InputError`.

    Args:
        space: the space of the architectures.
        preset: one of the names in `presets`; the first is the default.
        config: hyper-parameters that replace those of the preset, by field name.
        seed: makes the fit reproducible.
        device: `"auto"`, `"cpu"`, `"cuda"` or `"cuda:1"`; ignored by predictors that run on the CPU only.
        metric: of the targets; None: `val_accuracy_pct`.

    Raises `InputError` for a space that it cannot read and for unknown presets and hyper-parameters.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    presets: ClassVar[Mapping[str, Any]]
    requires: ClassVar[type[Space]] = Space  # type: ignore[type-abstract]  # any kind of space
    """The kind of space it reads: `CellSpace` if it reads cells, `Space` if it works on any."""
    initial_labels: ClassVar[int] = 10
    """How many random architectures a search evaluates before it first uses this predictor."""
    uses_device: ClassVar[bool] = True
    """Whether it uses `device`; False if it always runs on the CPU."""
    refits_at_once: ClassVar[bool] = False
    """Whether a fit to a few hundred labels takes milliseconds: a search then refits after every evaluation."""
    crosses_spaces: ClassVar[bool] = False
    """Whether it learns labels of other spaces, and a saved one is loaded for any space that it can read."""

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
        preset_config: ConfigT = self.presets[self.preset]
        self.config = _with_changes(preset_config, config if config is not None else {}, self.name)
        self.seed = seed
        self.device = device

    def learns_again(self, meta: Mapping[str, Any]) -> bool:
        """Whether `load_state` refits to the labels in the state, if there are any, instead of just reading it.

        Args:
            meta: as returned by `state`; it may come from an untrusted file.
        """
        return True

    def uses(self) -> list[str]:
        """What it reads of this space for this metric, in a few words each, such as `"canonical graph"`."""
        return []

    def worth(self, n_labels: int) -> int:
        """How many labels of the space itself the learned ones are worth: fewer if they are of other spaces."""
        return n_labels

    @property
    def reads_canonical_cells(self) -> bool:
        """Whether cells of equal canonical key get equal predictions: True by default.

        A predictor that distinguishes them overrides this; for a latency it should, as costs belong to the string.
        """
        return True

    @abstractmethod
    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Progress | None = None) -> None:
        """Learn (n,) finite targets of n architectures."""

    def adapt(self, archs: Sequence[Architecture], targets: np.ndarray) -> None:
        """Adapt a fitted predictor to (n,) targets of another device or family, keeping what else it knows.

        Raises `InputError` for a predictor that cannot: most are simply fitted to all labels at once.
        """
        raise InputError(f"predictor {self.name!r} does not adapt; fit it to all labels at once")

    @abstractmethod
    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """(B,) means and (B,) standard deviations, in the unit of the targets, for B architectures."""

    def prior_scores(self, archs: Sequence[Architecture]) -> np.ndarray | None:
        """(B,) scores before any label, without a unit; higher is better by the metric's direction.

        None if it needs labels first, as most predictors do, whatever the architectures. They are independent of the
        batch, of the seed and of any fit, and equal for cells that get equal predictions.
        """
        return None

    def posterior(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """(B,) means and (B,) standard deviations on the scale in which it learns, for an acquisition function.

        Unlike `predict`, it describes the quantity behind the labels: deviations leave out the noise of a label. By
        default it is `predict`, for predictors that learn in the unit of the targets or have no meaningful deviations
        of their own; `encoded` then returns labels unchanged.
        """
        return self.predict(archs)

    def encoded(self, targets: np.ndarray) -> np.ndarray:
        """(k,) targets of the last fit on the scale of `posterior`."""
        return np.asarray(targets, dtype=np.float64)

    def left_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Predictions of learned labels by all the others: (k,) positions, encoded labels and posterior means there.

        None by default: most predictors would have to be fitted again for it.
        """
        return None

    def candidate_posterior(self) -> CandidatePosterior:
        """An empty pool of candidates whose posterior a search asks for after every fit."""
        return CandidatePosterior(self)

    @abstractmethod
    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """All that was learned, as named arrays and a JSON-able dict; with the configuration, they restore it."""

    @abstractmethod
    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        """The inverse of `state`, or a refit to the labels in it. The arrays may come from a hostile file.

        Checks every shape, type and value before it allocates memory. Raises `InputError` for an invalid state, and
        `InputError` or `KeyError` for an incomplete one.
        """

    def config_dict(self) -> dict[str, Any]:
        """The hyper-parameters as a JSON-able dict."""
        return asdict(self.config)


def require_space(predictor: type[Predictor], space: Space) -> None:
    """Raise `InputError` unless the predictor can read the space."""
    if isinstance(space, predictor.requires):
        return
    name = brief(getattr(space, "name", space))
    if predictor.requires is CellSpace:
        lacks = f"reads cells (graphs with operations on nodes), but space {name} has none"
    else:
        lacks = f"works on spaces of the kind {predictor.requires.__name__}, but space {name} is not one"
    works = "space-process works on any space" if getattr(space, "can_sample", True) else "roofline works on it"
    raise InputError(f"predictor {predictor.name!r} {lacks}; {works}")


def _with_changes(preset: ConfigT, changes: Mapping[str, Any], predictor: str) -> ConfigT:
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
