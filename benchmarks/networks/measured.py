"""Whole networks with the latencies that one device was measured to have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from nassurrogate.errors import InputError, brief, unknown_choice
from nassurrogate.graphs.operator_graph import OperatorGraph

TRAIN, TEST = "train", "test"
STAGES = (TRAIN, TEST)


@dataclass(frozen=True, eq=False)
class MeasuredNetworks:
    """n networks and their latencies on one device.

    Args:
        device: its name.
        graphs: n networks.
        names: n names; those of one family differ.
        families: n names of families, such as `resnet`.
        latency_ms: (n,) latencies in milliseconds, all positive.
        std_ms: (n,) standard deviations of the measurements, NaN where unknown; None: all unknown.
        stages: n of `train` and `test`, if the data set comes with a split; None otherwise.
        unread: one line for each network that was left out because it could not be read.

    Raises `InputError` for unequal lengths and for latencies that are not positive.

    >>> from nassurrogate.graphs.operator_graph import Operator
    >>> graph = OperatorGraph([Operator("Input", (), ((1, 3, 8, 8),))])
    >>> data = MeasuredNetworks("my-phone", [graph, graph], ["a", "b"], ["resnet", "vgg"], np.array([1.5, 2.5]))
    >>> len(data), data.family_names, data.of_families(["vgg"]).names
    (2, ['resnet', 'vgg'], ('b',))
    """

    device: str
    graphs: Sequence[OperatorGraph]
    names: Sequence[str]
    families: Sequence[str]
    latency_ms: np.ndarray
    std_ms: np.ndarray | None = None
    stages: Sequence[str] | None = None
    unread: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        n = len(self.graphs)
        for name in ("graphs", "names", "families", "stages", "unread"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))
        std = np.full(n, np.nan) if self.std_ms is None else self.std_ms
        for name, values in (("latency_ms", self.latency_ms), ("std_ms", std)):
            fixed = np.array(values, dtype=np.float64)
            fixed.setflags(write=False)
            object.__setattr__(self, name, fixed)
        for name in ("names", "families", "stages", "latency_ms", "std_ms"):
            values = getattr(self, name)
            if values is not None and (np.ndim(values) != 1 or len(values) != n):
                raise InputError(f"{n} networks need as many {name}, got {brief(values)}")
        bad = np.flatnonzero(~((self.latency_ms > 0) & np.isfinite(self.latency_ms)))
        if len(bad):
            raise InputError(
                f"a latency is a positive number of milliseconds, got {self.latency_ms[bad[0]]:g} for "
                f"{brief(self.names[bad[0]])} ({len(bad)} in total)"
            )
        for stage in set(self.stages or ()) - set(STAGES):
            raise unknown_choice("stage", stage, STAGES)

    def __len__(self) -> int:
        return len(self.graphs)

    @property
    def family_names(self) -> list[str]:
        """The families, each once, in the order of their first networks."""
        return list(dict.fromkeys(self.families))

    def take(self, places: Sequence[int] | np.ndarray) -> MeasuredNetworks:
        """The networks at these places, in this order."""
        at = np.asarray(places, dtype=np.int64)
        assert self.std_ms is not None
        return MeasuredNetworks(
            self.device,
            [self.graphs[place] for place in at],
            [self.names[place] for place in at],
            [self.families[place] for place in at],
            self.latency_ms[at],
            self.std_ms[at],
            None if self.stages is None else [self.stages[place] for place in at],
            self.unread,
        )

    def of_families(self, families: Collection[str]) -> MeasuredNetworks:
        """The networks of these families. Raises `InputError` for one that the data set does not have."""
        if isinstance(families, str):
            raise InputError(f"families are a list of names, got {brief(families)}")
        for family in families:
            if family not in self.families:
                raise unknown_choice("family", family, self.family_names, place=f" on {self.device}")
        return self.take(np.flatnonzero([family in families for family in self.families]))

    def of_stage(self, stage: str) -> MeasuredNetworks:
        """The networks of the data set's own training or test set. Raises `InputError` if it comes without a split."""
        if stage not in STAGES:
            raise unknown_choice("stage", stage, STAGES)
        if self.stages is None:
            raise InputError(f"these networks on {self.device} come without a split into training and test set")
        return self.take(np.flatnonzero([own == stage for own in self.stages]))
