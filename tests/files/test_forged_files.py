"""Model files that are well-formed, signed, and wrong: what somebody with intent would write."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nassurrogate import Surrogate
from nassurrogate.errors import InputError
from nassurrogate.files.model_file import read_model
from nassurrogate.metric import known_metric

each_predictor = pytest.mark.parametrize("name", ["nar-former-v2", "gradient-boosting"])


@pytest.mark.parametrize("version", [0, 2, "1", 1.0, True, None, [1], 10**100])
def test_other_format_versions(saved, tmp_path, version, refusal, forged):
    path = forged(saved("gradient-boosting"), tmp_path / "model", header={"format_version": version})
    assert "format version" in refusal(path)


@pytest.mark.parametrize("raw", ["", "[]", "5", "null", '"a"', "[" * 5000, '{"a":' * 5000, "1" * 5000, "{}", "\0"])
def test_hostile_json(saved, tmp_path, raw, refusal, forged):
    path = forged(saved("gradient-boosting"), tmp_path / "model", raw_header=raw)
    assert "damaged header" in refusal(path)


WRONG = [None, 5, -1, 1.5, float("nan"), True, "", "x", "nb201 ", [], {}, [[]], {"a": []}, 10**30, "9" * 400]

USABLE = {("packages", "{}")}
USABLE |= {("metric", json.dumps(text)) for text in ("x", "nb201 ", "9" * 400)}
USABLE |= {("seed", "5"), ("label_stats", "{}"), ("keeps_labels", "true")}
USABLE |= {("state", json.dumps(value)) for value in WRONG}  # these predictors have nothing there


@each_predictor
@pytest.mark.parametrize(
    "field",
    ["space", "predictor", "preset", "config", "metric", "metric_info", "packages", "seed", "n_labels", "label_stats",
     "labels_sha256", "keeps_labels", "state"],
)  # fmt: skip
def test_wrong_fields(name, field, saved, tmp_path, refusal, forged):
    """Whatever stands in a field: it loads where that happens to be right, or is refused in one line."""
    for value in WRONG:
        path = forged(saved(name), tmp_path / "model", header={field: value})
        if (field, json.dumps(value)) in USABLE or (field, value) == ("config", {}):
            assert _loads(path) in (name, "refused")
        else:
            refusal(path)


def _loads(path: Path) -> str:
    try:
        return Surrogate.load(path, device="cpu").predictor.name
    except InputError:
        return "refused"


@each_predictor
def test_missing_fields(name, saved, tmp_path, refusal, forged):
    _, header = read_model(saved(name))
    of_late = {
        "metric_info",
        "packages",
        "space_fingerprint",
        "keeps_labels",
        "dataset",
    }  # which files of old do not have
    for field in set(header) - of_late:
        text = json.dumps({key: value for key, value in header.items() if key != field})
        refusal(forged(saved(name), tmp_path / "model", raw_header=text))


def test_a_config_cannot_ask_for_the_machine(saved, tmp_path, forged):
    """Numbers that would allocate or compute without end are refused, here in a process that has little memory."""
    paths = []
    for name in ("nar-former-v2", "gradient-boosting"):
        for key, value in read_model(saved(name))[1]["config"].items():
            if type(value) is int:
                for large in (100, 4000, 10**9, 10**18):
                    header = {"config": {**read_model(saved(name))[1]["config"], key: large}}
                    paths.append(forged(saved(name), tmp_path / f"{name}-{key}-{large}", header=header))
    script = """if True:
        import resource, sys
        import torch, lightgbm
        from nassurrogate import Surrogate
        from nassurrogate.errors import InputError
        torch.set_num_threads(1)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (600 << 20), -1))
        for path in sys.argv[1:]:
            try:
                Surrogate.load(path, device="cpu").score(0)
            except InputError:
                print("refused", path)
    """
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc to limit the memory")
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, paths)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    refused = {line.split("-")[-1] for line in done.stdout.splitlines()}
    assert {str(10**9), str(10**18)} <= refused


def test_weights_that_do_not_fit(saved, tmp_path, refusal, forged):
    source = saved("nar-former-v2")
    tensors, _ = read_model(source)
    key = "weights.head.0.weight"
    value = tensors[key]
    spoilt = [value[:1], value[..., :-1], value[None], value.astype(np.float64), value.astype(np.int32), value * np.nan]
    for array in [*spoilt, np.full_like(value, np.inf), np.zeros((0, 4, 8), np.float32), np.float32(3).reshape(())]:
        assert "weights 'head.0.weight' are" in refusal(
            forged(source, tmp_path / "model", weights__head__0__weight=array)
        )
    for missing in tensors:
        refusal(forged(source, tmp_path / "model", drop=[missing]))


@pytest.mark.parametrize(
    "scores", [[1.0, 0.0], [0.0, 0.0], [0.0, np.nan], [0.0, np.inf], [], [[0.0, 1.0]], [0.0, 1.0, 2.0]]
)
def test_label_scales_that_do_not_fit(saved, tmp_path, scores, refusal, forged):
    arrays = {"labels__scores": np.array(scores), "labels__values": np.array([60.0, 90.0])}
    assert "label scale" in refusal(forged(saved("nar-former-v2"), tmp_path / "model", **arrays))


@pytest.mark.parametrize(
    ("index", "target"),
    [
        ([0, 15_625], [1.0, 2.0]),
        ([0, -1], [1.0, 2.0]),
        ([0, 2**62], [1.0, 2.0]),
        ([0.0, 1.0], [1.0, 2.0]),
        ([0, 1], [1, 2]),
        ([0, 1], [1.0, np.nan]),
        ([0, 1], [1.0]),
        ([[0, 1]], [[1.0, 2.0]]),
        (np.empty(0, np.int64), np.empty(0)),
    ],
)
def test_labels_that_do_not_fit(saved, tmp_path, index, target, refusal, forged):
    arrays = {"labels__index": np.array(index), "labels__target": np.array(target)}
    refusal(forged(saved("gradient-boosting"), tmp_path / "model", **arrays))


ESCAPE = "\x1b]0;owned\x07\x1b[2J"


@each_predictor
@pytest.mark.parametrize(
    "header",
    [
        {
            "metric": f"acc{ESCAPE}",
            "metric_info": {**known_metric("val_accuracy_pct").as_dict(), "name": f"acc{ESCAPE}"},
        },
        {"metric_info": {**known_metric("val_accuracy_pct").as_dict(), "unit": ESCAPE}},
        {"metric": ESCAPE},
        {"space": ESCAPE},
        {"predictor": ESCAPE},
        {"preset": ESCAPE},
        {"config": {ESCAPE: 5}},
        {"config": {"rounds": ESCAPE, "epochs": ESCAPE}},
        {"label_stats": {ESCAPE: 5.0}},
        {"labels_sha256": ESCAPE},
        {"keeps_labels": ESCAPE},
        {"dataset": ESCAPE},
        {"dataset": 5},
        {"seed": ESCAPE},
        {"n_labels": ESCAPE},
        {"format_version": ESCAPE},
        {"packages": {"numpy": ESCAPE}},
        {"packages": {ESCAPE: "5"}},
    ],
    ids=lambda header: "+".join(header),
)
def test_escape_codes_do_not_reach_the_terminal(name, header, saved, tmp_path, forged, caplog):
    """Whatever string of the header they stand in: it is refused, or what is logged shows them by their codes."""
    path = forged(saved(name), tmp_path / "model", header=header)
    shown = [*_shown(path), *caplog.messages]
    assert all(text.isprintable() for text in shown)
    assert len(shown) == 1 or "packages" in header


def _shown(path: Path) -> list[str]:
    """The refusal; or all texts of what was loaded."""
    try:
        loaded = Surrogate.load(path, device="cpu")
    except InputError as error:
        return [str(error)]
    return [loaded.metric, loaded.about_metric.unit, loaded.labels_sha256, *loaded.label_stats]


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arrays",
    [
        {"index": np.array([0, 15_625])},
        {"index": np.arange(20)[::-1].copy()},
        {"index": np.arange(19), "target": np.linspace(60, 90, 19)},
        {"index": np.arange(20.0)},
        {"target": np.linspace(61, 90, 20)},
        {"target": np.full(20, np.nan)},
        {"target": np.linspace(60, 90, 19)},
        {"index": np.empty(0, np.int64), "target": np.empty(0)},
    ],
)
def test_labels_that_are_not_those_that_were_learned(saved, tmp_path, arrays, refusal, forged):
    named = {f"surrogate__labels__{name}": array for name, array in arrays.items()}
    refusal(forged(saved("nar-former-v2"), tmp_path / "model", **named))


@pytest.mark.parametrize("header", [{"n_labels": 19}, {"labels_sha256": "0" * 64}, {"keeps_labels": None}])
@each_predictor
def test_a_header_that_disagrees_with_the_labels(name, saved, tmp_path, header, refusal, forged):
    refusal(forged(saved(name), tmp_path / "model", header=header))


def test_labels_that_are_missing(saved, tmp_path, refusal, forged):
    for name in ("index", "target"):
        refusal(forged(saved("nar-former-v2"), tmp_path / "model", drop=[f"surrogate.labels.{name}"]))


def test_a_predictor_does_not_read_the_file_of_another(saved, tmp_path, refusal, forged):
    for source, other in (("nar-former-v2", "gradient-boosting"), ("gradient-boosting", "nar-former-v2")):
        preset = {"gradient-boosting": "default", "nar-former-v2": "fast"}[other]
        changes = {"predictor": other, "preset": preset, "config": read_model(saved(other))[1]["config"]}
        refusal(forged(saved(source), tmp_path / "model", header=changes))
