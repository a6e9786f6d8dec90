"""README and docs quote what was measured: their tables are those that the scripts make of the stored results."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import fmean, median
from typing import Any

import pytest

from nassurrogate.benchmarks.experiments import mean_and_std, read_lines
from tests.stored_results import PAGES, RESULTS, Script, in_one_line, scripts, stored, tables_of

README, RANKING, SEARCH, OWN_SPACE, COMMAND_LINE, WHOLE_NETWORKS = (
    PAGES[name]
    for name in (
        "README.md", "docs/ranking.md", "docs/search.md", "docs/own-space.md", "docs/command-line.md",
        "docs/whole-networks.md",
    )
)  # fmt: skip
RANKED = [("A1", "cifar10"), ("A2", "cifar100"), ("A4", "ImageNet16-120"), ("A3", "cifar10")]
DATASETS = ("cifar10", "cifar100", "ImageNet16-120")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    yield from scripts(monkeypatch)


# --- tables ---------------------------------------------------------------------------------------------------------


def predictor_rows(script: Script, results: str = "predictors") -> tuple[dict[str, Any], Any]:
    tables = script("predictor_tables")
    return tables, tables["by_row"](read_lines(RESULTS / f"{results}.jsonl"))


def test_tables_of_rankings(script: Script) -> None:
    """All tables of the page with a ±, and no others: one that is edited by hand is found."""
    tables, rows = predictor_rows(script)
    expected = {tables["tau_table"](rows, protocol, dataset) for protocol, dataset in RANKED}
    expected |= {
        tables["tau_table"](
            rows, "A4", dataset, field=tables["COVERAGE"], names=("probe-former", "proxy-process"), bold=False
        )
        for dataset in DATASETS
    }
    ablation = next(part for part in _ablation(script).split("\n\n") if part.startswith("| predictor"))
    compare = script("compare_predictors_nb101")
    nb101 = compare["table"](compare["by_row"](read_lines(RESULTS / "predictors_nb101.jsonl")), "A5")
    few = script("few_labels")["tables"](read_lines(RESULTS / "few_labels.jsonl"))
    assert tables_of(RANKING) == expected | {ablation, nb101, *few.values()}


def _ablation(script: Script) -> str:
    return str(script("ablate_probe_former")["report"](read_lines(RESULTS / "ablation.jsonl")))


def test_tables_of_searches(script: Script) -> None:
    runs, nb101 = script("search_runs"), script("search_nb101")
    expected = {runs[f"{name}_table"](stored("search")) for name in ("regret", "test_accuracy", "single", "other")}
    assert tables_of(SEARCH) == expected | {nb101["report"](stored("search_nb101"))}


def test_tables_of_any_space(script: Script) -> None:
    general, lines = script("measure_general"), stored("general")
    expected = {general["ranking_table"](lines, space) for space in ("macro", "nb201")}
    across, transfers = script("measure_across_spaces"), stored("across_spaces")
    expected |= {across["zero_table"](transfers), across["few_table"](transfers)}
    assert tables_of(OWN_SPACE) == expected | {general["search_table"](lines)}
    about = ("source", "target", "proxies", "labels", "splits")
    assert [{name: line[name] for name in about} for line in transfers] == list(across["tasks"]())
    wanted = list(general["tasks"]())
    assert len(lines) == len(wanted)
    assert all(any(task.items() <= line.items() for line in lines) for task in wanted)


def test_tables_of_whole_networks(script: Script) -> None:
    """`python examples/networks/network_tables.py --write` makes them again."""
    networks = script("network_tables")
    here = script("adapt_here")
    others = {here["report"](list(read_lines(here["RESULTS"])))}
    assert tables_of(WHOLE_NETWORKS) - others == set(networks["tables"](networks["stored_lines"]()))


def test_no_other_page_has_such_tables() -> None:
    checked = {
        "docs/ranking.md", "docs/search.md", "docs/own-space.md", "docs/whole-networks.md", "docs/own-network.md",
    }  # fmt: skip
    assert {name for name, page in PAGES.items() if tables_of(page)} <= checked


def test_tables_of_times(script: Script) -> None:
    figures = script("reproduce_figures")
    assert figures["speed_table"](stored("speed")) in RANKING
    assert figures["search_time_table"](stored("search_time")) in SEARCH
    assert script("measure_score")["score_table"](stored("score")) in COMMAND_LINE


def test_the_summary_of_the_readme(script: Script) -> None:
    assert "\n".join(_summary(script)) in README


def _summary(script: Script) -> Iterator[str]:
    """One row a claim: ours, the best of the other methods measured here, the best that is published."""
    yield "| measure | labels or queries | nassurrogate | best other measured here | best published |"
    yield "| --- | --- | --- | --- | --- |"
    _, rows = predictor_rows(script)
    none = {(row["dataset"], row["predictor"]): row["kendall_tau"] for row in _without_labels()}
    yield f"| Kendall's τ, NAS-Bench-201 cifar10 | 0 | {none['cifar10', 'probe-former']:.3f} | – | – |"
    yield from _taus(rows, "A1", "Kendall's τ, NAS-Bench-201 cifar10", (78, 156, 1563))
    _, rows = predictor_rows(script, "predictors_nb101")
    yield from _taus(rows, "A5", "Kendall's τ, NAS-Bench-101", (100, 4236))
    runs = script("search_runs")
    for dataset in DATASETS:
        found = runs["of"](stored("search"), dataset=dataset, constraint=None, labels="mean")
        yield _search_row(runs, found, f"regret, {dataset} (points)", "–")
    bounded = runs["of"](stored("search"), constraint=runs["CONSTRAINT"], labels="mean")
    yield _search_row(runs, bounded, f"regret, cifar10 with {runs['CONSTRAINT']}", "–")
    yield _own_problem_row(script)
    published = {row[0].partition(",")[0]: row[1:] for row in runs["PUBLISHED_TEST"]}
    for place, dataset in ((1, "cifar10"), (2, "cifar100")):
        found = runs["of"](stored("search"), dataset=dataset, constraint=None, labels="mean", budget=30)
        ours = fmean(row["test_accuracy_pct"] for row in runs["of"](found, **_default(runs)))
        theirs = "; ".join(
            f"{published[name][place]} {name}, {published[name][0]} queries" for name in ("NPENAS", "AG-Net")
        )
        yield f"| test accuracy, {dataset} (%) | 30 | {ours:.2f} | – | {theirs} |"
    networks = script("network_tables")
    yield from networks["summary_rows"](networks["stored_lines"](), stored("across_spaces"))


def _without_labels() -> list[dict[str, Any]]:
    return [line for line in stored("few_labels") if line["kind"] == "no labels"]


def _default(runs: dict[str, Any]) -> dict[str, str]:
    return dict(zip(("predictor", "searcher"), runs["DEFAULT"], strict=True))


def _search_row(runs: dict[str, Any], rows: list[dict[str, Any]], task: str, published: str) -> str:
    ours = fmean(row["regret_points"] for row in runs["of"](rows, budget=30, **_default(runs)))
    others = {
        searcher: fmean(
            runs["regret_after"](row, 30)
            for row in runs["of"](rows, budget=runs["LONGEST"], predictor=predictor, searcher=searcher)
        )
        for predictor, searcher in runs["METHODS"][1:]
    }
    best = min(others, key=others.__getitem__)
    return f"| {task} | 30 | {ours:.3f} | {others[best]:.3f} {best} | {published} |"


def _own_problem_row(script: Script) -> str:
    """The others have no surrogate of this package."""
    compare, lines = script("compare"), stored("own_problem_searches")
    means = {name: compare["interval"](compare["found"](lines, name, 30))[0] for name in compare["METHODS"]}
    others = [name for name, asked in compare["METHODS"].items() if asked.get("predictor") == "none"]
    best = min(others, key=means.__getitem__)
    n_archs = len(script("truth")["Truth"]().archs)
    task = f"regret, [{n_archs} small CNNs on digits](docs/own-network.md#how-well-it-works)"
    return f"| {task} | 30 | {means['default']:.3f} | {means[best]:.3f} {best} | – |"


def _taus(rows: Any, protocol: str, task: str, sizes: tuple[int, ...]) -> Iterator[str]:
    """Ours is probe-former; proxy-process is of this project too, and no other method."""
    from nassurrogate.benchmarks.evaluation import published_rows

    for size in sizes:
        means = {
            name: fmean(line["kendall_tau"] for line in splits.values())
            for (_, by, name, labels), splits in rows.items()
            if (by, labels) == (protocol, size)
        }
        ours = means.pop("probe-former")
        means.pop("proxy-process", None)
        best = max(means, key=means.__getitem__, default=None)
        there = max((row for row in published_rows(protocol) if row.labels == size), key=lambda row: row.kendall_tau)
        yield (
            f"| {task} | {size:,} | {ours:.3f} | {'–' if best is None else f'{means[best]:.3f} {best}'} | "
            f"{there.kendall_tau:.3f} {there.method}{f' ({there.note})' if there.note else ''}"
            f"{' [r]' if there.recalled else ''} |"
        )


# --- figures in the text --------------------------------------------------------------------------------------------


def test_times_of_nb101() -> None:
    times = {row["what"]: row for row in stored("nb101_times")}
    ours, reference = (times[f"all cells scored by {name}"] for name in ("probe-former", "gradient-boosting"))
    for phrase in (
        f"{times['enumeration, first time']['seconds']:.0f} s the first time",
        f"{times['enumeration, from the cache']['seconds']:.1f} s after that",
        f"take it {ours['seconds']:.0f} s on two cores and {ours['most_mb'] / 1000:.1f} GB",
        f"{ours['seconds'] / reference['seconds']:.1f} times as long as gradient boosting",
    ):
        assert phrase in in_one_line(RANKING)
    assert times["load of the imported table"]["seconds"] < 0.1  # as the page says


def test_times_in_the_readme(script: Script) -> None:
    table = script("reproduce_figures")["speed_table"](stored("speed"))
    at_156 = next(line.split(" | ") for line in table.splitlines() if line.startswith("| 156 "))
    assert f"({float(at_156[1]):.0f} s against {float(at_156[2]):.0f} s at 156 labels)" in in_one_line(README)


def test_the_paper_preset() -> None:
    for labels in (78, 156, 781):
        taus = {
            row["split"]: row["kendall_tau"]
            for row in stored("paper_preset")
            if (row["protocol"], row["labels"]) == ("A1", labels)
        }
        assert sorted(taus) == list(range(10))
        assert f"{mean_and_std(list(taus.values()), 3)} at {labels}" in in_one_line(RANKING)
    replayed = {row["labels"]: row["kendall_tau"] for row in stored("paper_preset") if row["protocol"] == "published"}
    assert f"it gives {replayed[156]:.3f} at 156 labels and {replayed[781]:.3f} at 781" in in_one_line(RANKING)


def test_coverage_of_probe_former(script: Script) -> None:
    tables, rows = predictor_rows(script)
    means = [
        fmean(line[tables["COVERAGE"]] for line in splits.values())
        for (_, protocol, name, _), splits in rows.items()
        if (protocol, name) == ("A4", "probe-former")
    ]
    assert all(0.85 <= mean <= 0.95 for mean in means)
    low, high = (round(100 * bound(means)) for bound in (min, max))
    assert f"covers between {low} and {high} % on average" in in_one_line(RANKING)


def test_what_is_said_of_few_labels(script: Script) -> None:
    rows = script("predictor_tables")["by_row"](read_lines(RESULTS / "few_labels.jsonl"))
    means = {
        key: fmean(line["coverage90"] for line in splits.values())
        for key, splits in rows.items()
        if key[1:3] == ("A4", "probe-former")
    }
    covered = [mean for (*_, labels), mean in means.items() if labels >= 10]
    assert all(0.85 <= mean <= 0.95 for mean in covered)
    low, high = (round(100 * bound(covered)) for bound in (min, max))
    assert f"cover is between {low} and {high} % on average from 10 labels on" in in_one_line(RANKING)
    assert max(mean for (*_, labels), mean in means.items() if labels == 5) < low / 100


def test_every_search_is_there_once(script: Script) -> None:
    rows = stored("search")
    tasks = list(script("search_runs")["tasks"](30))
    fields = list(tasks[0])
    assert sorted(str([row[name] for name in fields]) for row in rows) == sorted(str(list(t.values())) for t in tasks)


def test_time_and_memory_of_an_open_space() -> None:
    lines = stored("search_open")
    cpu, peak = (
        {space: median(line[field] for line in lines if line["space"] == space) for space in ("nb201", "open")}
        for field in ("cpu_s", "peak_mb")
    )
    text = in_one_line(OWN_SPACE)
    assert f"takes {cpu['open']:.1f} CPU seconds and {peak['open'] / 1000:.2f} GB, the whole process" in text
    assert f"process, {cpu['open'] / cpu['nb201']:.1f} times as long as one of NAS-Bench-201" in text


def test_figures_of_whole_networks(script: Script) -> None:
    networks = script("network_tables")
    lines, text = networks["stored_lines"](), in_one_line(WHOLE_NETWORKS)
    tests = {
        (line["on"], line["unseen"]): line["families"][line["unseen"]]["test"]
        for line in lines
        if line["protocol"] == "C4" and not line.get("adapt_to")
    }
    for device, phrase in (
        ("CPU", "{:,} networks of 12 families on a phone's CPU"),
        ("GPU", "{:,} networks of 10 of these families on a phone's GPU"),
    ):
        of_device = [count for (on, _), count in tests.items() if on == networks["DEVICES"][device]]
        assert phrase.format(sum(of_device)) in text
    unseen = {device: networks["measured"](lines, "C4", device) for device in networks["DEVICES"]}
    ours = {device: found["roofline", 300] for device, found in unseen.items()}
    for device, found in ours.items():
        assert f"The worst family on the {device} is {found.result.worst}" in text
        adapted = found.adapted.families[found.result.worst].mean["mape_pct"]
        assert re.search(rf"is {found.result.worst}\*\*.*? the error is {adapted:.1f} %", text)
    covered = [
        line["families"]["densenet"]["coverage90"]
        for line in lines
        if (line["on"], line["predictor"], line["unseen"]) == (networks["DEVICES"]["GPU"], "roofline", "densenet")
        and not line.get("adapt_to")
    ]
    assert sorted(share > 0.1 for share in covered) == [False, True, True]
    assert "In one of the three splits, the intervals miss almost all of its networks" in text
    assert f"overestimated by {ours['GPU'].result.families['densenet'].mean['bias_pct']:.0f} %" in text
    adapted_to_cpu, in_domain = ours["CPU"].adapted, networks["measured"](lines, "C3", "CPU")["roofline", None].result
    assert f"What is then largest is {adapted_to_cpu.worst}, whose error" in text
    assert f"is {in_domain.families[adapted_to_cpu.worst].mean['mape_pct']:.1f} % even in domain" in text


def test_the_speed_on_whole_networks() -> None:
    scored, read, _ = read_lines(RESULTS / "network_speed.jsonl")
    text = in_one_line(WHOLE_NETWORKS)
    assert scored["what"] == "score 1,000 networks of 103 operators"
    assert (
        f"On {scored['threads']} CPU cores, 1,000 networks of 103 operators are scored in {scored['seconds']:.2f} s"
        in text
    )
    nodes = re.search(r"(\d+) ONNX nodes", read["what"])
    assert nodes
    assert f"an ONNX file of {nodes[1]} nodes is read in {read['seconds']:.2f} s" in text


def test_the_noise_of_latencies() -> None:
    [line] = read_lines(RESULTS / "latency_noise.jsonl")
    numbers = f"from {line['mape_pct']:.2f} to {line['mape_without_noise_pct']:.2f} %"
    assert f"in split 0, they fall {numbers}" in in_one_line(WHOLE_NETWORKS)


def test_networks_measured_here(script: Script) -> None:
    here = script("adapt_here")
    lines = list(read_lines(here["RESULTS"]))
    assert here["report"](lines) in tables_of(WHOLE_NETWORKS)
    measured = {name.split("/")[1].removesuffix(".onnx"): pair[1] for name, pair in lines[0]["asked"].items()}
    latencies = [f"{measured[name]:.3g}" for name in ("mobilenet_v2", "vit_tiny", "resnet50", "vit_b16")]
    assert f"({', '.join(latencies[:3])} and {latencies[3]} ms)" in in_one_line(WHOLE_NETWORKS)


def test_comparisons_of_whole_networks(script: Script) -> None:
    """Who is ahead, as the page says."""
    networks = script("network_tables")
    lines = networks["stored_lines"]()
    for device in networks["DEVICES"]:
        found = networks["measured"](lines, "C4", device)
        assert next(iter(found)) == ("roofline", 300)
        assert min(found, key=lambda key: found[key].result.median.mean["mape_pct"]) == ("roofline", 300)
    in_domain = {device: [*networks["measured"](lines, "C3", device)] for device in networks["DEVICES"]}
    assert in_domain["GPU"][:2] == [("nar-former-v2-networks:paper", None), ("roofline", None)]
    assert in_domain["CPU"][0] == ("roofline", None)
    gpu = networks["measured"](lines, "C4", "GPU")
    ours, theirs = (gpu[key] for key in (("roofline", 300), ("nnlp-gcn:paper", 300)))
    assert 0 < theirs.mape_pct - ours.mape_pct < ours.result.mean.std["mape_pct"]
    assert [gpu[name, 300].splits for name in networks["NEURAL"]] == [2, 2]
