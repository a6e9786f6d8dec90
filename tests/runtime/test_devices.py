"""Devices: every predictor refuses a missing one, and a device without an effect is logged."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from nassurrogate import Surrogate
from nassurrogate.errors import InputError
from nassurrogate.predictors import predictor_class, predictor_names
from nassurrogate.runtime.named_device import _log_no_effect
from nassurrogate.spaces import get_space

ON_CPU = {
    "proxy-process", "space-process", "gradient-boosting", "gaussian-process", "random-forest", "ridge", "mlp-ensemble",
    "ensemble", "across-spaces", "flops-regression", "flops-memory-regression", "operator-additive",
    "boosting-networks",
}  # fmt: skip
ON_NB201 = [name for name in predictor_names() if isinstance(get_space("nb201"), predictor_class(name).requires)]


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


@pytest.fixture
def one_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    _log_no_effect.cache_clear()


@pytest.mark.usefixtures("no_cuda")
@pytest.mark.parametrize("name", ON_NB201)
def test_every_predictor_refuses_a_missing_device(name):
    for device, message in (
        ("cuda", "device 'cuda' is missing; this machine has 0 CUDA devices"),
        ("cuda:1", "device 'cuda:1' is missing; this machine has 0 CUDA devices"),
        ("gpu", "unknown device 'gpu'; expected auto, cpu, cuda or cuda:N"),
        ("mps", "unsupported device 'mps'; expected auto, cpu, cuda or cuda:N"),
        ("", "unknown device ''"),
    ):
        with pytest.raises(InputError) as caught:
            Surrogate(predictor=name, device=device)
        assert str(caught.value).startswith(message)
    for device in ("auto", "cpu"):
        assert Surrogate(predictor=name, device=device).predictor.device == device


@pytest.mark.usefixtures("no_cuda")
def test_a_model_is_not_loaded_to_a_missing_device(tmp_path):
    path = Surrogate(predictor="ridge").fit([0, 1, 2], [3.0, 1.0, 2.0]).save(tmp_path / "model")
    with pytest.raises(InputError, match="device 'cuda' is missing"):
        Surrogate.load(path, device="cuda")


@pytest.mark.usefixtures("one_cuda")
@pytest.mark.parametrize("name", ON_NB201)
def test_a_device_without_an_effect_is_logged(name, caplog):
    caplog.set_level(logging.WARNING, "nassurrogate")
    for device in ("cpu", "auto", "cuda", "cuda:0", "cuda"):
        Surrogate(predictor=name, device=device)
    wanted = [f"device {device!r} has no effect: predictor {name!r} runs on the CPU" for device in ("cuda", "cuda:0")]
    assert caplog.messages == (wanted if name in ON_CPU else [])
    assert predictor_class(name).uses_device == (name not in ON_CPU)


def test_predictors_without_pytorch_do_not_import_it():
    script = """if True:
        import sys
        from nassurrogate import Surrogate
        for name in ("space-process", "gradient-boosting", "gaussian-process", "random-forest", "ridge", "ensemble"):
            for device in ("auto", "cpu"):
                Surrogate(predictor=name, metric="latency_ms", device=device)
        print("torch" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
