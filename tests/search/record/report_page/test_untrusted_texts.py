"""Texts of a run, which anybody may have written, stay texts on its page."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nassurrogate.errors import printable
from nassurrogate.search.record.recorded_run import read_run
from nassurrogate.search.record.report_page import report_page
from tests.search.record.report_page.conftest import Page, changed_ledger

HOSTILE = (
    "<script>alert(1)</script>", "</title><script>x</script>", '"><img src=x onerror=y>', "</style><b>", "<!--", "]]>",
    "&lt;b&gt;", "javascript:x", "' onload='x", "\x1b[31m", "\u202e", "\x00", "</svg>", "<?php ?>", "{{x}}", "\ud800",
)  # fmt: skip
hostile = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=12),
    st.builds(str.__add__, st.text(max_size=4), st.sampled_from(HOSTILE)),
)
NAMED = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "h1", "h2", "h3", "p", "b",
    "ul", "li", "span", "dl", "dt", "dd", "div", "table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption",
    "pre", "code", "wbr", "svg", "g", "path", "rect", "circle", "text",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "name", "content", "http-equiv", "class", "aria-hidden", "xmlns", "viewbox", "width", "height",
    "role", "transform", "d", "x", "y", "cx", "cy", "r", "rx",
}  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(hostile, min_size=8, max_size=8))
def test_no_text_becomes_markup(own_run, tmp_path, texts):
    arch, reason, key, space, dataset, searcher, package, problem = texts

    def change(records):
        config = records[0]["config"] | {
            "space": space, "dataset": dataset, "searcher": searcher, "metric_sources": {package: reason},
            "arguments": {"space": {"object": arch}, "evaluate": {"object": reason}, "budget": 18, problem: package},
            "problem": {"path": problem, "sha256": package}, "device": key, "surrogate": problem, "surrogate_labels": 3,
        }  # fmt: skip
        header = records[0] | {"config": config, "packages": {package: key}, "created": reason}
        return [
            header,
            *(record | {"arch": f"{arch} {record['number']}", "reason": reason, "key": key} for record in records[1:]),
        ]

    folder = changed_ledger(own_run, tmp_path / "run", change)
    page = Page(report_page(read_run(folder)))
    assert {name for name, _ in page.elements} <= NAMED
    assert {attribute for _, attributes in page.elements for attribute in attributes} <= ATTRIBUTES
    assert " ".join(printable(f"{arch} 1", keep="\n").split()) in page.text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_note_of_a_summary_becomes_markup(own_run, tmp_path, text):
    folder = changed_ledger(own_run, tmp_path / "run", lambda records: records)
    summary = json.loads((own_run / "summary.json").read_text(encoding="utf-8"))
    summary |= {"notes": [text], "selected_by": text, "stop_reason": text}
    summary["best"] |= {"choices": {text: text}}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    page = Page(report_page(read_run(folder)))
    assert {name for name, _ in page.elements} <= NAMED
    assert {attribute for _, attributes in page.elements for attribute in attributes} <= ATTRIBUTES
    assert " ".join(printable(text, keep="\n").split()) in page.text
