"""Small tables as people write them: a grammar of habits, good and bad, drawn from a seed.

A table begins well-formed: some architectures, a way to say which, some columns of numbers. Habits then change names
and values; a writer with habits of its own makes the file; and an accident may happen to its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from nassurrogate.spaces import EnumerableSpace, get_space
from tests.tables.fuzz.draft import Draft
from tests.tables.fuzz.writers import ACCIDENTS, WRITER_SHARES, WRITERS

SPACES: Final = ("nb201", "macro", "nb101")
_SHARES: Final = (0.72, 0.2, 0.08)
ACCURACIES: Final = (
    "val_accuracy_pct", "test_accuracy_pct", "val_acc", "Val_Acc", "valid_accuracy", "test_top1", "accuracy", "acc",
    "cifar10_val_accuracy_pct", "CIFAR10_test_accuracy_pct", "cifar-10_val_acc", "train_acc",
    "metrics.val_acc",
)  # fmt: skip
COSTS: Final = (
    "latency_ms", "edgegpu_latency_ms", "latency_s", "power_mW", "current_uA", "energy_mJ", "edgetpu_latency",
    "flops_m", "params", "throughput_fps", "rom_kb",
)  # fmt: skip
SCORES: Final = (
    "synflow", "naswot", "val_error_pct", "accuracy_drop_pct", "auc_pct", "C", "operators", "svhn_val_accuracy_pct",
)  # fmt: skip
ODD_NAMES: Final = (
    "", "Unnamed: 0", "__index_level_0__", "_step", "file id", "arch_idx", "a,b", 'say "x"', "  padded  ", "é",
    "x" * 300, "# of runs", "\x1b[31mred", "@Linf_eps-0.5", "dataset", "epoch", "seed",
)  # fmt: skip
ODD_VALUES: Final = (
    "", "NA", "n/a", "nan", "NaN", "None", "null", "-", "?", "inf", "-inf", "1e400", "-1", "-1.0", "0", "91,2", "91.2%",
    " 91.2 ", "+91.2", "0x1F", "1_000", "９１", "9.12e1", "1" * 400, "True", "false", "text", "[91.2, 90.1]",
    "\x1b[31m", "12 ms", "1/3", "--", "=A1", "'91.2",
)  # fmt: skip
ODD_CELLS: Final = (
    "", "nan", "-1", "12.5", "999999999", "12.0", "1e1", "(4, 0, 3, 1, 4, 3)", "[4, 0, 3, 1, 4, 3]", "resnet18", "none",
    "|nor_conv_3x3~0|", "0" * 9, "12", " 7", "07", "７", "1" * 400,
    "{'matrix': [[0, 1], [0, 0]], 'ops': ['input', 'output']}",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One file, and how it is read.

    Args:
        metric: the column that `train` is asked to learn, as the file names it.
        options: what all commands are given, such as `--unit percent`.
        habits: what was done, to find one's way in a failure.
        truth: architecture → its values in the order of size, where nothing was done that could change them.
    """

    number: int
    space: str
    content: bytes
    metric: str
    options: tuple[str, ...]
    habits: tuple[str, ...]
    truth: dict[str, list[float]] | None = None


def cases(seed: int, size: int) -> Iterator[Case]:
    """`size` cases; a case depends on the seed and its own number alone."""
    for number in range(size):
        yield case(seed, number)


def case(seed: int, number: int) -> Case:
    """One of them."""
    rng = np.random.default_rng([seed, number])
    draft = _plain(rng)
    n_habits = int(rng.choice(4, p=_HOW_MANY))
    for habit in rng.choice(np.array(HABITS, dtype=object), size=n_habits, replace=False, p=_HABIT_SHARES):
        habit(rng, draft)
        draft.habits.append(habit.__name__.strip("_"))
    write = rng.choice(np.array(WRITERS, dtype=object), p=WRITER_SHARES)
    content = write(rng, draft)
    draft.habits.append(write.__name__.strip("_"))
    if rng.random() < 0.08:
        accident = rng.choice(np.array(ACCIDENTS, dtype=object))
        content = accident(rng, content)
        draft.habits.append(accident.__name__.strip("_"))
    idle = _idle_options(rng, draft)
    truth = draft.truth if not idle and HARMLESS.issuperset(draft.habits) else None
    options = (*draft.options, *idle)
    return Case(number, draft.space.name, content, draft.metric, options, tuple(draft.habits), truth)


