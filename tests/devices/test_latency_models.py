"""Models of latency: those that ship, files, names of metrics, adaptation."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate import InputError, Surrogate
from nassurrogate.constraints import Constraint
from nassurrogate.devices.latency_models import (
    SHIPPED_FOLDER,
    adapted_to,
    device_of,
    latency_metric,
    latency_predictor,
    shipped_devices,
)
from nassurrogate.devices.latency_prediction import predicted_latencies
from nassurrogate.graphs.readers.network import read_network
from tests.benchmarks.networks.models import graph_of
from tests.networks import IMAGE, NETWORKS

CHANNELS = [4, 8, 16, 32, 64]


def test_the_shipped_devices() -> None:
    assert shipped_devices() == ["adreno640_gpu", "cortexA76_cpu"]
    for device in shipped_devices():
        model = latency_predictor(device)
        assert (model.metric, device_of(model)) == (f"{device}.latency_ms", device)
        assert model.labels is None, "no measurement is handed on"
        assert (SHIPPED_FOLDER / f"{device}.safetensors").stat().st_size < 1_000_000


def test_their_licence_lies_beside_them() -> None:
    notice = (SHIPPED_FOLDER / "NOTICE.txt").read_text()
    assert all(f"{device}.safetensors" in notice for device in shipped_devices())
    for words in ("nn-Meter", "MIT License", "Copyright (c) Microsoft Corporation", "Permission is hereby granted"):
        assert words in notice


def test_mobilenet_v2_on_the_phones() -> None:
    """nn-Meter's MobileNetV2 of this size, with one group of channels more or less, takes some 40 ms on the CPU."""
    with torch.device("meta"):
        network = NETWORKS["mobilenet_v2"]()
    graph = read_network(network, input_shape=IMAGE)
    [cpu], [gpu] = (
        predicted_latencies(latency_predictor(each), [graph]) for each in ("cortexA76_cpu", "adreno640_gpu")
    )
    assert 30 < cpu.latency_ms < 60
    assert 4 < gpu.latency_ms < 30
    for found in (cpu, gpu):
        assert found.low_ms < found.latency_ms < found.high_ms < 1.3 * found.low_ms
        assert found.unknown_share == 0
        assert found.beyond_share < 0.1
    # The page shows what the command prints.
    page = (Path(__file__).parents[2] / "docs" / "whole-networks.md").read_text(encoding="utf-8")
    row = re.search(r"^mobilenetv2\.onnx +cortexA76_cpu +(.+)$", page, re.MULTILINE)
    assert row is not None
    numbers = f"{cpu.latency_ms:.3g} {cpu.low_ms:.3g} to {cpu.high_ms:.3g} {graph.flops / 2e9:.3g} "
    assert row[1].split() == [*numbers.split(), f"{graph.params / 1e6:.3g}"]


def test_a_vision_transformer_is_unlike_all_of_them() -> None:
    with torch.device("meta"):
        network = NETWORKS["vit_tiny"]()
    [found] = predicted_latencies(latency_predictor("cortexA76_cpu"), [read_network(network, input_shape=IMAGE)])
    assert found.unknown_share + found.beyond_share > 0.5
    assert found.high_ms > 1.5 * found.latency_ms


@given(st.text(min_size=1, max_size=40))
def test_every_device_has_a_metric_that_bounds_can_name(device: str) -> None:
    if not any(character.isascii() and character.isalnum() for character in device):
        with pytest.raises(InputError, match="has no letters or digits"):
            latency_metric(device)
        return
    metric = latency_metric(device)
    assert (metric.unit, metric.larger_is_better, metric.needs_training) == ("ms", False, False)
    assert Constraint.parse(f"{metric.name}<=2").metric == metric.name


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("AMD_EPYC_ort1.32.0", "AMD_EPYC_ort1.32.0"),
        ("my laptop", "my_laptop"),
        ("gpu-T4-trt7.1-fp32", "gpu-T4-trt7.1-fp32"),
        ("Böller (2)", "B_ller_2"),
        ("delta per train", "delta_per_train"),  # words that leave a direction open in other names
    ],
)
def test_names_of_metrics(device: str, name: str) -> None:
    assert latency_metric(device).name == f"{name}.latency_ms"
    surrogate = Surrogate("networks", metric=latency_metric(device))
    assert device_of(surrogate) == name
    assert not surrogate.higher_is_better


def fitted(device: str, speed: float = 1.0) -> Surrogate:
    """A device whose latency grows with the channels of small networks."""
    latencies = [(0.1 + 0.01 * channels) / speed for channels in CHANNELS]
    return Surrogate("networks", metric=latency_metric(device)).fit([graph_of(each) for each in CHANNELS], latencies)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = fitted("toaster").save(tmp_path / "toaster")
    for given_path in (path, str(path)):
        assert device_of(latency_predictor(given_path)) == "toaster"
    with pytest.raises(InputError, match=r"unknown device 'toster'; known: adreno640_gpu, cortexA76_cpu, or the path"):
        latency_predictor("toster")


@pytest.mark.parametrize(
    ("space", "metric", "labels"),
    [("nb201", "latency_ms", [0, 1]), ("networks", "energy_mj", [graph_of(4), graph_of(8)])],
)
def test_a_file_of_something_else(tmp_path: Path, space: str, metric: str, labels: list[object]) -> None:
    path = Surrogate(space, metric=metric).fit(labels, [1.0, 2.0]).save(tmp_path / "m")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"predicts {metric} of {space}; expected a file that train-latency wrote"):
        latency_predictor(path)


def test_adaptation_leaves_the_first_device_as_it_is(tmp_path: Path) -> None:
    base = fitted("toaster")
    graphs = [graph_of(each) for each in CHANNELS]
    before, _ = base.predict(graphs)
    kettle = adapted_to(base, "kettle", graphs[1:4], [0.09 / 2, 0.13 / 2, 0.21 / 2])
    assert (kettle.metric, kettle.n_labels, kettle.labels) == ("kettle.latency_ms", 8, None)
    assert np.array_equal(base.predict(graphs)[0], before)
    assert (base.metric, base.n_labels) == ("toaster.latency_ms", 5)
    assert (kettle.predict(graphs)[0] < before).all()
    loaded = Surrogate.load(kettle.save(tmp_path / "kettle"))
    assert np.array_equal(loaded.predict(graphs), kettle.predict(graphs))
    assert loaded.label_stats == kettle.label_stats
