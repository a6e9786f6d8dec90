"""The error for constraints that nothing satisfies: it names the nearest bound that some architecture meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.search.candidates.unknown_values import count_unknown


def nothing_feasible(
    nobody: str,
    where: str,
    constraints: Sequence[Constraint],
    values: Mapping[str, np.ndarray],
    *,
    certain: bool = True,
) -> InputError:
    """The error that nothing is feasible.

    Args:
        nobody: subject of the message, such as `no nb201 architecture`.
        where: which architectures were checked, such as `in the space`.
        constraints: all must hold.
        values: metric → (n,) its values for the architectures that were checked.
        certain: whether those are all of the space.
    """
    kept = [constraint.check(values[constraint.metric]) for constraint in constraints]
    for constraint, satisfied in zip(constraints, kept, strict=True):
        if not satisfied.any():
            known = values[constraint.metric][np.isfinite(values[constraint.metric])]
            if not known.size:
                return InputError(f"{nobody} satisfies {constraint}: no value of {constraint.metric} is known")
            who, among = nobody, where
            if known.size < len(values[constraint.metric]):
                who, among = _of_known(nobody, known.size, [constraint.metric]), "among them"
            least = constraint.operator in ("<=", "<")
            word, extreme = ("smallest", known.min()) if least else ("largest", known.max())
            hint = f"{constraint.metric}{constraint.operator[0]}={_loosened(float(extreme), least)}"
            advice = "is the nearest bound that any of them meets" if certain else "is a bound that one of them meets"
            return InputError(
                f"{who} satisfies {constraint}; the {word} {constraint.metric} {among} is {extreme:.6g}: "
                f"{hint!r} {advice}{_unknown(values)}"
            )
    alone = ", ".join(f"{constraint}: {mask.sum():,}" for constraint, mask in zip(constraints, kept, strict=True))
    known_of_all = np.logical_and.reduce([np.isfinite(column) for column in values.values()])
    who = nobody if known_of_all.all() else _of_known(nobody, int(known_of_all.sum()), list(count_unknown(values)))
    return InputError(
        f"{who} satisfies all constraints together; those that satisfy each alone: {alone}{_unknown(values)}"
    )


def _of_known(nobody: str, n: int, metrics: Sequence[str]) -> str:
    """`nobody`, restricted to architectures whose metrics are known."""
    return f"{nobody}, of the {n:,} with a known {' and '.join(metrics)},"


def _unknown(values: Mapping[str, np.ndarray]) -> str:
    """How many values are unknown, to append to a message."""
    return "".join(
        f"; {metric} is unknown for {count:,} of {len(values[metric]):,}"
        for metric, count in count_unknown(values).items()
    )


def _loosened(extreme: float, upward: bool) -> str:
    """`extreme` in few digits, rounded so that it stays feasible."""
    for digits in range(4, 17):
        text = f"{extreme:.{digits}g}"
        if (float(text) >= extreme) if upward else (float(text) <= extreme):
            return text
    return repr(extreme)
