"""The kinds of operators that are known."""

from __future__ import annotations

import logging
from collections import Counter

import onnx
import pytest

from nassurrogate.graphs.operator_kinds import GROUPS, KNOWN_KINDS, canonical_kind, group_of, warn_unknown

RESULTS_OF_RULES = {"Input", "Silu", "AdaptiveAveragePool"}
"""Kinds that ONNX has no operator for."""


def test_every_kind_is_in_one_group() -> None:
    assert [kind for kind, count in Counter(KNOWN_KINDS).items() if count > 1] == []
    assert all(group_of(kind) == group for group, kinds in GROUPS.items() for kind in kinds)


def test_names_are_those_of_onnx() -> None:
    names = {schema.name for schema in onnx.defs.get_all_schemas()}
    assert set(KNOWN_KINDS) - names == RESULTS_OF_RULES


@pytest.mark.parametrize("name", ["Flatten", "Squeeze", "Unsqueeze", "Reshape"])
def test_reshapes_of_any_name_are_one_kind(name: str) -> None:
    assert canonical_kind(name) == canonical_kind(name, "ai.onnx") == "Reshape"
    assert canonical_kind(name, "my.ops") == f"my.ops.{name}"


def test_a_warning_names_the_unknown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert warn_unknown(["Conv", "b.B", "a.A", "b.B"], "net") == {"a.A", "b.B"}
        assert warn_unknown(["Conv"], "net") == set()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("net has unknown operators: a.A, b.B; ")
