"""What a saved surrogate has labels of: no query is spent on it again."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from nassurrogate.architecture import Architecture
from nassurrogate.metric import Metric
from nassurrogate.metric_words import value_in_words
from nassurrogate.search.feasible_set import FeasibleSet, ListedSet
from nassurrogate.search.table_set import TableSet
from nassurrogate.surrogate import Surrogate


def is_of_another(surrogate: Surrogate, dataset: str) -> bool:
    """Whether a surrogate says that its labels are of another data set."""
    return surrogate.dataset is not None and surrogate.dataset != dataset


@dataclass(frozen=True)
class KnownLabels:
    """Labels that a surrogate brings along, of what is feasible here.

    Where the surrogate does not say what they are of, that may be another data set: they guide, and are never a result.

    Args:
        keys: of the feasible functions that have a label.
        archs: feasible architectures, one for each label whose function is feasible.
        labels: theirs, in the metric's unit.
    """

    keys: frozenset[Hashable] = frozenset()
    archs: tuple[Architecture, ...] = ()
    labels: tuple[float, ...] = ()

    @classmethod
    def of(cls, surrogate: Surrogate | None, feasible: FeasibleSet, dataset: str) -> KnownLabels:
        """Those of a surrogate; none where there is none, it keeps no labels, or they are of another data set.

        Args:
            surrogate: that the run starts from.
            feasible: what may be evaluated.
            dataset: on which it is evaluated.
        """
        if surrogate is None or surrogate.labels is None or is_of_another(surrogate, dataset):
            return cls()
        archs, labels = surrogate.labels
        keys = feasible.keys(archs)
        if isinstance(feasible, TableSet | ListedSet):
            members = feasible.members()
            standing = dict(zip(feasible.keys(members), members, strict=True))
            # A label of an infeasible architecture tells what its feasible equivalents are worth.
            stand_ins = [standing.get(key) for key in keys]
        else:
            stand_ins = [None] * len(archs)
        kept = [
            (key, arch if allowed else stand_in, float(label))
            for key, arch, stand_in, allowed, label in zip(
                keys, archs, stand_ins, feasible.contains(archs).tolist(), labels.tolist(), strict=True
            )
        ]
        rows = [(key, arch, label) for key, arch, label in kept if arch is not None]
        keys_of, archs_of, labels_of = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(frozenset(keys_of), archs_of, labels_of)

    def better_note(self, objective: Metric, best: float) -> str:
        """What to say where one of these labels is better than the best that was found; empty where none is.

        Args:
            objective: what the labels are.
            best: the best value that was found, in its unit.
        """
        if not self.labels:
            return ""
        place = max(range(len(self.labels)), key=lambda at: objective.sign * self.labels[at])
        label = self.labels[place]
        if objective.sign * label <= objective.sign * best:
            return ""
        return (
            f"the best of the model's own labels is better than what was found: "
            f"{value_in_words(label, objective)} for {self.archs[place]}, which was not evaluated here; "
            "requery_known=True (--requery-known) lets the search evaluate it"
        )
