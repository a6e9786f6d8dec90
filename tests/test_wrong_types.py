"""Things of a wrong type in the public Python API: one clear line, whatever they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassurrogate import Surrogate, get_space
from nassurrogate.benchmarks import CallableBenchmark, dataset_names, load_benchmark
from nassurrogate.constraints import Constraint
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric, as_metric, known_metric
from nassurrogate.predictors import predictor_class
from nassurrogate.search import SearchSettings, read_ledger
from nassurrogate.search.searchers.base import resolve_searcher, searcher_class
from nassurrogate.spaces import CategoricalSpace, Slot

QUICK = {"rounds": 2, "members": 1}
SPACE = get_space("nb201")
OWN = CategoricalSpace("own", {"kernel": [3, 5], "width": [16, 32, 64]})
JUNK = st.one_of(
    st.none(),
    st.integers(max_value=-1),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.sampled_from(
        [object(), int, {}, {"a": 1}, {1}, [[]], [None], [["a"]], np.zeros(2), np.zeros((2, 2)), np.array("x")]
    ),
    st.sampled_from([True, range(3), (), (3.5,), iter([]), "\0", np.float64(1), np.array(3), np.array(["1", "2"])]),
)


def fitted() -> Surrogate:
    return Surrogate(predictor="gradient-boosting", config=QUICK).fit([0, 1, 2], [60.0, 70.0, 80.0])


CALLS = {
    "Surrogate(space)": lambda junk: Surrogate(junk, predictor="gradient-boosting"),
    "Surrogate(predictor)": lambda junk: Surrogate(predictor=junk),
    "Surrogate(metric)": lambda junk: Surrogate(predictor="gradient-boosting", metric=junk),
    "Surrogate(config)": lambda junk: Surrogate(predictor="gradient-boosting", config=junk),
    "Surrogate(seed)": lambda junk: Surrogate(predictor="gradient-boosting", seed=junk),
    "Surrogate(device)": lambda junk: Surrogate(predictor="gradient-boosting", device=junk),
    "Surrogate(preset)": lambda junk: Surrogate(predictor="gradient-boosting", preset=junk),
    "fit(archs)": lambda junk: fitted().fit(junk, [60.0, 70.0]),
    "fit(targets)": lambda junk: fitted().fit([0, 1], junk),
    "predict": lambda junk: fitted().predict(junk),
    "score": lambda junk: fitted().score(junk),
    "load": lambda junk: Surrogate.load(junk),
    "get_space": get_space,
    "parse": SPACE.parse,
    "parse_many": SPACE.parse_many,
    "predictor_class": predictor_class,
    "dataset_names": dataset_names,
    "load_benchmark(space)": lambda junk: load_benchmark(junk, "cifar10"),
    "load_benchmark(dataset)": lambda junk: load_benchmark("nb201", junk),
    "load_benchmark(table)": lambda junk: load_benchmark("nb201", "cifar10", table=junk),
    "Constraint.parse": Constraint.parse,
    "Constraint(metric)": lambda junk: Constraint(junk, "<=", 1.0),
    "Constraint(bound)": lambda junk: Constraint("latency_ms", "<=", junk),
    "Constraint(operator)": lambda junk: Constraint("latency_ms", junk, 1.0),
    "SearchSettings(top)": lambda junk: SearchSettings(top=junk),
    "SearchSettings(beta)": lambda junk: SearchSettings(beta=junk),
    "SearchSettings(acquisition)": lambda junk: SearchSettings(acquisition=junk),
    "searcher_class": searcher_class,
    "resolve_searcher": resolve_searcher,
    "Metric(name)": Metric,
    "Metric(unit)": lambda junk: Metric("usefulness", junk),
    "Metric(direction)": lambda junk: Metric("usefulness", direction=junk),
    "Metric(needs_training)": lambda junk: Metric("usefulness", needs_training=junk),
    "Metric(belongs_to)": lambda junk: Metric("usefulness", belongs_to=junk),
    "Metric.from_dict": Metric.from_dict,
    "as_metric": as_metric,
    "known_metric": known_metric,
    "CategoricalSpace(name)": lambda junk: CategoricalSpace(junk, {"kernel": [3, 5]}),
    "CategoricalSpace(slots)": lambda junk: CategoricalSpace("mine", junk),
    "CategoricalSpace(choices)": lambda junk: CategoricalSpace("mine", {"kernel": junk}),
    "CategoricalSpace(costs)": lambda junk: CategoricalSpace("mine", {"kernel": [3, 5]}, costs=junk),
    "CategoricalSpace(canonical)": lambda junk: CategoricalSpace("mine", {"kernel": [3, 5]}, canonical=junk),
    "CategoricalSpace(input_shape)": lambda junk: CategoricalSpace("mine", {"kernel": [3, 5]}, input_shape=junk),
    "Slot(choices)": Slot,
    "Slot(when)": lambda junk: CategoricalSpace("mine", {"first": [1, 2], "second": Slot([3, 5], when=junk)}),
    "from_choices": OWN.from_choices,
    "CategoricalSpace.parse": OWN.parse,
    "CategoricalSpace.parse_many": OWN.parse_many,
    "CategoricalSpace.sample": lambda junk: OWN.sample(junk, np.random.default_rng(0)),
    "CallableBenchmark(space)": lambda junk: CallableBenchmark(junk, len),
    "CallableBenchmark(evaluate)": lambda junk: CallableBenchmark(OWN, junk),
    "CallableBenchmark(metrics)": lambda junk: CallableBenchmark(OWN, len, junk),
    "read_ledger": read_ledger,
}


def refusal(name: str, junk: object) -> str:
    """The refusal, or nothing; anything else that is raised passes through."""
    try:
        CALLS[name](junk)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=40, deadline=None)
@given(junk=JUNK)
def test_junk_is_taken_or_refused_in_one_line(name, junk):
    line = refusal(name, junk)
    assert "\n" not in line
    assert len(line) < 600


@pytest.mark.parametrize("path", ["\n", "a\r\nb", "\x1b[31m", "\u2028", "\udc80"])
def test_a_path_with_line_breaks_is_reported_in_one_line(path):
    line = refusal("load", path)
    assert line.startswith("no model file at")
    assert line.isprintable()


def test_a_path_is_a_path(tmp_path):
    surrogate = fitted()
    for path in (3, None, b"model", "", "a\0b", ["model"]):
        for use in (surrogate.save, Surrogate.load, read_ledger):
            with pytest.raises(InputError, match=r"must be a (valid )?path"):
                use(path)
    assert surrogate.save(str(tmp_path / "model")) == tmp_path / "model"
