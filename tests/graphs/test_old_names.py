"""Names of version 0.1 that moved or were renamed in `graphs`."""

from __future__ import annotations

import importlib

import pytest

import nassurrogate
from nassurrogate.graphs import canonical, cell_graph


def test_the_top_level_name_does_not_warn(recwarn):
    assert nassurrogate.CellGraph is cell_graph.CellGraph
    assert not recwarn.list


@pytest.mark.parametrize(
    ("module", "name", "found"),
    [
        ("nassurrogate.architecture", "CellGraph", cell_graph.CellGraph),
        ("nassurrogate.architecture", "INPUT", cell_graph.INPUT),
        ("nassurrogate.graphs.canonical", "reduce_graph", canonical.canonical_graph),
        ("nassurrogate.graphs.canonical", "reduce_wiring", canonical.canonical_graph_of_lists),
    ],
)
def test_an_old_name_warns(module, name, found):
    with pytest.warns(DeprecationWarning, match=f"{module}.{name} is now"):
        assert getattr(importlib.import_module(module), name) is found
