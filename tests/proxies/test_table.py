"""The shipped probes: the output of the script is read, and anything else is refused."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from nassurrogate.errors import InputError
from nassurrogate.proxies import table as module
from nassurrogate.proxies.names import PROBE_NAMES
from nassurrogate.proxies.normal_scores import normal_scores
from nassurrogate.proxies.table import has_probes, probe_features, write_probes
from nassurrogate.proxies.untrained_networks import probe
from nassurrogate.spaces import CellSpace, get_space, space_names

CELL_SPACES = [name for name in space_names() if isinstance(get_space(name), CellSpace)]

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "choices" / "make_probes.py"


@pytest.fixture
def shipped(space, tmp_path, monkeypatch):
    """`shipped(content)`: ships this file with the package."""
    probe_features.cache_clear()
    monkeypatch.setattr(module, "_file", lambda space: tmp_path / f"{space.name}_probes.npz")

    def put(content: bytes) -> None:
        (tmp_path / "nb201_probes.npz").write_bytes(content)

    yield put
    probe_features.cache_clear()


@pytest.fixture(scope="module")
def scores(space):
    return np.random.default_rng(0).standard_normal((space.n_classes, len(PROBE_NAMES)))


@pytest.fixture(scope="module")
def written(space, scores):
    file = io.BytesIO()
    write_probes(file, space, scores, {"seed": 1})
    return file.getvalue()


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("make_probes", SCRIPT)
    loaded = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_probes", loaded)
    spec.loader.exec_module(loaded)
    return loaded


# --- ranks -----------------------------------------------------------------------------------------------------------


def test_normal_scores_are_quantiles_of_the_mean_of_runs():
    rng = np.random.default_rng(0)
    runs = [rng.standard_normal((50, 3)) * width + 7 for width in (1, 1000)]
    mean = sum((run - run.mean(0)) / run.std(0) for run in runs)
    for found, column in zip(normal_scores(runs).T, mean.T, strict=True):
        order = np.argsort(column)
        assert found[order] == pytest.approx(norm.ppf((np.arange(50) + 0.5) / 50))


def test_equal_values_share_a_score():
    assert normal_scores([np.array([[1.0, 3.0], [1.0, 3.0], [2.0, 3.0]])]).round(6).tolist() == [
        [pytest.approx(norm.ppf(1 / 3), abs=1e-6), 0],
        [pytest.approx(norm.ppf(1 / 3), abs=1e-6), 0],
        [pytest.approx(norm.ppf(5 / 6), abs=1e-6), 0],
    ]


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_written_table_is_read(space, scores, written, shipped):
    assert not has_probes(space)
    shipped(written)
    assert has_probes(space)
    found = probe_features(space)
    assert found.dtype == np.float32
    assert found == pytest.approx(scores, rel=1e-3, abs=1e-6)
    assert probe_features(space) is found
    assert not found.flags.writeable


def test_scores_of_a_large_space_are_stored_as_bytes(space, scores, shipped, monkeypatch):
    monkeypatch.setattr(module, "_MOST_HALVES", 100)
    file = io.BytesIO()
    wide = np.clip(np.where(np.arange(len(scores))[:, None] == 7, 9, scores), -4.7, 4.7)  # of one in half a million
    write_probes(file, space, wide, {})
    shipped(file.getvalue())
    assert np.load(io.BytesIO(file.getvalue()))["scores"].dtype == np.int8
    assert probe_features(space) == pytest.approx(wide, abs=0.5 / 27 + 1e-6)


def test_a_space_without_a_table(shipped):
    other = get_space("nb101")
    assert not has_probes(other)
    with pytest.raises(
        InputError, match=r"no probes of the space 'nb101' are shipped; examples/choices/make_probes\.py makes"
    ):
        probe_features(other)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("scores", lambda a: a[:-1], "not finite (5425, 25)"),
        ("scores", lambda a: a.astype(np.float64), "not finite (5425, 25)"),
        ("scores", lambda a: np.where(np.arange(25) == 3, np.float16("nan"), a), "not finite (5425, 25)"),
        ("scores", lambda a: None, "not finite (5425, 25)"),
        ("names", lambda a: a[::-1], "other names"),
        ("classes_sha256", lambda a: np.array("0" * 64), "other classes_sha256"),
        ("classes_sha256", lambda a: None, "other classes_sha256"),
    ],
)
def test_a_table_that_does_not_fit_names_the_script(space, written, shipped, name, change, message):
    with np.load(io.BytesIO(written)) as table:
        kept = dict(table)
    kept[name] = change(kept[name])
    file = io.BytesIO()
    np.savez(file, **{key: value for key, value in kept.items() if value is not None})
    shipped(file.getvalue())
    with pytest.raises(RuntimeError) as raised:
        probe_features(space)
    assert message in str(raised.value)
    assert module.SCRIPT in str(raised.value)


def test_a_table_holds_no_objects(space, shipped):
    file = io.BytesIO()
    np.savez(file, scores=np.array([print], dtype=object))
    shipped(file.getvalue())
    with pytest.raises(ValueError, match="allow_pickle=False"):
        probe_features(space)


# --- the script ------------------------------------------------------------------------------------------------------


def test_the_script_makes_the_table(space, script, tmp_path, monkeypatch, capsys):
    """Only for the first cells: all of them take minutes."""
    some = space.first_of_class[:20]
    monkeypatch.setitem(vars(space), "first_of_class", some)
    out, raw = tmp_path / "new" / "probes.npz", tmp_path / "raw"
    arguments = ["make_probes.py", "--settings", "1:2", "--raw", str(raw)]
    monkeypatch.setattr(sys, "argv", [*arguments, "--out", str(out), "--device", "cpu"])
    script.main()
    assert "seed 1: 20 of 20 classes" in capsys.readouterr().err
    cells = [space.parse(index) for index in some]
    runs = [probe([cell.graph() for cell in cells], seed=seed, cells_per_stage=1, device="cpu") for seed in (0, 1)]
    runs = [run.astype(np.float32) for run in runs]
    with np.load(out, allow_pickle=False) as table:
        assert table["scores"] == pytest.approx(normal_scores(runs), rel=1e-3)
        assert '"cells_per_stage": 1, "seed": 1' in str(table["settings"])
    with np.load(raw / "nb201_cells1_seed1.npz", allow_pickle=False) as kept:
        assert (kept["probes"] == runs[1]).all()

    with monkeypatch.context() as patched:
        patched.setattr(script, "probe", None)  # the existing file is read
        script.main()
    assert "seed 1: 20 of 20 classes" in capsys.readouterr().err

    monkeypatch.setattr(sys, "argv", [*arguments, "--check", "3"])
    with pytest.raises(SystemExit, match="0"):
        script.main()
    path = raw / "nb201_cells1_seed0.npz"
    with np.load(path) as kept:
        changed = dict(kept) | {"probes": kept["probes"] + 1}
    np.savez(path, **changed)
    with pytest.raises(SystemExit, match="1"):
        script.main()

    np.savez(path, **changed | {"about": changed["about"][::-1]})
    with pytest.raises(SystemExit, match="made with other cells, probes or settings; remove it"):
        script.main()


@pytest.mark.parametrize("text", ["", "2", "2:0", "0:1", "2:1,2:1", "a:b", "2:1:1"])
def test_invalid_settings(script, text, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["make_probes.py", "--out", "never", "--settings", text])
    with pytest.raises(SystemExit):
        script.main()
    assert "expected CELLS:SEEDS,CELLS:SEEDS" in capsys.readouterr().err


# --- the table that ships --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELL_SPACES)
def test_every_column_that_ships_is_normal_scores(name):
    space = get_space(name)
    table = probe_features(space)
    assert table.shape == (space.n_classes, len(PROBE_NAMES))
    assert table.mean(axis=0) == pytest.approx(0, abs=0.01)
    assert table.std(axis=0) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", CELL_SPACES)
def test_the_table_that_ships_agrees_with_a_fresh_network(name):
    space = get_space(name)
    rows = np.random.default_rng(0).choice(space.n_classes, 60, replace=False)
    graphs = [space.graph(space.parse(index)) for index in space.first_of_class[rows]]
    fresh = probe(graphs, seed=0, cells_per_stage=2, space=name, device="cpu")
    shipped = probe_features(space)[rows]
    agreement = [spearmanr(one, other).statistic for one, other in zip(fresh.T, shipped.T, strict=True)]
    assert np.median(agreement) > 0.8
    assert min(agreement) > 0.2