def _plain(rng: np.random.Generator) -> Draft:
    space = get_space(str(rng.choice(SPACES, p=_SHARES)))
    assert isinstance(space, EnumerableSpace)
    n_rows = int(rng.integers(1, 9))
    indices = rng.choice(min(space.size or 0, 200), size=n_rows, replace=False)
    metrics = list(rng.choice(ACCURACIES, size=rng.integers(1, 3), replace=False))
    metrics += list(rng.choice(COSTS, size=rng.integers(0, 3), replace=False))
    metrics += list(rng.choice(SCORES, size=rng.integers(0, 2), replace=False))
    identities = [["arch"], ["index"], ["index", "arch"]][int(rng.choice(3, p=[0.5, 0.3, 0.2]))]
    rows, truth = [], {}
    for index in indices.tolist():
        named = {"arch": space.take([index])[0].string, "index": index}
        values = [_value(rng, str(name)) for name in metrics]
        rows.append([*(named[name] for name in identities), *values])
        truth[named["arch"]] = sorted(map(float, values))
    options = ["--dataset", "cifar10"] if rng.random() < 0.85 else []
    if rng.random() < 0.85:
        options += ["--unit", "percent"]
    return Draft(space, [*identities, *map(str, metrics)], rows, str(rng.choice(metrics)), truth, options)


def _value(rng: np.random.Generator, name: str) -> float | int:
    if name in ("flops_m", "params", "operators", "C"):
        return int(rng.integers(1, 300))
    return round(float(rng.uniform(1.5, 99.5)), int(rng.integers(1, 15)))


# --- habits of whoever makes the table


def _fractions(rng: np.random.Generator, draft: Draft) -> None:
    for place in draft.numbers():
        if draft.names[place] in ACCURACIES:
            for row in draft.rows:
                row[place] = float(row[place]) / 100 if isinstance(row[place], float) else row[place]
    if rng.random() < 0.7:
        draft.options = [option for option in draft.options if option not in ("--unit", "percent")]
        draft.options += ["--unit", "fraction"]


def _half_fractions(rng: np.random.Generator, draft: Draft) -> None:
    place = int(rng.choice(draft.numbers()))
    for row in draft.rows[::2]:
        row[place] = float(row[place]) / 100 if isinstance(row[place], float) else row[place]


def _odd_values(rng: np.random.Generator, draft: Draft) -> None:
    for _ in range(int(rng.integers(1, 4))):
        draft.rows[int(rng.integers(len(draft.rows)))][int(rng.choice(draft.numbers()))] = str(rng.choice(ODD_VALUES))


def _missing_marks(rng: np.random.Generator, draft: Draft) -> None:
    place = int(rng.choice(draft.numbers()))
    mark = rng.choice([-1, -1.0, 0, 999])
    for row in draft.rows:
        if rng.random() < 0.5:
            row[place] = mark.item()
    if rng.random() < 0.6:
        draft.options += ["--missing-value", f"{mark:g}"]


def _odd_cells(rng: np.random.Generator, draft: Draft) -> None:
    place = int(rng.choice([place for place in range(len(draft.names)) if place not in draft.numbers()] or [0]))
    draft.rows[int(rng.integers(len(draft.rows)))][place] = str(rng.choice(ODD_CELLS))


def _same_cell_twice(rng: np.random.Generator, draft: Draft) -> None:
    row = list(draft.rows[int(rng.integers(len(draft.rows)))])
    if rng.random() < 0.7:
        place = int(rng.choice(draft.numbers()))
        row[place] = _value(rng, draft.names[place])
    draft.rows.append(row)


def _rows_by_seed(rng: np.random.Generator, draft: Draft) -> None:
    if "seed" in draft.names:
        return
    seeds = [777, 888, 999][: int(rng.integers(1, 4))]
    draft.names.append("seed")
    varied = [place for place in draft.numbers() if draft.names[place] in ACCURACIES]
    rows = []
    for row in draft.rows:
        for seed in seeds:
            again = [*row, seed]
            for place in varied:
                again[place] = _value(rng, draft.names[place])
            rows.append(again)
    draft.rows = rows
    if rng.random() < 0.7:
        draft.options += ["--seed-column", "seed"]


def _seeds_in_columns(rng: np.random.Generator, draft: Draft) -> None:
    place = int(rng.choice(draft.numbers()))
    stem = draft.names[place]
    endings = [["_seed777", "_seed888"], ["_1", "_2", "_3"], ["_seed0", "_1"], ["_seed1", ""]][int(rng.integers(4))]
    draft.names[place : place + 1] = [stem + ending for ending in endings]
    for row in draft.rows:
        row[place : place + 1] = [row[place], *(_value(rng, stem) for _ in endings[1:])]


