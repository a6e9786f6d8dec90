"""Optuna's own samplers (optuna 5) behind the ask/tell protocol, constraints through `trial.set_constraint`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.search.searcher import MAX_ATTEMPTS, Domain, Searcher

if TYPE_CHECKING:
    import optuna


@runtime_checkable
class SlotSpace(Protocol):
    """A space whose architectures are one operation on each of a fixed number of slots."""

    ops: tuple[str, ...]

    def to_ops(self, arch: Architecture) -> Sequence[str]:
        """The operation on every slot."""

    def from_ops(self, ops: Sequence[str]) -> Architecture:
        """The inverse of `to_ops`."""


class OptunaSearcher(Searcher):
    """A study with one categorical parameter a slot.

    Infeasible trials are told as such, with the violation of every constraint (free: constraints need no training).
    A trial of a known class is told the known value (free as well). What is told without having been asked enters the
    study as a finished trial.

    Raises `InputError` for a space without fixed slots.
    """

    inner_proposals: ClassVar[int] = 200  # a proposal takes Optuna milliseconds, more of them with every trial

    def __init__(self, domain: Domain, rng: np.random.Generator, *, max_attempts: int = MAX_ATTEMPTS) -> None:
        import optuna

        super().__init__(domain, rng, max_attempts=max_attempts)
        space = domain.space
        if not isinstance(space, SlotSpace):
            raise InputError(f"{self.name} needs a space with a fixed number of slots, which {space.name} is not")
        self._slots: SlotSpace = space
        n_slots = len(space.to_ops(space.parse(0)))
        choice = optuna.distributions.CategoricalDistribution(space.ops)
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            f"op{slot}": choice for slot in range(n_slots)
        }
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self.study = optuna.create_study(direction="maximize", sampler=self._sampler(int(rng.integers(2**31))))
        finally:
            optuna.logging.set_verbosity(verbosity)
        self._pending: tuple[int, optuna.Trial] | None = None

    @abstractmethod
    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        """The sampler that proposes."""

    def _propose(self) -> int:
        trial = self.study.ask(self._distributions)
        index = self.domain.space.index(self._slots.from_ops([trial.params[name] for name in self._distributions]))
        self._pending = (index, trial)
        return index

    def _learn(self, index: int, value: float) -> None:
        import optuna

        if self._pending is not None and self._pending[0] == index:
            self._finish(index, value)
            return
        ops = self._slots.to_ops(self.domain.space.parse(index))
        self.study.add_trial(
            optuna.create_trial(
                params=dict(zip(self._distributions, ops, strict=True)),
                distributions=self._distributions,
                value=value,
                constraints=self._violations(index),
            )
        )

    def _refused(self, index: int) -> None:
        # The value of an infeasible trial is never compared; Optuna only insists on a number.
        self._finish(index, min(self._told.values(), default=0.0))

    def _repeated(self, index: int, value: float) -> None:
        self._finish(index, value)

    def _finish(self, index: int, value: float) -> None:
        assert self._pending is not None
        trial = self._pending[1]
        self._pending = None
        for key, violation in self._violations(index).items():
            trial.set_constraint(key, violation)
        self.study.tell(trial, value)

    def _violations(self, index: int) -> dict[str, float]:
        return {key: float(values[index]) for key, values in self.domain.violations.items()}


class OptunaTPE(OptunaSearcher):
    """Tree-structured Parzen estimator, `optuna.samplers.TPESampler` as it comes."""

    name: ClassVar[str] = "optuna-tpe"
    description: ClassVar[str] = "Optuna's TPESampler, constraints through trial.set_constraint"

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        import optuna

        return optuna.samplers.TPESampler(seed=seed)


class OptunaNSGA2(OptunaSearcher):
    """NSGA-II on the one objective with constrained domination, `optuna.samplers.NSGAIISampler` as it comes."""

    name: ClassVar[str] = "optuna-nsga2"
    description: ClassVar[str] = "Optuna's NSGAIISampler, constraints through trial.set_constraint"

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        import optuna

        return optuna.samplers.NSGAIISampler(seed=seed)
