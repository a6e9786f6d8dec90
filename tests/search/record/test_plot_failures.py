"""Plots that cannot be drawn or written."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nassurrogate.errors import InputError
from nassurrogate.search import run
from nassurrogate.search.record.plots import draw_plots


def test_a_plot_is_written_whole_or_not_at_all(finished, bench, monkeypatch):
    from matplotlib.figure import Figure

    folder = finished[1] / "plots"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    save = Figure.savefig

    def torn(self, file, **options):
        if self.axes[0].get_title(loc="left").startswith("Best"):
            file.write(b"\x89PNG")
            raise OSError(28, "No space left on device")
        save(self, file, **options)

    monkeypatch.setattr(Figure, "savefig", torn)
    with pytest.raises(InputError, match=r"best_so_far.png \(No space left on device\); the ledger is complete"):
        draw_plots(finished[1], bench)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_note_of_a_run_names_the_plot_that_is_missing_and_no_other(bench, monkeypatch, tmp_path):
    from matplotlib.figure import Figure

    save = Figure.savefig

    def full(self, file, **options):
        if "against" in self.axes[0].get_title(loc="left"):
            raise OSError(28, "No space left on device")
        save(self, file, **options)

    monkeypatch.setattr(Figure, "savefig", full)
    result = run(budget=2, seed=0, predictor="none", benchmark=bench, run_dir=tmp_path / "run")
    missing = tmp_path / "run" / "plots" / "accuracy_vs_latency_ms.png"
    assert result["notes"][-1] == f"cannot draw {missing} (No space left on device); the ledger is complete"
    assert [path.name for path in missing.parent.iterdir()] == ["best_so_far.png"]


def test_whatever_fails_is_one_error_and_the_others_are_drawn(finished, bench, monkeypatch, tmp_path):
    (tmp_path / "ledger.jsonl").write_bytes((finished[1] / "ledger.jsonl").read_bytes())

    def broken(ledger):
        raise ValueError("no\nfont")

    monkeypatch.setattr("nassurrogate.search.record.plots.predicted_vs_true", broken)
    with pytest.raises(InputError, match=r"predicted_vs_true.png \(ValueError: no font\)"):
        draw_plots(tmp_path, bench)
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        "accuracy_vs_params_m.png", "best_so_far.png",
    ]  # fmt: skip


def test_a_full_disk_leaves_no_torn_plot(finished, tmp_path):
    """A limit on the size of files in its place: a write beyond it fails in the same way."""
    (tmp_path / "ledger.jsonl").write_bytes((finished[1] / "ledger.jsonl").read_bytes())
    script = (
        "import sys, resource\n"
        "from nassurrogate.benchmarks import load_benchmark\n"
        "from nassurrogate.errors import InputError\n"
        "from nassurrogate.search.record.plots import draw_plots\n"
        "import matplotlib.figure, matplotlib.backends.backend_agg, matplotlib.font_manager\n"
        "bench = load_benchmark('nb201', 'cifar10')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    draw_plots(sys.argv[1], bench)\n"
        "except InputError as error:\n"
        "    print(error)\n"
    )
    found = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert found.stdout.count("File too large") == 3
    assert list((tmp_path / "plots").iterdir()) == []
