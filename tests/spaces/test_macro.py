"""The NAS-Bench-Macro space: digits, equivalent networks, exact costs, and networks that have them."""

from __future__ import annotations

import csv
import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate import Architecture, InputError, get_space
from nassurrogate.spaces import EnumerableSpace
from nassurrogate.spaces.macro.space import Macro

SPACE = Macro()
digits = st.text("012", min_size=8, max_size=8)


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[dict[str, str]]:
    """The published table."""
    with (shared_data / "macro" / "macro_cifar10.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_there_is_one_macro() -> None:
    assert get_space("macro") is Macro() is SPACE
    assert isinstance(SPACE, EnumerableSpace)
    arch = SPACE.parse("01201201")
    assert pickle.loads(pickle.dumps(arch)).space is SPACE
    assert Architecture(SPACE, "01201201") == arch
    assert (SPACE.size, SPACE.n_classes, len(SPACE.genes)) == (6561, 3969, 8)
    assert SPACE.genes[0].levels == (0.0, 0.5, 1.0)
    assert SPACE.input_shape == (3, 32, 32)


def test_the_order_is_that_of_the_table(rows: list[dict[str, str]]) -> None:
    assert [arch.string for arch in SPACE.all()] == [row["arch"] for row in rows]
    assert SPACE.index(SPACE.parse("00000012")) == 5
    assert SPACE.parse("22222222").index == 6560


def test_digits_are_text() -> None:
    assert SPACE.parse_text(" 00000000 ").index == 0
    arch = SPACE.parse("01201201")
    assert list(arch.choices.values()) == ["identity", "k3_e3", "k5_e6"] * 2 + ["identity", "k3_e3"]
    assert list(arch.choices) == [f"layer{place}" for place in range(1, 9)]
    assert SPACE.parse(arch.choices) == arch
    assert SPACE.parse(" ".join(f"{name}={value}" for name, value in arch.choices.items())) == arch


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (1201201, "eight digits as text, such as '01201201', never by a number; got 1201201"),
        (0, "never by a number"),
        (np.int64(5), "never by a number"),
        ("1201201", "expected eight digits, each 0, 1 or 2, such as '01201201'; were leading zeros lost?"),
        ("012012013", "expected eight digits"),
        ("01201203", "expected eight digits"),
        ("012０1201", "expected eight digits"),
        ("layer1=identity", "lacks 'layer2'"),
        ({"layer1": "k3_e3"}, "lack 'layer2'"),
        ({"layer1": "k3e3"}, "did you mean k3_e3?"),
        (True, "as text such as '00000000'"),
    ],
)
def test_what_is_no_network(given: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        SPACE.parse(given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("string", "key"),
    [
        ("00000000", "00000000"),
        ("01000000", "01000000"),  # layer 2 is alone behind its stage's first
        ("10000000", "10000000"),  # a first layer stays
        ("00001000", "00010000"),
        ("00101002", "00110020"),
        ("00012021", "00012021"),  # two blocks are in their order
        ("00021012", "00021012"),
        ("12001201", "12010210"),
    ],
)
def test_true_identities_move_behind_blocks(string: str, key: str) -> None:
    arch = SPACE.parse(string)
    assert arch.key == key
    assert SPACE.parse(key).key == key
    assert arch.graph() == SPACE.parse(key).graph()
    assert (SPACE.exact_costs([arch]) == SPACE.exact_costs([SPACE.parse(key)])).all()


def test_graphs_leave_true_identities_out() -> None:
    arch = SPACE.parse("10000002")
    assert arch.graph(canonical=False).ops[1:4] == ("layer1=k3_e3", "layer2=identity", "layer3=identity")
    assert arch.graph().ops == ("input", "layer1=k3_e3", "layer3=identity", "layer6=identity", "layer7=k5_e6", "output")


def test_equivalent_networks_were_trained_once(rows: list[dict[str, str]]) -> None:
    """The table's 6,561 rows hold 3,969 different ones, exactly one a canonical key."""
    by_key: dict[str, set[tuple[str, ...]]] = {}
    for row in rows:
        by_key.setdefault(SPACE.parse(row["arch"]).key, set()).add(tuple(row.values())[1:])
    assert len(by_key) == SPACE.n_classes
    assert all(len(different) == 1 for different in by_key.values())
    assert len(set(itertools.chain(*by_key.values()))) == SPACE.n_classes


def test_costs_are_those_of_the_table(rows: list[dict[str, str]]) -> None:
    published = np.array([[int(row["params"]), int(row["flops"])] for row in rows])
    assert (SPACE.exact_costs(SPACE.all()) == published).all()
    free = SPACE.free_metrics("cifar10")
    assert (np.round(free["params_m"] * 1e6) == published[:, 0]).all()
    assert (np.round(free["flops_m"] * 1e6) == published[:, 1]).all()
    assert SPACE.free_metrics("cifar100") == {}


def test_networks_have_as_many_parameters() -> None:
    import torch

    for arch in SPACE.sample(50, np.random.default_rng(0)):
        network = SPACE.build(arch)
        assert sum(p.numel() for p in network.parameters() if p.requires_grad) == SPACE.exact_costs([arch])[0, 0]
    with torch.no_grad():
        assert network.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_networks_make_as_many_multiplications() -> None:
    import torch

    for arch in SPACE.sample(5, np.random.default_rng(1)):
        network, macs = SPACE.build(arch).eval(), 0

        def count(layer: torch.nn.Module, _: object, out: torch.Tensor) -> None:
            nonlocal macs
            macs += out[0, 0].numel() * layer.weight.numel() if out.ndim == 4 else layer.weight.numel()

        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                layer.register_forward_hook(count)
        with torch.no_grad():
            network(torch.zeros(1, 3, 32, 32))
        assert macs == SPACE.exact_costs([arch])[0, 1]


def test_equivalent_networks_compute_the_same() -> None:
    """The weights of one, in the order in which they are met, make the other the same function."""
    import torch

    one, other = (SPACE.build(SPACE.parse(string)) for string in ("10102012", "10120012"))
    other.load_state_dict(dict(zip(other.state_dict(), one.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (one.eval()(images) == other.eval()(images)).all()


@given(string=digits, seed=st.integers(0, 999))
def test_a_key_is_a_network_of_equal_cost(string: str, seed: int) -> None:
    arch = SPACE.parse(string)
    same = SPACE.parse(arch.key)
    assert arch.index == int(string, 3)
    assert same.key == arch.key
    assert (SPACE.exact_costs([arch]) == SPACE.exact_costs([same])).all()
    assert SPACE.class_numbers([arch]) == SPACE.class_numbers([same])
    assert SPACE.mutate(arch, np.random.default_rng(seed)) in SPACE.neighbours(arch)
    assert len(SPACE.neighbours(arch)) == 16
