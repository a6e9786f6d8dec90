"""The user's options for reading a table, the same in every command that reads one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from nassurrogate.errors import InputError, brief, require_name, unknown_choice

ShareUnit: TypeAlias = Literal["fraction", "percent"]
SHARE_UNITS = ("fraction", "percent")


@dataclass(frozen=True)
class TableOptions:
    """How to read a table where it leaves something open.

    Args:
        arch_column: the column that names the architectures; None: `arch`, `index`, `hash`, or a matrix and its
            operations, if the table has them.
        rename: new name of a column → its name in the file.
        unit: unit of all accuracies and errors; `"fraction"` multiplies them by 100; None: as in their names.
        missing_value: the number that marks a missing value, such as −1.
        seed_column: the column with the training seed, if each row is one training.
        dataset: the data set of columns that do not name one.
        new_datasets: data sets to add to the known ones.

    Raises `InputError` for an invalid option.

    >>> TableOptions(rename={"val_accuracy_pct": "score"}, unit="fraction").unit
    'fraction'
    """

    arch_column: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    unit: ShareUnit | None = None
    missing_value: float | None = None
    seed_column: str | None = None
    dataset: str | None = None
    new_datasets: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("arch_column", "seed_column", "dataset"):
            if getattr(self, name) is not None:
                require_name(name.replace("_", " "), getattr(self, name))
        if not isinstance(self.rename, Mapping) or not all(
            isinstance(name, str) for pair in self.rename.items() for name in pair
        ):
            raise InputError(f"rename must map new column names to old ones, got {brief(self.rename)}")
        object.__setattr__(self, "new_datasets", tuple(self.new_datasets))
        for name in self.new_datasets:
            require_name("data set", name)
        if self.unit is not None and self.unit not in SHARE_UNITS:
            raise unknown_choice("unit", self.unit, SHARE_UNITS)
        value = self.missing_value
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
        ):
            raise InputError(f"missing_value must be a number such as -1, got {brief(value)}")
