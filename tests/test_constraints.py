"""Constraints: what parses, what it means, and how the rest is refused."""

from __future__ import annotations

import math
import operator
import re

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
        Constraint.parse_all(text)
    except InputError as error:
        message = str(error)
    assert "\n" not in message


def _suggested(message):
    """What a message suggests, one text or several; nothing where it was cut."""
    return re.findall(r"'([^']*)'", message.rpartition("did you mean ")[2]) if "did you mean '" in message else []


@given(metrics, st.text("<>=!≤≥~ ", min_size=1, max_size=4), st.one_of(finite.map(repr), st.text(max_size=8)))
def test_what_is_suggested_instead_parses(metric, sign, bound):
    try:
        Constraint.parse_all(metric + sign + bound)
    except InputError as error:
        for text in _suggested(str(error)):
            Constraint.parse_all(text)


# --- two bounds and more -------------------------------------------------------------------------------------------


@given(metrics, st.sampled_from(["<=", "<"]), st.sampled_from(["<=", "<"]), finite, finite, spaces)
def test_a_metric_between_two_bounds(metric, first, second, one, other, space):
    low, high = sorted([one, other])
    forward = f"{space}{low!r}{space}{first}{metric}{space}{second}{space}{high!r}"
    mirror = {"<=": ">=", "<": ">"}
    backward = f"{high!r}{mirror[second]}{metric}{mirror[first]}{low!r}"
    wanted = {Constraint(metric, mirror[first], low), Constraint(metric, second, high)}
    for text in (forward, backward):
        if low == high and "<=" not in {first} & {second}:
            with pytest.raises(InputError, match="nothing lies between"):
                Constraint.parse_all(text)
        else:
            assert set(Constraint.parse_all(text)) == wanted


@given(st.lists(st.tuples(metrics, st.sampled_from(OPERATORS), finite), min_size=1, max_size=4),
       st.sampled_from([" and ", " AND ", "&", " && ", ", ", " , "]))  # fmt: skip
def test_joined_bounds_are_what_each_is_alone(bounds, joint):
    wanted = [Constraint(*bound) for bound in bounds]
    assert Constraint.parse_all(joint.join(map(str, wanted))) == wanted


@given(metrics, st.sampled_from(OPERATORS), finite)
def test_the_bound_may_come_first(metric, sign, bound):
    mirror = {"<=": ">=", ">=": "<=", "<": ">", ">": "<"}
    assert Constraint.parse(f"{bound!r} {sign} {metric}") == Constraint(metric, mirror[sign], bound)


def test_one_is_one_and_names_what_reads_several():
    assert Constraint.parse("12<=latency_ms") == Constraint("latency_ms", ">=", 12.0)
    with pytest.raises(InputError, match=r"it has 2, latency_ms>=12, latency_ms<=14; Constraint\.parse_all reads"):
        Constraint.parse("12<=latency_ms<=14")


@pytest.mark.parametrize(
    ("text", "reason", "suggested"),
    [
        ("14<=latency_ms<=12", "nothing lies between its two bounds", ["12<=latency_ms<=14"]),
        ("12<=latency_ms>=14", "both are bounds from below", ["12<=latency_ms<=14"]),
        ("12>latency_ms<14", "both are bounds from above", ["12<=latency_ms<=14"]),
        ("latency_ms>=12<=14", "the metric goes between them", ["12<=latency_ms<=14"]),
        ("latency_ms<14>12", "the metric goes between them", ["12<=latency_ms<=14"]),
        ("12≤latency_ms<=14", "unknown operator '≤'", ["12<=latency_ms<=14"]),
        ("12<=latency_ms<=14ms", "got '14ms'", ["12<=latency_ms<=14"]),
        ("latency_ms in [12, 14]", "expected METRIC, operator and bound", ["12<=latency_ms<=14"]),
        ("latency_ms between 12 and 14", "expected METRIC, operator and bound", ["12<=latency_ms<=14"]),
        ("flops_m<=100 params_m<=1", "join two bounds with 'and'", ["flops_m<=100 and params_m<=1"]),
        ("flops_m<=100 and params_m=1", "'params_m=1' in 'flops_m<=100 and params_m=1'", ["params_m<=1"]),
        ("flops_m>=100 and <=200", "'<=200' in", ["flops_m<=200"]),
        ("flops_m<=100 or params_m<=1", "all bounds must hold", []),
        ("latency_ms<=12,5", "a comma separates two bounds", ["latency_ms<=12.5"]),
        ("flops_m<=12,000", "a comma separates two bounds", ["flops_m<=12.000", "flops_m<=12000"]),
        ("flops_m<=1_000", "got '1_000'", ["flops_m<=1000"]),
        ("latency_ms<=12,", "expected METRIC", ["latency_ms<=12"]),
        ("not latency_ms<=14", "write the opposite bound", ["latency_ms>14"]),
        ("not (latency_ms<=14)", "write the opposite bound", ["latency_ms>14"]),
        ("!latency_ms<14", "write the opposite bound", ["latency_ms>=14"]),
        ("latency_ms not >= 14", "write the opposite bound", ["latency_ms<14"]),
        ("latency_ms!<=14", "unknown operator '!<='", ["latency_ms>14"]),
        ("a<=1 and not b<=2", "'not b<=2' in", ["b>2"]),
        ("not 12<=a<=14", "expected METRIC, operator and bound", []),
        ("a<=1; b<=2", "join two bounds with 'and'", ["a<=1 and b<=2"]),
        ("a<=1; b<=2; c>=3", "join several bounds with 'and'", ["a<=1 and b<=2 and c>=3"]),
        ("12<=a<=14; b<=2", "join two bounds with 'and'", ["12<=a<=14 and b<=2"]),
        ("a=1; 2≤b", "join two bounds with 'and'", ["a<=1 and 2<=b"]),
        ("a<=1 b<=2 c<=3", "join several bounds with 'and'", ["a<=1 and b<=2 and c<=3"]),
        ("a<=1 xor b<=2", "expected nothing or 'and'", []),
        ("where latency_ms>=14", "expected METRIC", ["latency_ms>=14"]),
        ("latency_ms at least 14", "expected METRIC", ["latency_ms>=14"]),
        ("at most 14 latency_ms", "expected METRIC", ["latency_ms<=14"]),
    ],
)
def test_what_joins_or_bounds_nothing_is_refused_with_the_text_that_does(text, reason, suggested):
    with pytest.raises(InputError) as caught:
        Constraint.parse_all(text)
    assert reason in str(caught.value)
    assert _suggested(str(caught.value)) == suggested
    for right in suggested:
        assert Constraint.parse_all(right)


@pytest.mark.parametrize(
    ("text", "suggested"),
    [
        ("latency_ms=12", "latency_ms<=12"),
        ("latency_ms≤12", "latency_ms<=12"),
        ("latency_ms => 12", "latency_ms>=12"),
        ("12 = latency_ms", "latency_ms<=12"),
        ("12ms>=latency_ms", "latency_ms<=12"),
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


def test_the_source_of_version_0_1_is_ignored_with_a_warning():
    expected = Constraint("latency_ms", "<=", 12.0)
    with pytest.warns(DeprecationWarning, match="argument `source` of a constraint has no effect"):
        assert Constraint("latency_ms", "<=", 12.0, "mine") == expected
    with pytest.warns(DeprecationWarning, match="argument `source` of a constraint has no effect"):
        assert Constraint.parse("latency_ms<=12", source="mine") == expected
    with pytest.warns(DeprecationWarning, match="argument `source` of a constraint has no effect"):
        assert Constraint.parse_all("latency_ms<=12", source="mine") == [expected]
