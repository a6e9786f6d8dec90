"""Optuna's own samplers (optuna 5) as searchers; constraints go through `trial.set_constraint`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.searchers.base import Searcher

if TYPE_CHECKING:
    import optuna

_NO_ARCHITECTURE = "no architecture"
"""Name of the constraint that a combination of genes violates if it is no architecture."""


class OptunaSearcher(Searcher):
    """A study with one categorical parameter for every gene of the space.

    Infeasible trials are reported to Optuna with the violation of every constraint (free: no training is needed). A
    trial of a known function gets the known values (also free). An evaluation that was not asked for is added to the
    study as a finished trial.

    Raises `InputError` for a space without genes.
    """

    inner_proposals: ClassVar[int] = 200  # a proposal takes Optuna milliseconds, more of them with every trial
    several_objectives: ClassVar[bool] = True

    def __init__(self, feasible: FeasibleSet, rng: np.random.Generator, **options: Any) -> None:
        import optuna

        super().__init__(feasible, rng, **options)
        self._genes = self.space.genes
        if not self._genes:
            raise InputError(
                f"{self.name} needs a space with genes, a fixed number of slots; {self.space.name} has none"
            )
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            gene.name: optuna.distributions.CategoricalDistribution(gene.choices)  # type: ignore[arg-type]
            for gene in self._genes
        }
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            sampler = self._sampler(int(rng.integers(2**31)))
            self.study = optuna.create_study(directions=["maximize"] * len(self.objectives), sampler=sampler)
        finally:
            optuna.logging.set_verbosity(verbosity)
        self._pending: dict[Architecture, optuna.Trial] = {}
        self._last: tuple[Architecture | None, optuna.Trial] | None = None

    @abstractmethod
    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        """The sampler that proposes."""

    def _propose(self) -> Architecture | None:
        trial = self.study.ask(self._distributions)
        # Choices are compared with their type: to Python, True equals 1.
        codes = [
            next(
                code
                for code, choice in enumerate(gene.choices)
                if choice is value or (choice == value and type(choice) is type(value))
            )
            for gene, value in ((gene, trial.params[gene.name]) for gene in self._genes)
        ]
        try:
            arch: Architecture | None = self.space.from_gene_codes(codes)
        except InputError:  # not every combination of genes is an architecture; Optuna learns which are not
            arch = None
        self._last = (arch, trial)
        if arch is not None:
            self._pending.setdefault(arch, trial)  # one that is pending keeps its first trial
        return arch

    def _learn(self, arch: Architecture, values: tuple[float, ...]) -> None:
        import optuna

        trial = self._pending.pop(arch, None)
        if trial is not None:
            self._finish(trial, values, self._violations(arch))
            return
        codes = self.space.gene_codes([arch])[0]
        params = {gene.name: gene.choices[max(int(code), 0)] for gene, code in zip(self._genes, codes, strict=True)}
        self.study.add_trial(
            optuna.create_trial(
                params=params,
                distributions=self._distributions,
                values=list(values),
                constraints=self._violations(arch),
            )
        )

    def _refused(self, arch: Architecture | None) -> None:
        # The values of an infeasible trial are never compared; Optuna only insists on numbers.
        broken = {_NO_ARCHITECTURE: 1.0} if arch is None else self._violations(arch)
        self._finish(self._popped(), self.worst, broken)

    def _repeated(self, arch: Architecture, values: tuple[float, ...] | None) -> None:
        import optuna

        trial = self._popped()
        if values is None:
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._finish(trial, values, self._violations(arch))

    def _failed(self, arch: Architecture) -> None:
        import optuna

        trial = self._pending.pop(arch, None)
        if trial is not None:
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)

    def _popped(self) -> optuna.Trial:
        """The trial of the last proposal, which is not evaluated."""
        assert self._last is not None
        arch, trial = self._last
        if arch is not None and self._pending.get(arch) is trial:
            del self._pending[arch]
        return trial

    def _finish(self, trial: optuna.Trial, values: Sequence[float], violations: dict[str, float]) -> None:
        for key, violation in violations.items():
            trial.set_constraint(key, violation)
        self.study.tell(trial, list(values))

    def _violations(self, arch: Architecture) -> dict[str, float]:
        return {key: float(values[0]) for key, values in self.feasible.violations([arch]).items()}


class OptunaTPE(OptunaSearcher):
    """Tree-structured Parzen estimator: `optuna.samplers.TPESampler` with its defaults."""

    name: ClassVar[str] = "optuna-tpe"
    description: ClassVar[str] = "Optuna's TPESampler, constraints through trial.set_constraint"

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        import optuna

        return optuna.samplers.TPESampler(seed=seed)


class OptunaNSGA2(OptunaSearcher):
    """NSGA-II with constrained domination: `optuna.samplers.NSGAIISampler` with its defaults."""

    name: ClassVar[str] = "optuna-nsga2"
    description: ClassVar[str] = "Optuna's NSGAIISampler, constraints through trial.set_constraint"

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        import optuna

        return optuna.samplers.NSGAIISampler(seed=seed)
