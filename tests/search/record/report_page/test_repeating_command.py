"""The command that a page shows: it makes the same run again."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nassurrogate.cli.app import build_parser
from nassurrogate.metric import Metric
from nassurrogate.search import SearchSettings, read_ledger, run
from nassurrogate.search.record.recorded_run import read_run
from nassurrogate.search.record.report_page.command import is_python, repeating_command
from tests.search.record.report_page.conftest import changed_ledger

PARSER = build_parser()


def words_of(folder):
    found = read_run(folder)
    assert not is_python(found)
    return shlex.split(repeating_command(found).replace(" \\\n  ", " "))  # as a shell joins lines


@pytest.mark.parametrize(
    "options",
    [
        {"predictor": "none", "searcher": "random"},
        {"predictor": "gradient-boosting", "predictor_config": {"rounds": 20}, "constraints": ["params_m<1"]},
        {"predictor": "ridge", "labels": "single", "settings": SearchSettings(n_init=3, acquisition="ucb")},
        {"predictor": "oracle", "dataset": "cifar100", "objective": "val_accuracy_pct"},
    ],
)  # fmt: skip
def test_the_command_makes_the_same_run_again(cli, tmp_path, options):
    run(budget=9, seed=4, run_dir=tmp_path / "first", plots=False, space="nb201", **options)
    name, *arguments = words_of(tmp_path / "first")
    assert name == "nassurrogate"
    done = cli(*arguments, "--run-dir", tmp_path / "again", "--no-plots", "--json")
    assert done.code == 0, done.err
    first, again = (read_ledger(tmp_path / folder) for folder in ("first", "again"))
    assert [(query.arch, query.label) for query in first.queries] == [(q.arch, q.label) for q in again.queries]


text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    known=text, device=text, constraints=st.lists(text, max_size=3), config=st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.one_of(st.integers(), st.booleans(), text), max_size=3
    ),
)  # fmt: skip
def test_every_argument_survives_the_shell(finished, tmp_path, known, device, constraints, config):
    from nassurrogate.cli.options import assignments

    def change(records):
        arguments = {
            "space": "nb201", "budget": 20, "seed": 0, "known": known, "device": device, "constraints": constraints,
            "predictor_config": config, "unordered": True, "labels": "mean", "searcher": "exhaustive",
        }  # fmt: skip
        return [records[0] | {"config": records[0]["config"] | {"arguments": arguments}}, *records[1:]]

    _, *arguments = words_of(changed_ledger(finished[1], tmp_path / "run", change))
    args = PARSER.parse_args(arguments)
    assert (args.known, args.device, args.constraints) == (known, device, constraints)
    assert (args.budget, args.seed, args.unordered) == (20, 0, True)
    assert assignments(args.config, "--config") == config


def test_an_objective_of_unknown_direction_keeps_it(bench, finished, tmp_path):
    metric = Metric("goodness", direction="maximize").as_dict()

    def change(records):
        config = records[0]["config"] | {
            "objective": metric,
            "arguments": {"objective": {"metric": metric}, "budget": 20},
        }
        return [records[0] | {"config": config}, *records[1:]]

    command = " ".join(words_of(changed_ledger(finished[1], tmp_path / "run", change)))
    assert "--objective goodness" in command
    assert command.endswith("--larger-is-better")


def test_a_run_that_was_given_objects_is_repeated_in_python(own_run):
    found = read_run(own_run)
    assert is_python(found)
    lines = repeating_command(found).splitlines()
    assert lines[0] == "nassurrogate.search.run("
    assert "    evaluate=evaluate,  # train" in lines
    assert "    space=space,  # CategoricalSpace" in lines
    assert "    budget=18," in lines
    compile("\n".join(lines), "command", "eval")


def test_a_ledger_of_an_earlier_release_has_a_command(finished, tmp_path):
    def change(records):
        config = {name: value for name, value in records[0]["config"].items() if name != "arguments"}
        return [records[0] | {"config": config}, *records[1:]]

    words = words_of(changed_ledger(finished[1], tmp_path / "run", change))
    args = build_parser().parse_args(words[1:])
    assert (args.space, args.dataset, args.budget, args.seed) == ("nb201", "cifar10", 20, 0)
    assert args.predictor == "gradient-boosting:default"
    assert "rounds=20" in args.config
