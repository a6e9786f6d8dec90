"""The networks that ship: what was written is read, fits start from it, and files for other cells are refused."""

from __future__ import annotations

import io
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from nassurrogate.predictors.probe_former import pretrained_networks as module
from nassurrogate.predictors.probe_former.network_config import RelationConfig
from nassurrogate.predictors.probe_former.pretrained_networks import pretrained_weights, write_pretrained
from nassurrogate.predictors.probe_former.relation_ensemble import RelationEnsemble
from nassurrogate.spaces import get_space
from tests.predictors.probe_former.oracle import proxy_error

FOLDER = files("nassurrogate.predictors.probe_former") / "pretrained"
SHIPPED = sorted(path.name.removesuffix(".npz") for path in FOLDER.iterdir() if path.name.endswith(".npz"))
SMALL = RelationConfig(members=2, width=16, blocks=1).for_labels(1)


def untrained(space, config=SMALL, seed=0):
    return RelationEnsemble.untrained(space, config, seed, "cpu")


@pytest.fixture
def ship(tmp_path, monkeypatch):
    """`ship(weights, made_for)`: ships them as nb201's networks of the size of `SMALL`."""
    pretrained_weights.cache_clear()
    monkeypatch.setattr(module, "_file", lambda space, width, blocks: tmp_path / f"{space.name}_{width}x{blocks}.npz")

    def put(weights, made_for):
        with (tmp_path / "nb201_16x1.npz").open("wb") as file:
            write_pretrained(file, made_for, weights, {"epochs": 3})
        pretrained_weights.cache_clear()

    yield put
    pretrained_weights.cache_clear()


# --- the files -------------------------------------------------------------------------------------------------------


def test_networks_of_nb201_ship():
    assert "nb201_64x2" in SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_every_file_fits_its_networks_and_predicts_proxies(name):
    """With a fraction of the error of random weights, and of predicting 0, which is 1."""
    space = get_space(name.partition("_")[0])
    width, blocks = map(int, name.partition("_")[2].split("x"))
    config = RelationConfig(members=1, width=width, blocks=blocks).for_labels(1)
    shipped, random = untrained(space, config), untrained(space, replace(config, pretrained=False))
    for part, value in pretrained_weights(space, width, blocks).items():
        assert value.dtype == np.float32
        assert np.isfinite(value).all()
        assert value[:1].shape == random.trunk()[part].shape
    assert set(pretrained_weights(space, width, blocks)) == set(random.trunk())
    classes = np.random.default_rng(0).permutation(space.n_classes)[:200]
    assert proxy_error(space, config, shipped.state(), classes) < 0.4
    assert proxy_error(space, config, random.state(), classes) > 0.8


def test_what_is_written_is_read_in_half_precision(space, ship):
    weights = untrained(space).trunk()
    assert pretrained_weights(space, 16, 1) is None
    ship(weights, space)
    found = pretrained_weights(space, 16, 1)
    assert set(found) == set(weights)
    for name, value in weights.items():
        assert found[name].dtype == np.float32
        assert (found[name] == value.astype(np.float16)).all()
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-6)


def test_the_same_networks_make_the_same_file(space):
    """Anyone can tell whether a file was made as said."""
    written = [io.BytesIO(), io.BytesIO()]
    for file in written:
        write_pretrained(file, space, untrained(space).trunk(), {"epochs": 3})
    first, second = (np.load(io.BytesIO(file.getvalue())) for file in written)
    assert str(first["settings"]) == '{"epochs": 3}'
    assert all((first[name] == second[name]).all() for name in first.files)


def test_networks_of_other_cells_are_refused(space, ship):
    ship(untrained(space).trunk(), get_space("nb101"))
    for read in (lambda: pretrained_weights(space, 16, 1), lambda: untrained(space)):
        with pytest.raises(RuntimeError, match=r"nb201 read other cells: run examples/choices/make_pretrained\.py"):
            read()


# --- where training starts -------------------------------------------------------------------------------------------


def same(one, other):
    return all((one[name] == other[name]).all() for name in one)


def test_members_start_from_them_in_turn(space, ship):
    """Their scoring heads are random: no network that ships has seen a label."""
    ship(untrained(space, seed=9).trunk(), space)
    members = untrained(space, replace(SMALL, members=5))
    shipped, trunk = pretrained_weights(space, 16, 1), members.trunk()
    assert all((value == shipped[name][[0, 1, 0, 1, 0]]).all() for name, value in trunk.items())
    head = members.state()["weights.head.1.weight"]
    assert len(np.unique(head, axis=0)) == 5


@pytest.mark.parametrize("changes", [{"pretrained": False}, {"relations": False}, {"ffn_ratio": 3}, {"probes": False}])
def test_other_networks_start_at_random(space, ship, changes):
    before = untrained(space, replace(SMALL, **changes)).state()
    ship(untrained(space, seed=9).trunk(), space)
    assert same(before, untrained(space, replace(SMALL, **changes)).state())
    assert not same(before, untrained(space, replace(SMALL, **changes), seed=1).state())


def test_where_none_ships_they_start_at_random(space):
    assert pretrained_weights(space, 16, 1) is None
    assert same(untrained(space).state(), untrained(space, replace(SMALL, pretrained=False)).state())
