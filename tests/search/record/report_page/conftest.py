"""Run folders of every kind, and what a browser makes of their pages."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nassurrogate.search import run
from nassurrogate.search.record.report_page import write_report
from nassurrogate.spaces import CategoricalSpace
from tests.search.record.conftest import BOUND

SPACE = CategoricalSpace("mine", {"kernel": [3, 5, 7], "width": [16, 32, 64], "op": ["conv", "pool"]})


def train(arch):
    if arch.choices["op"] == "pool" and arch.choices["kernel"] == 7:
        raise MemoryError("out of <b>memory</b>")
    return 1.0 / arch.choices["width"] + arch.choices["kernel"]


@pytest.fixture(scope="package")
def own_run(tmp_path_factory):
    """The folder of a run on a declared space, some of whose trainings fail."""
    folder = tmp_path_factory.mktemp("runs") / "own"
    run(space=SPACE, evaluate=train, objective="val_loss", budget=18, seed=0, run_dir=folder, plots=False)
    return folder


@pytest.fixture(scope="package")
def finished(bench, tmp_path_factory):
    """(result, folder) of a run of 20 queries on a table."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    options = {"budget": 20, "seed": 0, "predictor": "gradient-boosting", "predictor_config": {"rounds": 20}}
    return run(**options, constraints=BOUND, run_dir=folder, benchmark=bench, plots=False), folder


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._texts: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self._texts.append(data)

    @property
    def text(self) -> str:
        """With one space between words."""
        return " ".join(" ".join(self._texts).split())

    def count(self, tag: str, **attributes: str) -> int:
        return sum(
            name == tag and all(found.get(key.rstrip("_")) == value for key, value in attributes.items())
            for name, found in self.elements
        )


def page_of(folder: Path) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


def changed_ledger(source: Path, folder: Path, change) -> Path:
    """A run folder with the ledger of another one, of which `change(records)` makes other records."""
    folder.mkdir(exist_ok=True)
    records = [json.loads(line) for line in (source / "ledger.jsonl").read_text(encoding="utf-8").splitlines()]
    lines = [json.dumps(record) + "\n" for record in change(records)]
    (folder / "ledger.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder
