"""The sections on what a run was asked, what it took, and what is left to know of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from nassurrogate.display.markup import Markup, element
from nassurrogate.display.metric_words import value_in_words
from nassurrogate.errors import InputError, one_line
from nassurrogate.search.record.known_truth import KnownTruth
from nassurrogate.search.record.progress import label_noise
from nassurrogate.search.record.recorded_run import RecordedRun
from nassurrogate.search.record.report import result_rows
from nassurrogate.search.record.report_page.command import is_python, repeating_command
from nassurrogate.search.record.report_page.parts import (
    facts,
    facts_in_columns,
    notes,
    paragraph,
    section,
    table,
)
from nassurrogate.search.record.report_page.words import percent, sentence_case, times_taken

_MOST_FAILURES = 200


def asked(run: RecordedRun) -> Markup | None:
    """What the run was asked to do."""
    config, objective = run.config, run.objective
    labels = ""
    if objective.needs_training:
        is_single = all(query.label_kind == "single" for query in run.labelled) if run.labelled else None
        if is_single or config["labels"] == "single":
            labels = "single trainings"
        elif is_single is not None or config.get("is_table", True):
            labels = "means over the training seeds"
        noise = label_noise(run)
        if noise is None:
            labels += "; how much they vary is unknown" if is_single else ""
        else:
            std = value_in_words(noise.std, objective, ".2g")
            labels += f"; one training has a standard deviation of {std}, {noise.origin}"
    problem = config.get("problem")
    size = "unknown size" if config.get("n_space") is None else f"{config['n_space']:,} architectures"
    rows = [
        ("Space", f"{config['space']}, {size}"),
        ("Data set", config["dataset"]),
        ("Problem file", None if problem is None else str(problem.get("path"))),
        ("Objective", f"{objective.name}, {objective.better}"),
        ("Constraints", ", ".join(config["constraints"]) or "none"),
        ("Budget", f"{config['budget']:,} queries"),
        ("Labels", labels),
        ("Fidelity", None if config.get("fidelity") is None else f"{config['fidelity']} in every query"),
        ("Searcher", config["searcher"]),
        ("Predictor", "none: every proposal is evaluated" if config["predictor"] == "none" else _predictor(config)),
        ("Starts from", _start(config)),
        ("Seed", str(config["seed"])),
        ("Workers", f"{config['workers']} evaluations at once" if (config.get("workers") or 1) > 1 else None),
        ("Device", config.get("device")),
        ("Started", run.header.get("created")),
    ]
    return section("What was asked", facts_in_columns(rows))


def _predictor(config: Any) -> str:
    return f"{config['predictor']}{' (guided by the truth itself, an upper bound)' if config['oracle'] else ''}"


def _start(config: Any) -> str | None:
    parts = []
    if config.get("surrogate_labels"):
        source = f" of {config['surrogate']}" if config.get("surrogate") else ""
        parts.append(f"{config['surrogate_labels']:,} saved labels{source}, which cost no query")
    if config.get("n_known"):
        parts.append(f"{config['n_known']:,} known results that are not queried again")
    return "; ".join(parts) or None


def failures(run: RecordedRun) -> Markup | None:
    """The evaluations that gave no label, with their reasons."""
    failed = [query for query in run.queries if query.label is None]
    if not failed:
        return None
    reasons = Counter(query.reason for query in failed)
    share = f"{len(failed)} of {len(run.queries)} evaluations gave no label ({percent(len(failed) / len(run.queries))})"
    common, count = reasons.most_common(1)[0]
    most = f"; the most common reason, {count} times: {common}" if count > 1 else ""
    rows = [[str(query.number), query.status, query.arch, query.reason] for query in failed[:_MOST_FAILURES]]
    left_out = len(failed) - len(rows)
    return section(
        "Failures",
        paragraph(f"{share}. None of them was used as a label{most}."),
        table(["query", "status", "architecture", "reason"], rows, ["query"]),
        paragraph(f"{left_out} more are in the ledger.") if left_out else None,
    )


def drawing(run: RecordedRun, truth: KnownTruth) -> Markup | None:
    """The network of the best architecture, or why it is not there."""
    if run.result is None:
        return None
    title = "The best network"
    arch = truth.architecture(run.result["best"]["arch"])
    if arch is None:
        reason = truth.lacking or "its space does not know this architecture"
        return section(title, paragraph(f"No drawing: {reason}."))
    from nassurrogate.graphs.drawing import draw_svg
    from nassurrogate.spaces.network_space import NetworkSpace

    if not isinstance(arch.space, NetworkSpace):
        return section(
            title, paragraph(f"No drawing: the space {arch.space.name} does not say what network it builds.")
        )
    try:
        graph = arch.space.operator_graph(arch)
        svg = Markup(draw_svg(graph))
    except InputError as error:
        return section(title, paragraph(f"No drawing: {error}."))
    except Exception as error:  # a user's own code builds the network
        return section(title, paragraph(f"No drawing: {one_line(error)}."))
    text = f"{graph.n_operators:,} operators at inference"
    hint = "Batch norms are part of the convolutions; a block that comes several times in a row is drawn once."
    return section(title, paragraph(f"{text}. {hint}"), element("div", svg, class_="drawing"))


def costs(run: RecordedRun) -> Markup | None:
    """What the run took."""
    rows: list[tuple[str, str | None]] = [(sentence_case(name), text) for name, text in times_taken(run)]
    if run.result is not None:
        kept = dict(result_rows(run.result))
        rows += [(sentence_case(name), kept.get(name)) for name in ("queries", "predictor calls", "sources")]
    return section("What it took", facts(rows))


def repeat(run: RecordedRun) -> Markup | None:
    """How to make the same run again, and with what it was made."""
    hint = "In Python, with the objects that were passed to the run:" if is_python(run) else None
    packages = run.header.get("packages") or {}
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    problem = run.config.get("problem")
    rows = [
        ("Versions", versions),
        ("Table", f"SHA-256 {run.header['table_sha256']}" if run.header.get("table_sha256") else None),
        ("Problem file", f"SHA-256 {problem.get('sha256')}" if problem is not None else None),
        ("Run folder", str(run.folder)),
    ]
    return section(
        "Run it again",
        paragraph(hint) if hint else None,
        element("pre", element("code", repeating_command(run)), class_="command"),
        facts(rows),
    )


def remarks(run: RecordedRun, truth: KnownTruth) -> Markup | None:
    """The notes of the run, and what is wrong with its folder."""
    lines = [*run.notes, *(run.summary["notes"] if run.summary is not None else [])]
    if truth.lacking and truth.benchmark is None and run.config.get("is_table", True):
        lines.append(f"what a table would know is not shown: {truth.lacking}")
    return section("Notes", notes(lines))
