"""The picture of where the time goes, for few and for many operators."""

from __future__ import annotations

from pathlib import Path

import pytest

from nassurrogate import InputError
from nassurrogate.devices.latency_plot import MOST_PANELS, _stages, draw_breakdown
from nassurrogate.devices.latency_prediction import KernelTime, PredictedLatency
from tests.benchmarks.networks.models import graph_of

ROLES = ("convolution", "depthwise convolution", "matrix product", "pool", "elementwise", "data movement", "unknown")


def prediction(n_kernels: int) -> PredictedLatency:
    """One with kernels of all roles and many kinds."""
    kernels = tuple(
        KernelTime(
            position=1 + place,
            role=ROLES[place % 7],
            kind=f"Kind{place % 23} 3x3/1",
            shape=(1, 64, 56 >> (place * 4 // n_kernels), 56 >> (place * 4 // n_kernels)),
            latency_ms=0.01 + place % 5,
            is_unknown=place % 7 == 6,
            is_beyond=False,
        )
        for place in range(n_kernels)
    )
    total = sum(kernel.latency_ms for kernel in kernels)
    return PredictedLatency(graph_of(4), "toaster", total, total / 2, total * 2, kernels)


@pytest.mark.parametrize(("n_kernels", "panels"), [(1, 1), (5, 2), (500, 3)])
def test_every_prediction_has_a_panel(tmp_path: Path, n_kernels: int, panels: int) -> None:
    titles = [f"net{place}.onnx on a $device$" for place in range(panels)]
    path = draw_breakdown([prediction(n_kernels)] * panels, titles, tmp_path / "t.svg", "svg")
    text = path.read_text()
    assert all(title in text for title in titles)
    assert text.count("along the") == panels
    assert (f"{n_kernels} operators after fusion") in text
    assert ("other kinds" in text) == (n_kernels > 23)
    assert ("unlike the training data" in text) == (n_kernels > 6)


def test_stages_are_runs_of_one_resolution() -> None:
    def kernel(role: str, *shape: int) -> KernelTime:
        return KernelTime(1, role, "Kind", shape, 2.0, False, False)

    kernels = [
        kernel("data movement", 1, 3, 9, 9),  # before any image
        kernel("convolution", 1, 8, 32, 32),
        kernel("pool", 1, 8, 1, 1),  # squeeze and excitation
        kernel("convolution", 1, 8, 32, 32),
        kernel("elementwise", 1, 8, 16, 16),  # counts as before: it may be no image
        kernel("depthwise convolution", 1, 8, 16, 16),
        kernel("matrix product", 1, 10),
    ]
    assert _stages(kernels) == [("", 0.0, 2.0), ("32x32", 2.0, 10.0), ("16x16", 10.0, 14.0)]


def test_what_cannot_be_drawn_or_written(tmp_path: Path) -> None:
    one = prediction(3)
    with pytest.raises(InputError, match=f"at most {MOST_PANELS} predictions, got {MOST_PANELS + 1}"):
        draw_breakdown([one] * (MOST_PANELS + 1), ["a"] * (MOST_PANELS + 1), tmp_path / "t.png", "png")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        draw_breakdown([one], ["a"], tmp_path / "file" / "t.png", "png")
    with pytest.raises(InputError, match="cannot draw"):
        draw_breakdown([one], ["a"], tmp_path / "t.gif", "nonsense")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file"]
