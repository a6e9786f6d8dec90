"""The labels of a saved surrogate, which are not queried again."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from nassurrogate.architecture import Architecture
from nassurrogate.display.metric_words import value_in_words
from nassurrogate.metric import Metric
from nassurrogate.search.candidates.feasible_set import FeasibleSet
from nassurrogate.search.candidates.listed_set import ListedSet
from nassurrogate.search.candidates.table_set import TableSet
from nassurrogate.surrogate import Surrogate


def is_of_another(surrogate: Surrogate, dataset: str) -> bool:
    """Whether the surrogate's labels are known to be of another data set."""
    return surrogate.dataset is not None and surrogate.dataset != dataset


def why_not_learned(surrogate: Surrogate, learning: Surrogate | None, dataset: str, fidelity: int | None) -> str | None:
    """Why a search does not learn a saved surrogate's labels together with its own; None if it does.

    Args:
        surrogate: the one that the run starts from.
        learning: the one that learns in this run; None if none does.
        dataset: the data set of the run.
        fidelity: of its queries; None: the full training.
    """
    if surrogate.is_of_other_space:
        return "the surrogate learned labels of another space"
    if surrogate.labels is None:
        return "the surrogate's file is in an old format without labels"
    if surrogate.dataset is None:
        return "the surrogate does not say which data set its labels are of"
    if is_of_another(surrogate, dataset):
        return f"the surrogate learned labels of {surrogate.dataset}, but this search is on {dataset}"
    if fidelity is not None:
        return f"queries are of fidelity {fidelity}, and the surrogate does not say of which fidelity its labels are"
    if learning is not None and not learning.predictor.refits_at_once:
        return f"a fit of {learning.predictor.name} to all labels takes long"
    return None


@dataclass(frozen=True)
class KnownLabels:
    """A saved surrogate's labels of feasible functions.

    They guide the search, but are never its result. The search learns them together with its own, unless there is a
    reason not to (see `why_not_learned`).

    Args:
        keys: of the feasible functions that have a label.
        archs: feasible architectures, one for each label whose function is feasible.
        labels: their labels, in the metric's unit.
        are_of_file: whether they come from a table of earlier results, not from a saved model.
    """

    keys: frozenset[Hashable] = frozenset()
    archs: tuple[Architecture, ...] = ()
    labels: tuple[float, ...] = ()
    are_of_file: bool = False

    @classmethod
    def of(
        cls, surrogate: Surrogate | None, feasible: FeasibleSet, dataset: str, *, are_of_file: bool = False
    ) -> KnownLabels:
        """The labels of a surrogate; none without a surrogate, without labels, or if they are of another data set.

        Args:
            surrogate: the one that the run starts from.
            feasible: what may be evaluated.
            dataset: the data set of the run.
            are_of_file: whether they come from a table of earlier results, not from a saved model.
        """
        if surrogate is None or surrogate.labels is None or is_of_another(surrogate, dataset):
            return cls()
        archs, labels = surrogate.labels
        keys = feasible.keys(archs)
        if isinstance(feasible, TableSet | ListedSet):
            members = feasible.members()
            member_of = dict(zip(feasible.keys(members), members, strict=True))
            # The label of an infeasible architecture holds for its feasible equivalents.
            equivalents = [member_of.get(key) for key in keys]
        else:
            equivalents = [None] * len(archs)
        kept = [
            (key, arch if allowed else equivalent, float(label))
            for key, arch, equivalent, allowed, label in zip(
                keys, archs, equivalents, feasible.contains(archs).tolist(), labels.tolist(), strict=True
            )
        ]
        rows = [(key, arch, label) for key, arch, label in kept if arch is not None]
        keys_of, archs_of, labels_of = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(frozenset(keys_of), archs_of, labels_of, are_of_file)

    def better_note(self, objective: Metric, best: float) -> str | None:
        """A note if one of these labels is better than the best found.

        Args:
            objective: the metric of the labels.
            best: the best value found, in its unit.
        """
        if not self.labels:
            return None
        place = max(range(len(self.labels)), key=lambda at: objective.sign * self.labels[at])
        label = self.labels[place]
        if objective.sign * label <= objective.sign * best:
            return None
        whose = "the known results" if self.are_of_file else "the surrogate's own labels"
        return (
            f"the best of {whose} is better than what was found: "
            f"{value_in_words(label, objective)} for {self.archs[place]}, which was not evaluated here; "
            "requery_known=True (--requery-known) lets the search evaluate it"
        )
