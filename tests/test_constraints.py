"""Constraints: what parses, what it means, and how a user is told about the rest."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.constraints import OPERATORS, Constraint
from nassurrogate.errors import InputError

MEANING = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
metrics = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,15}|[0-9]{1,4}[a-z][A-Za-z0-9_.-]{0,15}_ms", fullmatch=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
spaces = st.text(" \t", max_size=2)


@given(metrics, st.sampled_from(OPERATORS), finite, spaces, spaces, spaces)
def test_what_is_printed_parses_to_itself(metric, sign, bound, before, between, after):
    constraint = Constraint(metric, sign, bound)
    assert Constraint.parse(str(constraint)) == constraint
    spaced = f"{before}{metric}{between}{sign}{after}{bound!r}{before}"
    assert Constraint.parse(spaced) == constraint


@given(st.sampled_from(OPERATORS), finite, st.lists(st.floats(allow_infinity=False), max_size=8))
def test_check_and_violation_mean_the_operator(sign, bound, values):
    constraint = Constraint("latency_ms", sign, bound)
    for given_values in (values, [bound, math.nextafter(bound, math.inf), math.nextafter(bound, -math.inf)]):
        kept = constraint.check(np.array(given_values))
        assert kept.tolist() == [not math.isnan(v) and MEANING[sign](v, bound) for v in given_values]
        broken = constraint.violation(np.array(given_values))
        assert not np.isnan(broken).any()
        assert (broken <= 0).tolist() == kept.tolist()


def test_violation_is_the_distance_in_the_metrics_unit():
    values = np.array([10.0, 12.5, np.nan])
    assert Constraint.parse("latency_ms<=12").violation(values).tolist() == [-2.0, 0.5, np.inf]
    assert Constraint.parse("latency_ms>=12").violation(values).tolist() == [2.0, -0.5, np.inf]


@given(st.text(max_size=30))
def test_any_text_parses_or_is_refused_in_one_line(text):
    message = ""
    try:
        Constraint.parse(text)
    except InputError as error:
        message = str(error)
    assert "\n" not in message


@given(metrics, st.text("<>=!≤≥~ ", min_size=1, max_size=4), st.one_of(finite.map(repr), st.text(max_size=8)))
def test_what_is_suggested_instead_parses(metric, sign, bound):
    try:
        Constraint.parse(metric + sign + bound)
    except InputError as error:
        if "did you mean '" in str(error):
            Constraint.parse(str(error).rsplit("did you mean '", 1)[1].removesuffix("?").removesuffix("'"))


@pytest.mark.parametrize(
    ("text", "suggested"),
    [
        ("latency_ms=12", "latency_ms<=12"),
        ("latency_ms≤12", "latency_ms<=12"),
        ("latency_ms => 12", "latency_ms>=12"),
        ("12>=latency_ms", "latency_ms<=12"),
        ("latency_ms<=12ms", "latency_ms<=12"),
        ("latency_ms 12", "latency_ms<=12"),
        ("latency_ms<=nan", "latency_ms<=12"),
        ("latency_ms<inf", "latency_ms<12"),
        ("latency_ms<=1e999", "latency_ms<=12"),
        ("", "latency_ms<=12"),
    ],
)
def test_the_nearest_valid_form_is_named(text, suggested):
    with pytest.raises(InputError) as caught:
        Constraint.parse(text)
    assert repr(suggested) in str(caught.value)


@pytest.mark.parametrize("bound", [math.nan, math.inf, -math.inf, True, "12", None])
def test_a_bound_is_a_finite_number(bound):
    with pytest.raises(InputError, match="finite number"):
        Constraint("latency_ms", "<=", bound)


def test_an_unknown_operator_is_refused():
    with pytest.raises(InputError, match=r"unknown operator '=='.*did you mean '<='"):
        Constraint("latency_ms", "==", 12.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [None, 12, ["latency_ms<=12"]])
def test_a_constraint_is_a_text(text):
    with pytest.raises(InputError, match="a constraint is a text"):
        Constraint.parse(text)
