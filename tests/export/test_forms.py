"""`.pt2` and `.onnx` files compute what the module computes, for any batch, in the libraries that read them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from nassurrogate.export import export_network
from nassurrogate.export.agreement import TOLERANCE, difference, example, tensors_in
from tests.export.networks import CASES, Case

ABOUT = {"space": "mine", "architecture": "width=4"}
FAST = ("mlp",)


def _cases() -> list[object]:
    return [pytest.param(case, id=name, marks=[] if name in FAST else pytest.mark.slow) for name, case in CASES.items()]


@pytest.mark.parametrize("case", _cases())
def test_forms_agree_with_the_module(case: Case, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = case.make().eval()
    export_network(module, case.shape, tmp_path / "model.pt2", dtype=case.dtype, about=ABOUT)
    export_network(module, case.shape, tmp_path / "model.onnx", dtype=case.dtype, about=ABOUT)
    program = torch.export.load(tmp_path / "model.pt2").module()
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    dtype = case.dtype or next(module.parameters()).dtype
    for batch in (1, 5, 8):
        inputs = example((batch, *case.shape), dtype, seed=batch)
        with torch.no_grad():
            expected = tensors_in(module(inputs))
            assert difference(expected, tensors_in(program(inputs))) <= TOLERANCE
        made = [torch.from_numpy(np.asarray(array)) for array in session.run(None, {"input": inputs.numpy()})]
        assert difference(expected, made) <= TOLERANCE


def test_files_say_what_they_are_and_nothing_about_the_user_s_files(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    for suffix in (".onnx", ".pt2"):
        export_network(module, (3, 8, 8), tmp_path / f"model{suffix}", about=ABOUT)
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    stored = {entry.key: entry.value for entry in model.metadata_props}
    assert (stored["space"], stored["architecture"], stored["parameters"]) == ("mine", "width=4", "402")
    batch = model.graph.input[0].type.tensor_type.shape.dim[0]
    assert (model.graph.input[0].name, model.graph.output[0].name, batch.dim_param) == ("input", "output", "batch")
    extra = {"nassurrogate.json": ""}
    torch.export.load(tmp_path / "model.pt2", extra_files=extra)
    assert json.loads(extra["nassurrogate.json"])["architecture"] == "width=4"
    for suffix in (".onnx", ".pt2"):
        assert b"site-packages" not in (tmp_path / f"model{suffix}").read_bytes()


@pytest.mark.slow
def test_what_cannot_be_source_may_still_be_exported(tmp_path: Path) -> None:
    class Quiet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                x = x * 2
            return self.layer(x)

    assert export_network(Quiet(), (4,), tmp_path / "model.pt2").difference <= TOLERANCE
    assert export_network(Quiet(), (4,), tmp_path / "model.onnx").difference <= TOLERANCE
