"""What a metric's name says, what it does not, and what the user says instead."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.errors import InputError
from nassurrogate.metric import UNITS, Metric, as_metric, ends_with_unit, known_metric

LARGER, SMALLER, UNKNOWN = "maximize", "minimize", None

OF_FUNCTION = {
    # what the benchmarks here have
    "val_accuracy_pct": (LARGER, "percent"),
    "test_accuracy_pct": (LARGER, "percent"),
    "train_accuracy_pct": (LARGER, "percent"),
    "val_accuracy_12ep_pct": (LARGER, "percent"),
    "val_loss_nats": (SMALLER, "nats"),
    "test_loss_nats": (SMALLER, "nats"),
    "test_acc_1": (LARGER, "unknown"),
    # what others call it
    "acc": (LARGER, "unknown"),
    "Accuracy": (LARGER, "unknown"),
    "top1_pct": (LARGER, "percent"),
    "TOP-5_pct": (LARGER, "percent"),
    "valTop1": (LARGER, "unknown"),
    "val_err_pct": (SMALLER, "percent"),
    "top1_error_pct": (SMALLER, "percent"),
    "crossEntropyLoss": (SMALLER, "unknown"),
    "perplexity": (SMALLER, "unknown"),
    "AUC": (LARGER, "unknown"),
    "area_under_curve": (LARGER, "unknown"),
    "val_f1_pct": (LARGER, "percent"),
    "F1": (LARGER, "unknown"),
    "mIoU": (LARGER, "unknown"),
    "mAP": (LARGER, "unknown"),
    "mAP_50_95": (LARGER, "unknown"),
    "val_map_pct": (LARGER, "percent"),
    "precision": (LARGER, "unknown"),
    "precision@1": (LARGER, "unknown"),
    "AP": (LARGER, "unknown"),
    "ap50": (LARGER, "unknown"),
    "AP_small": (LARGER, "unknown"),
    "val_ap_pct": (LARGER, "percent"),
    "test_auc_pct": (LARGER, "percent"),
    "miou_pct": (LARGER, "percent"),
    "errors": (SMALLER, "unknown"),
    "recall_pct": (LARGER, "percent"),
    "psnr_db": (LARGER, "dB"),
    "memory_accuracy_pct": (LARGER, "percent"),
    # what may mean anything
    "usefulness": (UNKNOWN, "unknown"),
    "score": (UNKNOWN, "unknown"),
    "feature_map_count": (UNKNOWN, "count"),
    "testacc1_pct": (UNKNOWN, "percent"),
    "neg_val_loss": (UNKNOWN, "unknown"),
    "val_accuracy_std_pct": (UNKNOWN, "percent"),
    "accuracy_drop_pct": (UNKNOWN, "percent"),
    "error_free_pct": (UNKNOWN, "percent"),
    "error_bars": (UNKNOWN, "unknown"),
    "loss_scale": (UNKNOWN, "unknown"),
    "loss_weight": (UNKNOWN, "unknown"),
    "precision_bits": (UNKNOWN, "bits"),
    "weight_precision": (UNKNOWN, "unknown"),
    "mixed_precision": (UNKNOWN, "unknown"),
    "voltage_mV": (UNKNOWN, "mV"),
    "clock_MHz": (UNKNOWN, "MHz"),
    "accuracy_rank": (UNKNOWN, "unknown"),
    "1-acc": (UNKNOWN, "unknown"),
    "1 - accuracy": (UNKNOWN, "unknown"),
    "1-top1_pct": (UNKNOWN, "percent"),
    "time_s": (UNKNOWN, "s"),
}
OF_ARCHITECTURE = {
    "latency_ms": (SMALLER, "ms"),
    "raspi4.latency_ms": (SMALLER, "ms"),
    "1080ti_1_ms": (SMALLER, "ms"),
    "1080ti-x_ms": (SMALLER, "ms"),
    "laptop_ms": (SMALLER, "ms"),
    "desktop1_ms": (SMALLER, "ms"),
    "LatencyMS": (SMALLER, "unknown"),
    "accelerator_latency_ms": (SMALLER, "ms"),
    "latency_f32_ms": (SMALLER, "ms"),
    "top1_head_latency_ms": (SMALLER, "ms"),
    "edgegpu_energy_mj": (SMALLER, "mJ"),
    "energy_j": (SMALLER, "J"),
    "power_w": (SMALLER, "W"),
    "power_mW": (SMALLER, "mW"),
    "POWER_KW": (SMALLER, "kW"),
    "current_uA": (SMALLER, "uA"),
    "avg_current_draw_mA": (SMALLER, "mA"),
    "current_A": (SMALLER, "A"),
    "latency_MS": (SMALLER, "ms"),
    "latency_sec": (SMALLER, "s"),
    "energy_per_inference_mj": (SMALLER, "mJ"),
    "energy_per_image_uJ": (SMALLER, "uJ"),
    "time_per_frame_ms": (SMALLER, "ms"),
    "params": (SMALLER, "unknown"),
    "table_params_m": (SMALLER, "millions"),
    "mixed_precision_params_m": (SMALLER, "millions"),
    "flops_m": (SMALLER, "millions"),
    "flops_f32_m": (SMALLER, "millions"),
    "GFLOPs": (SMALLER, "unknown"),
    "maccs_m": (SMALLER, "millions"),
    "mult_adds_m": (SMALLER, "millions"),
    "peak_memory_mb": (SMALLER, "MB"),
    "activation_mb": (SMALLER, "MB"),
    "feature_map_mb": (SMALLER, "MB"),
    "size_kb": (SMALLER, "kB"),
    "peak_memory_MiB": (SMALLER, "MiB"),
    "fps": (LARGER, "frames/s"),
    "throughput_fps": (LARGER, "frames/s"),
    "throughput_img_s": (LARGER, "img/s"),
    "throughput": (LARGER, "unknown"),
    "images_per_second": (LARGER, "images/second"),
    "eyeriss_arithmetic_intensity_ops_per_byte": (UNKNOWN, "ops/byte"),
    "flops_per_watt": (UNKNOWN, "flops/watt"),
    "latency_std_ms": (UNKNOWN, "ms"),
}
OF_TRAINING = {
    "train_time_s": "s",
    "training_time_s": "s",
    "train_time_12ep_s": "s",
    "epoch_time_s": "s",
    "time_per_epoch_s": "s",
    "train_energy_kwh": "kWh",
    "gpu_hours": "unknown",
}


@pytest.mark.parametrize("name", OF_FUNCTION)
def test_what_is_measured_of_a_trained_network_is_no_free_constraint(name: str) -> None:
    assert known_metric(name) == Metric(name, OF_FUNCTION[name][1], OF_FUNCTION[name][0], True, "function")


@pytest.mark.parametrize("name", OF_ARCHITECTURE)
def test_costs_need_no_training_and_belong_to_the_architecture(name: str) -> None:
    direction, unit = OF_ARCHITECTURE[name]
    assert known_metric(name) == Metric(name, unit, direction, False, "architecture")


@pytest.mark.parametrize("name", OF_TRAINING)
def test_what_training_takes_is_known_after_training(name: str) -> None:
    assert known_metric(name) == Metric(name, OF_TRAINING[name], SMALLER, True, "architecture")


def test_every_column_of_the_real_tables_is_known(shared_data: Path) -> None:
    """But for the arithmetic intensity, of which nobody says whether more is better."""
    unknown = set()
    for path in sorted(shared_data.rglob("*.csv")):
        with path.open() as file:
            names = file.readline().strip().split(",")
        others = {"index", "arch", "device", "family", "model", "std_ms"}
        unknown |= {name for name in names if name not in others and known_metric(name).direction is None}
    assert unknown == {"eyeriss_arithmetic_intensity_ops_per_byte"}


@pytest.mark.parametrize("ending", UNITS)
def test_a_unit_is_read_from_the_end_of_a_name(ending: str) -> None:
    name = f"phone_{ending}"
    assert known_metric(name).unit == UNITS[ending]
    assert known_metric(f"{ending}_phone").unit == "unknown"
    assert ends_with_unit(name)
    assert not ends_with_unit(ending)


def test_times_energies_powers_and_currents_are_above_zero() -> None:
    positive = {name for name in (*OF_ARCHITECTURE, *OF_FUNCTION) if known_metric(name).is_positive}
    assert {"latency_ms", "latency_MS", "edgegpu_energy_mj", "power_w", "power_mW", "time_s"} <= positive
    assert {"current_uA", "avg_current_draw_mA", "current_A"} <= positive
    assert not positive & {"val_accuracy_pct", "params_m", "psnr_db", "fps", "voltage_mV", "throughput_img_s"}


@pytest.mark.parametrize(
    ("name", "is_of_test"),
    [
        ("test_accuracy_pct", True),
        ("test_top1_pct", True),
        ("test_error_pct", True),
        ("test_loss_nats", True),
        ("Test-Acc_1", True),
        ("testTop1", True),
        ("val_accuracy_pct", False),
        ("latest_accuracy_pct", False),
        ("test_latency_ms", False),
        ("params_m", False),
    ],
)
def test_what_is_measured_on_the_test_set_is_known_and_noted(name: str, is_of_test: bool) -> None:
    metric = known_metric(name)
    assert metric.is_of_test == is_of_test
    assert bool(metric.note) == is_of_test
    assert not is_of_test or "test" in metric.note


# --- what the user says --------------------------------------------------------------------------------------------


def test_an_unknown_direction_is_asked_for() -> None:
    metric = known_metric("usefulness")
    assert metric.better == "direction unknown"
    for ask in (lambda: metric.larger_is_better, lambda: metric.sign):
        with pytest.raises(InputError, match=r"--larger-is-better or --smaller-is-better .*Metric\('usefulness', dir"):
            ask()
    assert as_metric("usefulness", LARGER).sign == 1
    assert as_metric(metric, SMALLER).sign == -1
    assert as_metric("usefulness", SMALLER).better == "smaller is better"


def test_what_is_known_is_not_contradicted() -> None:
    assert as_metric("latency_ms", SMALLER) is known_metric("latency_ms")
    with pytest.raises(InputError, match="'latency_ms' is known to be better when smaller; the given direction contr"):
        as_metric("latency_ms", LARGER)
    with pytest.raises(InputError, match="'val_f1_pct' is known to be better when larger"):
        as_metric("val_f1_pct", SMALLER)
    with pytest.raises(InputError, match="'latency_ms' is known to be better when smaller"):
        as_metric(Metric("latency_ms", direction=LARGER))
    own = Metric("usefulness", direction=LARGER)
    assert as_metric(own) is as_metric(own, LARGER) is own
    with pytest.raises(InputError, match="contradicts"):
        as_metric(own, SMALLER)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "needs a name such as latency_ms"),
        ({"name": "  "}, "needs a name"),
        ({"name": 5}, "needs a name"),
        ({"name": "x", "direction": "up"}, "direction of 'x' must be 'maximize', 'minimize' or None, got 'up'"),
        ({"name": "x", "direction": True}, "direction of 'x'"),
        ({"name": "x", "direction": ["maximize"]}, "direction of 'x'"),
        ({"name": "x", "belongs_to": "cell"}, "'x' must belong to the 'function' or the 'architecture', got 'cell'"),
        ({"name": "x", "belongs_to": {}}, "must belong to"),
        ({"name": "x", "needs_training": 1}, "needs_training of 'x' must be True or False, got 1"),
        ({"name": "x", "unit": 5}, "the unit of 'x' must be text, got 5"),
        ({"name": "x\x1b[2J"}, r"a metric's name must be printable, got 'x\\x1b\[2J'"),
        ({"name": "x\ny"}, "a metric's name must be printable"),
        ({"name": "x", "unit": "\x1b[31mms"}, "the unit of 'x' must be printable"),
    ],
)
def test_what_is_no_metric(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Metric(**fields)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError):
        Metric.from_dict(Metric("y").as_dict() | fields)


@pytest.mark.parametrize("fields", [None, 5, "x", [], {}, {"name": "x"}, {**Metric("x").as_dict(), "more": 1}])
def test_what_is_no_stored_metric(fields: object) -> None:
    with pytest.raises(InputError, match="a stored metric must have"):
        Metric.from_dict(fields)


@pytest.mark.parametrize("name", ["", " ", None, 5, b"latency_ms", ["latency_ms"]])
def test_what_is_no_name(name: object) -> None:
    for read in (known_metric, as_metric):
        with pytest.raises(InputError, match="metric must be a name such as latency_ms"):
            read(name)  # type: ignore[operator]


def test_a_name_that_would_reach_the_terminal_as_codes_is_refused() -> None:
    for name in ("acc\x1b]0;owned\x07", "acc\u202epct", "acc\u2028pct", "acc\udc80"):
        for read in (known_metric, as_metric, Metric):
            with pytest.raises(InputError, match="must be printable") as caught:
                read(name)
            assert str(caught.value).isprintable()


NAMES = st.text(min_size=1).filter(lambda name: name.strip() and name.isprintable())


@given(name=NAMES, direction=st.sampled_from([LARGER, SMALLER, UNKNOWN]))
def test_any_name_is_a_metric_and_comes_back(name: str, direction: str | None) -> None:
    known = known_metric(name)
    assert known.name == name
    assert known.direction is not None or as_metric(name, LARGER).larger_is_better
    for metric in (known, Metric(name, direction=direction)):  # type: ignore[arg-type]
        assert Metric.from_dict(metric.as_dict()) == metric
        assert pickle.loads(pickle.dumps(metric)) == metric


@given(
    device=st.from_regex(r"[a-z]{1,6}\d?", fullmatch=True),
    name=st.sampled_from(["val_accuracy_pct", "latency_ms", "val_loss_nats", "params_m"]),
)
def test_a_device_or_a_data_set_before_a_name_changes_nothing(device: str, name: str) -> None:
    """Unless it is a word that turns a name round, or stands for a training."""
    turning = ("neg", "minus", "inv", "inverse", "std", "var", "sem", "drop", "gap", "diff", "delta", "ratio", "per")
    message, plain = known_metric(f"{device}_{name}"), known_metric(name)
    if device.rstrip("0123456789") not in (*turning, "epoch", "train", "stdev", "stddev"):
        assert (message.direction, message.needs_training, message.belongs_to, message.unit) == (
            plain.direction, plain.needs_training, plain.belongs_to, plain.unit,
        )  # fmt: skip


# --- plug-ins ------------------------------------------------------------------------------------------------------

PLUGIN = """
from nassurrogate.metric import Metric

kindness = Metric("kindness", "smiles", "maximize", True, "function")
other = Metric("other", direction="minimize")
number = 5
"""
ENTRY_POINTS = """[nassurrogate.metrics]
kindness = metric_plugin:kindness
misnamed = metric_plugin:other
number = metric_plugin:number
absent = no_such_module:metric
"""


@pytest.fixture
def plugin(install: Callable[..., None]) -> None:
    """An installed distribution that registers good and bad metrics."""
    install("metric-plugin", ENTRY_POINTS, metric_plugin=PLUGIN)


@pytest.mark.usefixtures("plugin")
def test_a_metric_is_plugged_in_by_an_entry_point() -> None:
    assert known_metric("kindness") == Metric("kindness", "smiles", LARGER, True, "function")
    for name, message in (
        ("misnamed", "registered as metric_plugin:other, which is not a Metric of that name"),
        ("number", "registered as metric_plugin:number, which is not a Metric of that name"),
        ("absent", "registered as no_such_module:metric but does not load .*no_such_module"),
    ):
        with pytest.raises(InputError, match=message):
            known_metric(name)