def _identity_renamed(rng: np.random.Generator, draft: Draft) -> None:
    names = {
        "arch": ("arch_str", "Arch", "architecture", "cell", "hash", "cellstr", "arch str"),
        "index": ("arch_idx", "INDEX", "Index", "idx", "file id", "config_id"),
    }
    for place, name in enumerate(draft.names):
        if name in names:
            draft.names[place] = str(rng.choice(names[name]))
            if rng.random() < 0.5:
                draft.options += ["--arch-column", draft.names[place]]


def _index_disagrees(rng: np.random.Generator, draft: Draft) -> None:
    if "index" not in draft.names:
        draft.names.insert(0, str(rng.choice(["index", "arch_idx", "", "Unnamed: 0"])))
        draft.rows = [[number, *row] for number, row in enumerate(draft.rows)]
    else:
        draft.rows[int(rng.integers(len(draft.rows)))][draft.column("index")] = int(rng.integers(200))


def _index_as_number(rng: np.random.Generator, draft: Draft) -> None:
    """As pandas writes a column of integers that once had a gap."""
    if "index" in draft.names:
        for row in draft.rows:
            row[draft.column("index")] = f"{row[draft.column('index')]}.0"
    elif "arch" in draft.names and rng.random() < 0.5:
        for row in draft.rows:
            row[draft.column("arch")] = int(rng.integers(200))


def _no_identity(rng: np.random.Generator, draft: Draft) -> None:
    gone = [place for place in range(len(draft.names)) if place not in draft.numbers()]
    draft.names = [name for place, name in enumerate(draft.names) if place not in gone]
    draft.rows = [[value for place, value in enumerate(row) if place not in gone] for row in draft.rows]


def _odd_column(rng: np.random.Generator, draft: Draft) -> None:
    place = int(rng.integers(len(draft.names) + 1))
    name = str(rng.choice(ODD_NAMES))
    draft.names.insert(place, name)
    for number, row in enumerate(draft.rows):
        row.insert(place, number)


def _text_column(rng: np.random.Generator, draft: Draft) -> None:
    draft.names.append(str(rng.choice(["board", "note", "config", "dataset", "val_accs"])))
    texts = ("board_2", "a, b; c", 'say "x"', "line\nbreak", "# no comment", "", "{'a': 1}", "|", "cifar10")
    for row in draft.rows:
        row.append(str(rng.choice(texts)))


def _same_name_twice(rng: np.random.Generator, draft: Draft) -> None:
    place = int(rng.integers(len(draft.names)))
    draft.names.append(draft.names[place] if rng.random() < 0.6 else draft.names[place].swapcase())
    for row in draft.rows:
        row.append(_value(rng, "again"))


def _other_case(rng: np.random.Generator, draft: Draft) -> None:
    draft.names = [name.upper() if rng.random() < 0.5 else name.title() for name in draft.names]


def _renamed(rng: np.random.Generator, draft: Draft) -> None:
    draft.options += ["--rename", f"{rng.choice(['val_accuracy_pct', 'index', 'arch', 'x'])}={rng.choice(draft.names)}"]


def _other_order(rng: np.random.Generator, draft: Draft) -> None:
    order = rng.permutation(len(draft.names))
    draft.names = [draft.names[place] for place in order]
    draft.rows = [[row[place] for place in order] for row in draft.rows]


def _ragged(_: np.random.Generator, draft: Draft) -> None:
    draft.is_ragged = True


HABITS: Final[tuple[Callable[[np.random.Generator, Draft], None], ...]] = (
    _fractions, _missing_marks, _rows_by_seed, _seeds_in_columns, _identity_renamed, _index_as_number, _odd_column,
    _text_column, _other_case, _renamed, _other_order,
    _half_fractions, _odd_values, _odd_cells, _same_cell_twice, _index_disagrees, _no_identity, _same_name_twice,
    _ragged,
)  # fmt: skip
_N_HARMFUL: Final = 8
"""Of these, from the end, little can be made but a refusal."""
_HABIT_SHARES: Final = np.array([1.0] * (len(HABITS) - _N_HARMFUL) + [0.4] * _N_HARMFUL)
_HABIT_SHARES /= _HABIT_SHARES.sum()
_HOW_MANY: Final = (0.15, 0.4, 0.3, 0.15)


def _idle_options(rng: np.random.Generator, draft: Draft) -> list[str]:
    """Options that may or may not fit."""
    drawn = rng.random()
    if drawn < 0.03:
        return ["--arch-column", str(rng.choice(["net", *draft.names]))]
    if drawn < 0.06:
        return ["--new-dataset", "svhn"]
    return ["--seed-column", str(rng.choice(["run", *draft.names]))] if drawn < 0.08 else []


HARMLESS: Final = {write.__name__.strip("_") for write in WRITERS} | {"other_case", "other_order"}
"""What leaves every value as it was."""
