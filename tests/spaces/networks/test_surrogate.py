"""A surrogate over whole networks: fit, score, save, load."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import pytest
import torch

from nassurrogate import InputError, Surrogate
from nassurrogate.architecture import Architecture
from nassurrogate.files.model_file import read_model, write_model
from nassurrogate.predictors.base import Predictor
from nassurrogate.predictors.labels.saved import STRINGS
from nassurrogate.saved_surrogate import OWN_LABELS
from nassurrogate.search import run as run_search
from nassurrogate.spaces import CategoricalSpace
from nassurrogate.spaces.network_space import NetworkSpace
from nassurrogate.spaces.networks import Networks
from tests.command_line import CommandLine
from tests.spaces.networks.graphs import small
from tests.spaces.networks.test_space import proto


@dataclass(frozen=True)
class _Nothing:
    pass


class FlopsLine(Predictor[_Nothing]):
    """A line through FLOPs: any predictor of whole networks reads them like this."""

    name = "flops-line"
    description = "a line through FLOPs"
    presets: ClassVar[Mapping[str, _Nothing]] = {"default": _Nothing()}
    requires = NetworkSpace
    uses_device = False

    def _flops(self, archs: Sequence[Architecture]) -> np.ndarray:
        assert isinstance(self.space, NetworkSpace)
        return np.array([self.space.operator_graph(arch).flops for arch in archs], dtype=np.float64)

    def fit(self, archs: Sequence[Architecture], targets: np.ndarray, *, progress: Any = None) -> None:
        self._line = np.polyfit(self._flops(archs), targets, 1)

    def predict(self, archs: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        return np.polyval(self._line, self._flops(archs)), np.ones(len(archs))

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {"line": self._line}, {}

    def load_state(self, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        self._line = tensors["line"]

    def learns_again(self, meta: Mapping[str, Any]) -> bool:
        return False


@pytest.fixture
def fitted(tmp_path: Path) -> Surrogate:
    """Fitted to a file, a module and graphs at once."""
    onnx.save(proto(), tmp_path / "small.onnx")
    space = Networks(input_shape=(1, 4, 8, 8))
    wide = torch.nn.Sequential(torch.nn.Conv2d(4, 16, 1), torch.nn.ReLU())
    surrogate = Surrogate(space, predictor=FlopsLine, metric="latency_ms")
    return surrogate.fit([str(tmp_path / "small.onnx"), wide, small(4), small(12)], [8.0, 16.0, 4.0, 12.0])


def test_it_learns_files_modules_and_graphs(fitted: Surrogate) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(4, 20, 1), torch.nn.ReLU())
    assert fitted.score(module) == pytest.approx(-20)
    assert fitted.score([module, small(6)]) == pytest.approx([-20, -6])
    assert fitted.predict(small(6))[0] == pytest.approx([6])
    with pytest.raises(InputError, match="batch"):
        fitted.fit(module, [1.0])  # type: ignore[arg-type]


def test_it_is_saved_with_its_labels(fitted: Surrogate, tmp_path: Path) -> None:
    loaded = Surrogate.load(fitted.save(tmp_path / "model"), predictor=FlopsLine)
    assert loaded.labels is not None
    assert fitted.labels is not None
    assert loaded.labels[0] == fitted.labels[0]
    assert (loaded.labels[1] == fitted.labels[1]).all()
    assert loaded.score(small(6)) == fitted.score(small(6))
    assert loaded.labels_sha256 == fitted.labels_sha256


def test_it_is_saved_without_its_labels(fitted: Surrogate, tmp_path: Path) -> None:
    path = fitted.save(tmp_path / "model", keep_labels=False)
    tensors, header = read_model(path)
    assert set(tensors) == {"line"}
    assert header["keeps_labels"] is False
    loaded = Surrogate.load(path, predictor=FlopsLine)
    assert loaded.labels is None
    assert loaded.n_labels == 4
    assert loaded.label_stats == fitted.label_stats
    assert loaded.score(small(6)) == fitted.score(small(6))
    assert Surrogate.load(loaded.save(tmp_path / "again"), predictor=FlopsLine).labels is None


def test_a_predictor_that_is_its_labels_needs_them(tmp_path: Path) -> None:
    surrogate = Surrogate("nb201", predictor="space-process", metric="latency_ms").fit([0, 1, 2], [1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="labels"):
        surrogate.save(tmp_path / "model", keep_labels=False)
    assert not (tmp_path / "model").exists()


def test_labels_in_a_file_open_no_files(fitted: Surrogate, tmp_path: Path) -> None:
    tensors, header = read_model(fitted.save(tmp_path / "model"))
    paths = json.dumps([str(tmp_path / "small.onnx")] * 4)
    tensors = {**tensors, OWN_LABELS + STRINGS: np.frombuffer(paths.encode(), dtype=np.uint8)}
    del header["format_version"]
    forged = write_model(tmp_path / "forged", tensors, header)
    with pytest.raises(InputError, match="starts with"):
        Surrogate.load(forged, predictor=FlopsLine)


def test_predictors_of_cells_and_of_random_architectures_are_refused() -> None:
    for predictor in ("nar-former-v1", "space-process"):
        with pytest.raises(InputError, match="networks"):
            Surrogate("networks", predictor=predictor, metric="latency_ms")
    with pytest.raises(InputError, match="NetworkSpace"):
        Surrogate(CategoricalSpace("mine", {"slot": [1, 2]}), predictor=FlopsLine, metric="latency_ms")


def test_it_cannot_be_searched(cli: CommandLine) -> None:
    done = cli("search", "--space", "networks", "--budget", 5)
    assert done.code == 2
    assert "cannot be searched" in done.err
    with pytest.raises(InputError, match="cannot be searched"):
        run_search(space="networks", evaluate=lambda arch: 1.0, budget=3, write=False)
