"""Old names: they still work, mean the same thing, and say the new name."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings

import pytest

import nassurrogate
from nassurrogate.renamed import MOVED_MODULES

NAMES_OF_VERSION_0_1 = {
    "cli": {"app": "OK UNEXPECTED BAD_INPUT INTERRUPTED READER_GONE build_parser"},
    "predictors.nar_former_v2": {
        "": "PAPER NarFormerV2 NarFormerV2Net V2Config",
        "network": "Block",
        "layers": "GroupedLinear Linear identity_code",
    },
    "predictors.probe_former": {"": "ProbeFormer ProbeFormerConfig", "predictor": "_Labels"},
    "predictors.stacked_ensemble": {"": "StackConfig StackedEnsemble", "predictor": "_Stack"},
    "spaces.nb201": {"": "NB201", "space": "OPS EDGES TEMPLATE GENES WIRING=ADJACENCY"},
    "spaces.nb101": {"": "NB101", "space": "EDGE_GENES GENES _AllCells", "cell_codes": "OPS MAX_VERTICES NO_OP"},
    "spaces.macro": {"": "Macro", "space": "DATASET", "costs": "CHOICES LAYERS STAGES"},
    "spaces.categorical": {"": "ABSENT CategoricalSpace Slot Value", "codes": "activated draw", "slots": "text_of"},
    "search.candidates": {
        "feasibility": "MOST_LISTED=_MOST_LISTED find_feasible",
        "unknown_values": "unknown_note",
        "listed_set": "ListedSet",
    },
    "search.surrogates": {
        "": "CannotLearn Posterior SearchSurrogate OracleSurrogate LearningSurrogate BlendedSurrogate",
        "base": "FitProgress scale_doubt=unit_doubt survived=raises_cannot_learn",
        "blended": "Blend",
    },
}
"""Package, a module in version 0.1 → module in it, or "" for itself → names, `old=new` where they differ.

Private classes are in pickles."""
NAMES = [
    (package, old, f"{package}.{module}".rstrip("."), new or old)
    for package, modules in NAMES_OF_VERSION_0_1.items()
    for module, names in modules.items()
    for old, _, new in (name.partition("=") for name in names.split())
]


@pytest.mark.parametrize("old", sorted(MOVED_MODULES))
def test_a_moved_module_is_found_by_its_old_name(old: str) -> None:
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=rf"module {old} is now {MOVED_MODULES[old]}") as caught:
        module = importlib.import_module(old)
    assert module is importlib.import_module(MOVED_MODULES[old])
    assert module.__name__ == module.__spec__.name == MOVED_MODULES[old]
    assert len([entry for entry in caught if old in str(entry.message)]) == 1


def test_the_warning_points_at_the_line_that_imports() -> None:
    script = (
        "from nassurrogate.search.loop import run; import nassurrogate.search; assert run is nassurrogate.search.run"
    )
    done = subprocess.run([sys.executable, "-W", "always", "-c", script], capture_output=True, text=True, check=True)
    assert "<string>:1: DeprecationWarning: the module nassurrogate.search.loop is now" in done.stderr


def test_new_names_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        for new in set(MOVED_MODULES.values()):
            importlib.import_module(new)


def test_a_name_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"nassurrogate\.search\.nonsense"):
        importlib.import_module("nassurrogate.search.nonsense")


@pytest.mark.parametrize(("package", "old", "module", "new"), NAMES)
def test_a_package_has_the_names_of_the_module_that_it_replaces(package: str, old: str, module: str, new: str) -> None:
    defined = getattr(importlib.import_module(f"nassurrogate.{module}"), new)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert getattr(importlib.import_module(f"nassurrogate.{package}"), old) is defined
    if module == package:
        assert caught == []
    else:
        (warning,) = caught
        assert warning.category is DeprecationWarning
        assert warning.filename == __file__
        moved = f"nassurrogate.{package}.{old} is now nassurrogate."
        assert str(warning.message).startswith(moved)
        assert f"{new}; " in str(warning.message)


def test_the_warning_of_a_package_gives_the_place_that_defines_the_name() -> None:
    with pytest.warns(DeprecationWarning, match=r"ListedSet is now .*\.candidates\.listed_set\.ListedSet;"):
        from nassurrogate.search.candidates import ListedSet  # noqa: F401
    with pytest.warns(DeprecationWarning, match=r"OPS is now .*\.nb101\.cell_codes\.OPS;"):
        from nassurrogate.spaces.nb101 import OPS  # noqa: F401


@pytest.mark.parametrize("package", sorted(NAMES_OF_VERSION_0_1))
@pytest.mark.parametrize("name", ["nonsense", "__nonsense__", "np", "Any", "Sequence"])
def test_a_package_has_no_names_that_it_never_defined(package: str, name: str) -> None:
    module = importlib.import_module(f"nassurrogate.{package}")
    assert not hasattr(module, name)
    with pytest.raises(AttributeError, match=f"module 'nassurrogate.{package}' has no attribute '{name}'"):
        getattr(module, name)


def test_a_submodule_is_imported_without_the_search_for_old_names() -> None:
    script = (
        "import sys; from nassurrogate.search.candidates import unknown_values\n"
        "assert unknown_values is sys.modules['nassurrogate.search.candidates.unknown_values']\n"
        "assert 'nassurrogate.search.candidates.feasibility' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error::DeprecationWarning", "-c", script], check=True)


def test_public_names_of_packages_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        for package in [nassurrogate.__name__, *(f"nassurrogate.{package}" for package in NAMES_OF_VERSION_0_1)]:
            module = importlib.import_module(package)
            for name in getattr(module, "__all__", ()):
                assert getattr(module, name) is not None
