"""The plot of an evaluation: nothing lies over anything, nothing is left out unsaid."""

from __future__ import annotations

from dataclasses import fields
from itertools import combinations

import pytest

from nassurrogate.benchmarks.evaluation.plot import draw_tau, tau_against_labels
from nassurrogate.benchmarks.evaluation.protocols import get_protocol
from nassurrogate.benchmarks.evaluation.report import ProtocolResult, Row
from nassurrogate.errors import InputError
from nassurrogate.metric import Metric

EMPTY = {field.name: None for field in fields(Row)}
SIZES = {"A1": (50, 78, 156, 469, 781, 1563), "A4": (50,), "A5": (100, 172, 424, 4236)}


def made(protocol, names=("probe-former", "ridge"), sizes=None, undefined=(), splits=3):
    """The result of a protocol, with made-up τ; None where (predictor, labels) is undefined."""
    rows = tuple(
        Row(**EMPTY | {
            "predictor": name, "preset": "default", "labels": size, "splits": splits, "evaluated_cells_mean": size,
            "kendall_tau_mean": None if (name, size) in undefined else 0.7 + 0.02 * place + size / 1e5,
            "kendall_tau_std": 0.02 if splits > 1 else None, "fit_s_median": 1.0, "score_s_median": 1.0,
        })
        for place, name in enumerate(names)
        for size in sizes or SIZES[protocol]
    )  # fmt: skip
    metric = Metric("test_accuracy_pct", direction="maximize")
    return ProtocolResult(get_protocol(protocol), "cifar10", 0, 0.89, None, rows, (), None, None, metric)


@pytest.mark.parametrize("protocol", SIZES)
@pytest.mark.parametrize("names", [["ridge"], [f"predictor-{i}" for i in range(12)]], ids=["one", "many"])
def test_nothing_is_written_over_anything_and_the_legend_over_no_point(protocol, names):
    figure = tau_against_labels(made(protocol, names))
    (axes,) = figure.axes
    figure.canvas.draw()
    legend = axes.get_legend()
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())
    written = [axes._left_title, axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts, *legend.get_texts()]
    written += [tick.label1 for axis in (axes.xaxis, axes.yaxis) for tick in axis.get_major_ticks()]
    low, high = axes.get_ylim()
    hidden = [tick.label1 for tick in axes.yaxis.get_major_ticks() if not low <= tick.get_loc() <= high]
    boxes = [(text.get_text(), text.get_window_extent()) for text in written if text.get_text() and text not in hidden]
    for (one, box), (other, other_box) in combinations(boxes, 2):
        assert not box.shrunk(0.98, 0.98).overlaps(other_box.shrunk(0.98, 0.98)), (one, other)
    for text, box in boxes:
        assert figure.bbox.padded(1).fully_containsx(box.x0), text
        assert figure.bbox.padded(1).fully_containsx(box.x1), text
        assert figure.bbox.padded(1).fully_containsy(box.y0), text


def test_bars_are_explained_and_what_ends_early_is_in_the_legend():
    labels = [text.get_text() for text in tau_against_labels(made("A1")).axes[0].get_legend().get_texts()]
    assert "± 1 std over 3 splits" in labels
    assert "published: FlowerFormer + FGP (own split)" in labels
    single = [text.get_text() for text in tau_against_labels(made("A4", splits=1)).axes[0].get_legend().get_texts()]
    assert not any("±" in text for text in single)


def test_a_row_without_tau_is_named():
    found = made("A1", undefined=[("ridge", 50), ("ridge", 78)])
    about = tau_against_labels(found).axes[0].texts
    assert any(
        "not shown, as τ is undefined: ridge at 50 labels, ridge at 78 labels" in text.get_text() for text in about
    )


def test_neighbouring_numbers_of_labels_do_not_collide():
    axes = tau_against_labels(made("A4", sizes=(50, 51, 52, 1000))).axes[0]
    assert axes.get_xticks().tolist() == [50, 51, 52, 1000]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["50", "", "", "1000"]


@pytest.mark.parametrize(
    ("error", "message"),
    [(OSError(28, "No space left on device"), "cannot write .*: No space left on device"),
     (ValueError("no font"), r"cannot draw .* \(ValueError: no font\)")],
)  # fmt: skip
def test_a_plot_that_fails_leaves_what_was_there(tmp_path, monkeypatch, error, message):
    from matplotlib.figure import Figure

    def torn(self, file, **options):
        file.write(b"half")
        raise error

    (tmp_path / "tau.png").write_bytes(b"earlier")
    monkeypatch.setattr(Figure, "savefig", torn)
    with pytest.raises(InputError, match=message):
        draw_tau(made("A1"), tmp_path / "tau.png")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"earlier"]
