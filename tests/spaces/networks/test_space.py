"""The open space of whole networks."""

from __future__ import annotations

import copy
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from nassurrogate import Architecture, InputError, get_space
from nassurrogate.graphs.operator_graph import OperatorGraph
from nassurrogate.spaces.network_space import NetworkSpace
from nassurrogate.spaces.networks import Network, Networks
from nassurrogate.spaces.networks.space import _log_usual_input
from nassurrogate.testing import SpaceContract
from tests.spaces.networks.graphs import small

SPACE = get_space("networks")


def module() -> torch.nn.Module:
    """One network, although one can iterate over it."""
    return torch.nn.Sequential(torch.nn.Conv2d(4, 8, 1), torch.nn.ReLU())


def proto() -> onnx.ModelProto:
    """The same network as an ONNX model."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["y"], kernel_shape=[1, 1]),
        helper.make_node("Relu", ["y"], ["z"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 8, 8])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 8, 8, 8])],
        [
            helper.make_tensor("w", TensorProto.FLOAT, [8, 4, 1, 1], [0.0] * 32),
            helper.make_tensor("b", TensorProto.FLOAT, [8], [0.0] * 8),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


class TestContract(SpaceContract):
    """The suite of every space, less what needs random networks."""

    space = SPACE
    test_a_sample_is_of_different_architectures = None  # type: ignore[assignment]
    test_a_sample_of_too_many_is_refused = None  # type: ignore[assignment]
    test_neighbours_are_others = None  # type: ignore[assignment]
    test_a_mutant_is_a_neighbour = None  # type: ignore[assignment]

    def some(self, seed: int = 0) -> list[Architecture]:
        return [self.space.parse(small(channels)) for channels in range(4, 14)]

    def _ask_all(self) -> list[object]:
        return [self.some(), [arch.key for arch in self.some()], repr(self.space.costs(self.some()))]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    onnx.save(proto(), tmp_path / "small.onnx")
    return tmp_path / "small.onnx"


def test_one_network_in_every_form(file: Path) -> None:
    space = Networks(input_shape=(1, 4, 8, 8))
    expected = space.parse(small(8))
    assert isinstance(expected, Network)
    forms = [file, str(file), proto(), module(), small(8), expected, expected.string, f" {expected} "]
    forms.append(Architecture(space, expected.string))
    for form in forms:
        found = space.parse(form)
        assert found == expected, type(form)
        assert hash(found) == hash(expected)
        assert space.operator_graph(found) == small(8)
        assert space.is_single(form)
    assert space.parse_many(forms) == [expected] * len(forms)
    assert not space.is_single(forms)
    assert space.parse_text(f" {file} ") == expected
    with pytest.raises(InputError, match="batch"):
        space.parse_many(module())


def test_modules_need_a_shape(caplog: pytest.LogCaptureFixture) -> None:
    """The usual one is taken, and logged once."""
    _log_usual_input.cache_clear()
    with caplog.at_level(logging.WARNING):
        usual = [SPACE.parse(torch.nn.Conv2d(3, 4, 1)) for _ in range(2)]
    assert len(set(usual)) == 1
    assert sum("1x3x224x224" in record.message for record in caplog.records) == 1
    assert isinstance(usual[0], Network)
    assert usual[0].operator_graph.operators[0].output_shape == (1, 3, 224, 224)
    caplog.clear()
    other = Networks(input_shape=[2, 3, 32, 32])
    assert other.operator_graph(other.parse(torch.nn.Conv2d(3, 4, 1))).operators[0].output_shape == (2, 3, 32, 32)
    assert not caplog.records


@pytest.mark.parametrize(
    "shape", [(), (0, 3), (1, 3.0), (1, -3), "1,3", 224, (True, 3), (1,) * 9, (1 << 40,)], ids=repr
)
def test_shapes_that_are_none_are_refused(shape: Any) -> None:
    with pytest.raises(InputError, match="input_shape"):
        Networks(input_shape=shape)


def test_all_instances_are_one_space(file: Path) -> None:
    own = Networks(input_shape=(1, 4, 8, 8))
    assert own == SPACE == get_space(own)
    assert SPACE.parse(own.parse(small())) == SPACE.parse(small())
    assert isinstance(SPACE, NetworkSpace)

    class Other(Networks):
        pass

    with pytest.raises(InputError, match="built-in"):
        get_space(Other())


def test_networks_are_values() -> None:
    arch, other = SPACE.parse(small(4, "one")), SPACE.parse(small(8))
    assert arch == SPACE.parse(small(4, "two"))
    assert arch != other
    assert {arch, other, SPACE.parse(small(4))} == {arch, other}
    for again in (copy.copy(arch), copy.deepcopy(arch), pickle.loads(pickle.dumps(arch))):
        assert again == arch
        assert hash(again) == hash(arch)
        assert again.name == "one"
        assert again.string == arch.string
    for name in ("space", "string", "operator_graph", "anything"):
        with pytest.raises(AttributeError):
            setattr(arch, name, "else")
    assert "one" in repr(arch)
    assert arch.key == arch.identity == small(4).key


def test_it_proposes_nothing() -> None:
    arch, rng = SPACE.parse(small()), np.random.default_rng(0)
    for ask in (
        lambda: SPACE.sample(1, rng), lambda: SPACE.sample_at_most(1, rng), lambda: SPACE.neighbours(arch),
        lambda: SPACE.mutate(arch, rng), lambda: SPACE.members(), lambda: SPACE.index(arch),
        lambda: SPACE.from_gene_codes([0]),
    ):  # fmt: skip
        with pytest.raises(InputError, match=r"space 'networks' (has no|is not)"):
            ask()
    assert SPACE.size is None
    assert SPACE.genes == ()
    assert not SPACE.can_sample
    assert SPACE.members_if_few(10) is None


def test_costs_count_multiply_accumulates() -> None:
    graph = small(8)
    costs = SPACE.costs([SPACE.parse(graph)])
    assert costs["params_m"].tolist() == [40 / 1e6]
    assert costs["flops_m"].tolist() == [64 * 4 * 8 / 1e6]
    read_and_written = (4 * 64 + 40 + 8 * 64) + 2 * 8 * 64
    assert costs["memory_access_mb"].tolist() == [4 * read_and_written / 1e6]


@pytest.mark.parametrize("text", ["no-such.onnx", "", "\0", "network:", "network:AAAA", "."])
def test_text_that_names_nothing_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        SPACE.parse(text)
    assert "\n" not in str(caught.value)


def test_a_printed_string_never_opens_a_file(file: Path) -> None:
    """Strings in a model file may be an attacker's."""
    with pytest.raises(InputError, match="starts with"):
        SPACE.parse_printed(str(file))


def test_two_listings_of_a_graph_are_one_architecture() -> None:
    graph = small()
    assert SPACE.parse(OperatorGraph(graph.operators, "again")) == SPACE.parse(graph)
