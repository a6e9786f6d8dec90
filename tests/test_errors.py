"""What is suggested in place of an unknown name, and how a text is made safe for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.errors import InputError, nearest, printable, unknown_choice

COMMANDS = ["search", "train", "score", "evaluate", "data", "spaces", "predictors", "searchers"]
METRICS = ["val_accuracy_pct", "test_accuracy_pct", "val_loss", "latency_fpga_ms", "latency_ms", "flops_m", "params_m"]
PREDICTORS = [
    "probe-former", "proxy-process", "space-process", "nar-former-v2", "gradient-boosting", "gcn", "nar-former-v1",
    "gaussian-process", "random-forest", "ridge", "mlp-ensemble", "ensemble",
]  # fmt: skip
DATASETS = ["cifar10", "cifar100", "ImageNet16-120"]
words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=6, max_size=20)


@pytest.mark.parametrize(
    ("given", "choices", "meant"),
    [
        ("serach", COMMANDS, "search"),
        ("evaluation", COMMANDS, "evaluate"),
        ("evolutoin", ["random", "evolution"], "evolution"),
        ("regularised-evolution", ["random", "evolution"], "evolution"),
        ("val_acc", METRICS, "val_accuracy_pct"),
        ("accuracy", METRICS, "val_accuracy_pct"),
        ("val_acuracy_pct", METRICS, "val_accuracy_pct"),
        ("val_los", METRICS, "val_loss"),
        ("latency", METRICS, "latency_ms"),
        ("lat_ms", METRICS, "latency_ms"),
        ("Latency_MS", METRICS, "latency_ms"),
        ("cifar-10", DATASETS, "cifar10"),
        ("CIFAR100", DATASETS, "cifar100"),
        ("ImageNet", DATASETS, "ImageNet16-120"),
        ("gradient-bosting", PREDICTORS, "gradient-boosting"),
        ("random_forest", PREDICTORS, "random-forest"),
        ("boosting", PREDICTORS, "gradient-boosting"),
        ("nar-former", PREDICTORS, "nar-former-v2"),
        ("xgb", PREDICTORS, None),
        ("val_accuracy_pct", ["index", "val_acc"], "val_acc"),
        ("report", COMMANDS, None),
        ("help", COMMANDS, None),
        ("workers", ["verbose", "jobs", "quiet"], None),
        ("latency_ms", ["index", "arch"], None),
        ("arch", ["cell", "value"], None),
        ("mine", ["embedded"], None),
        ("ab", ["abc", "ac"], None),
        ("", COMMANDS, None),
        ("_-_", COMMANDS, None),
        ("x" * 100_000, COMMANDS, None),
    ],
)
def test_only_what_is_near_is_suggested(given: str, choices: list[str], meant: str | None) -> None:
    assert nearest(given, choices) == meant


@given(words, st.data())
def test_a_typing_error_is_seen_through(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 2))
    kind = data.draw(st.sampled_from(["dropped", "added", "replaced", "swapped"]))
    wrong = {
        "dropped": word[:place] + word[place + 1 :],
        "added": word[:place] + "z" + word[place:],
        "replaced": word[:place] + "z" + word[place + 1 :],
        "swapped": word[:place] + word[place + 1] + word[place] + word[place + 2 :],
    }[kind]
    assert nearest(wrong, ["0000000000", word]) == word


@given(st.text(max_size=30), st.lists(st.text(max_size=30), max_size=5))
def test_any_text_has_a_nearest_choice_or_none(given_text: str, choices: list[str]) -> None:
    assert nearest(given_text, choices) in [None, *choices]


def test_no_hint_where_nothing_is_near() -> None:
    assert str(unknown_choice("command", "report", COMMANDS)) == (
        "unknown command 'report'; known: search, train, score, evaluate, data, spaces, predictors, searchers"
    )


@given(st.text(max_size=50))
def test_nothing_that_moves_a_cursor_is_left(text: str) -> None:
    assert printable(text).isprintable()
    assert str(InputError(text)).isprintable()
    assert all(line.isprintable() for line in printable(text, keep="\n").split("\n"))
    if text.isprintable():
        assert printable(text) == text
