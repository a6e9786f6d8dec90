"""Weights in files: what loads, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from nassurrogate.errors import InputError
from nassurrogate.export import export_network, load_weights


def _network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def _equal(first: nn.Module, second: nn.Module) -> bool:
    theirs = second.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in first.state_dict().items())


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod."])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_load(suffix: str, prefix: str, tmp_path: Path) -> None:
    trained, fresh, path = _network(0), _network(1), tmp_path / f"weights{suffix}"
    state = {prefix + name: tensor for name, tensor in trained.state_dict().items()}
    if suffix == ".pt":
        torch.save(state, path)
    else:
        save_file(state, path)
    assert not _equal(trained, fresh)
    load_weights(fresh, path)
    assert _equal(trained, fresh)


def test_weights_are_written_beside_the_source(tmp_path: Path) -> None:
    module, again = _network(0), _network(1)
    made = export_network(module, (3,), tmp_path / "model.py", with_weights=True)
    assert made.weights is not None
    load_weights(again, made.weights)
    assert _equal(module, again)


def test_tied_weights_are_written(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
            self.second.weight = self.first.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(x))

    made = export_network(Tied(), (3,), tmp_path / "model.py", with_weights=True)
    assert made.weights is not None
    assert sorted(load_file(made.weights)) == ["first.bias", "first.weight", "second.bias", "second.weight"]


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("owned"),)


def test_files_run_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pt"
    torch.save({"0.weight": Malicious()}, path)
    for content in (path.read_bytes(), pickle.dumps(Malicious(), protocol=2)):
        path.write_bytes(content)
        with pytest.raises(InputError, match="cannot read the weights"):
            load_weights(_network(0), path)
        assert not (tmp_path / "owned").exists()


def _without_one(state: dict[str, Any]) -> Any:
    return {name: tensor for name, tensor in state.items() if name != "0.bias"}


WRONG = {
    "missing": (_without_one, "it lacks 0.bias"),
    "unknown": (lambda state: {**state, "9.bias": torch.zeros(2)}, "it has 9.bias too many"),
    "shape": (lambda state: {**state, "2.bias": torch.zeros(3)}, r"2.bias has the shape \(3,\), expected \(2,\)"),
    "checkpoint": (lambda state: {"epoch": 3, "model": state}, "no state dict but a dict of epoch, model"),
    "list": (lambda state: list(state.values()), "no state dict"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_weights_are_refused(name: str, tmp_path: Path) -> None:
    change, reason = WRONG[name]
    path = tmp_path / "weights.pt"
    torch.save(change(_network(0).state_dict()), path)
    with pytest.raises(InputError, match=reason) as caught:
        load_weights(_network(0), path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_files_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the weights"):
        load_weights(_network(0), tmp_path / name)
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="cannot read the weights"):
        load_weights(_network(0), tmp_path / name)
