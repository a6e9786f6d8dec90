"""Names of version 0.1, which still work in version 0.2, with a `DeprecationWarning` that gives the new one.

Modules that moved are found by their old names, `renamed` gives a module the old names of what it defines, and
`moved_names` gives a package the names of the module that it replaces.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import inspect
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

_ABSENT = object()

_MOVED = {
    "nassurrogate": {
        "atomic_file": "files.atomic_file",
        "cache_folder": "files.cache_folder",
        "console": "cli.console",
        "constraint_text": "constraint_parser",
        "duration": "display.duration",
        "given_path": "files.given_path",
        "metric_words": "display.metric_words",
        "metrics": "prediction_quality",
        "model_file": "files.model_file",
        "optional_libraries": "runtime.optional_libraries",
        "plug_ins": "runtime.plug_ins",
        "text_table": "cli.text_table",
        "versions": "runtime.versions",
    },
    "nassurrogate.benchmarks": {
        "embedded": "benchmarks.tabular.embedded",
        "layers": "benchmarks.tabular.layers",
        "macro": "benchmarks.tabular.macro",
        "nb101": "benchmarks.tabular.nb101",
        "nb201": "benchmarks.tabular.nb201",
        "pickle_memo": "benchmarks.pickles.memo",
        "plain_globals": "benchmarks.pickles.globals",
        "plain_pickle": "benchmarks.pickles.plain",
        "protocols": "benchmarks.evaluation.protocols",
        "store": "benchmarks.tabular.store",
        "stream_pickle": "benchmarks.pickles.stream",
        "table": "benchmarks.tabular.table",
    },
    "nassurrogate.benchmarks.importers": {
        "plain_npz": "benchmarks.importers.containers.npz",
        "protobuf_wire": "benchmarks.importers.containers.protobuf",
        "tfrecord": "benchmarks.importers.containers.tfrecord",
    },
    "nassurrogate.predictors": {
        "blas_threads": "runtime.blas_threads",
        "cell_process": "predictors.probe_former.cell_process",
        "cell_reading": "predictors.inputs.cells",
        "cell_table": "predictors.inputs.cell_cache",
        "chunk_scoring": "predictors.training.chunk_scoring",
        "core_threads": "runtime.core_threads",
        "cuda_graph": "predictors.training.cuda_graph",
        "ensemble_config": "predictors.training.config",
        "ensemble_training": "predictors.training.ensemble",
        "feature_reading": "predictors.inputs.features",
        "graph_batch": "predictors.inputs.graph_batch",
        "kept_labels": "predictors.labels.saved",
        "label_notes": "predictors.labels.notes",
        "label_scale": "predictors.labels.scale",
        "losses": "predictors.training.losses",
        "model_choice": "predictors.training.checkpoint_choice",
        "part_average": "predictors.probe_former.part_average",
        "path_features": "predictors.inputs.path_features",
        "probe_names": "proxies.names",
        "probe_table": "proxies.table",
        "random_cells": "proxies.untrained_cells",
        "random_network_statistics": "proxies.statistics",
        "random_networks": "proxies.untrained_networks",
        "relation_ensemble": "predictors.probe_former.relation_ensemble",
        "relation_scoring": "predictors.probe_former.relation_scoring",
        "relation_transformer": "predictors.probe_former.relation_transformer",
        "scored_classes": "predictors.probe_former.scored_classes",
        "shared_convolution": "proxies.shared_convolution",
        "stack_weights": "predictors.stacked_ensemble.weights",
        "torch_device": "runtime.device",
        "training_steps": "predictors.training.steps",
    },
    "nassurrogate.predictors.space_process": {
        "features": "predictors.inputs.space_features",
    },
    "nassurrogate.search": {
        "account": "search.queries.evaluator",
        "acquisition": "search.searchers.acquisition",
        "arguments": "search.settings.arguments",
        "continued_surrogate": "search.surrogates.continued",
        "equivalents": "search.strategy.equivalents",
        "evolution": "search.searchers.evolution",
        "exhaustive": "search.searchers.exhaustive",
        "feasible_set": "search.candidates.feasible_set",
        "idle_settings": "search.settings.ignored",
        "interruption": "search.queries.events",
        "known_labels": "search.surrogates.known_labels",
        "ledger": "search.record.ledger",
        "loop": "search.engine.loop",
        "open_set": "search.candidates.open_set",
        "optuna_samplers": "search.searchers.optuna_samplers",
        "outcome": "search.engine.result",
        "plot_view": "search.record.plot_view",
        "plots": "search.record.plots",
        "pool": "search.candidates.pool",
        "random_search": "search.searchers.random_search",
        "report": "search.record.report",
        "run_folder": "search.record.run_folder",
        "schedule": "search.settings.schedule",
        "searcher": "search.searchers.base",
        "selection": "search.strategy.selection",
        "sequential": "search.strategy.sequential",
        "setting_table": "search.settings.definitions",
        "spending": "search.strategy.budgeted_search",
        "start_notes": "search.engine.start_notes",
        "table_set": "search.candidates.table_set",
    },
    "nassurrogate.spaces": {
        "canonical": "graphs.canonical",
        "categorical_codes": "spaces.categorical.codes",
        "categorical_slots": "spaces.categorical.slots",
        "enumerable_categorical": "spaces.categorical.enumerable",
        "graph_codes": "graphs.codes",
        "macro_costs": "spaces.macro.costs",
        "macro_network": "spaces.macro.network",
        "md5_rows": "spaces.nb101.md5_rows",
        "nb101_canonical": "spaces.nb101.canonical",
        "nb101_costs": "spaces.nb101.costs",
        "nb101_hash": "spaces.nb101.official_hash",
        "nb101_moves": "spaces.nb101.moves",
        "nb101_spec": "spaces.nb101.module_spec",
        "nb101_tables": "spaces.nb101.all_cells",
        "nb101_text": "spaces.nb101.readable",
        "nb101_wiring": "spaces.nb101.cell_codes",
        "nb201_costs": "spaces.nb201.costs",
    },
    "nassurrogate.tables": {
        "choice": "tables.chosen_column",
    },
    "nassurrogate.tables.formats": {
        "content": "tables.formats.detection",
        "text": "tables.formats.delimited",
    },
    "nassurrogate.testing": {
        "makeup_contract": "testing.structure_contract",
    },
}
"""Package → old module → new module, below `nassurrogate`."""
MOVED_MODULES = {
    f"{package}.{old}": f"nassurrogate.{new}" for package, moved in _MOVED.items() for old, new in moved.items()
}


class _MovedModules:
    """A finder and loader: an old name imports the module of the new name, and stands for it from then on."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in MOVED_MODULES:
            return None
        return importlib.machinery.ModuleSpec(fullname, cls)  # type: ignore[arg-type]  # a class with the two methods

    @staticmethod
    def create_module(spec: importlib.machinery.ModuleSpec) -> None:
        return None  # an empty one, which `exec_module` replaces

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        old = module.__name__
        warn_of_old_name(f"the module {old} is now {MOVED_MODULES[old]}")
        sys.modules[old] = importlib.import_module(MOVED_MODULES[old])


def find_moved_modules() -> None:
    """Let imports find moved modules; asked last, only for names that nothing else has."""
    if _MovedModules not in sys.meta_path:
        sys.meta_path.append(_MovedModules)


def renamed(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__` that knows old names (keys) of what the module defines (values).

    A value with dots names something in another module.

    >>> import nassurrogate.benchmarks.evaluation.protocols as protocols
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     protocols.Draw is protocols.Split
    True
    >>> print(caught[0].message)
    nassurrogate.benchmarks.evaluation.protocols.Draw is now Split; the old name will be removed in version 0.3
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, _, new = names[name].rpartition(".")
        warn_of_old_name(f"{module}.{name} is now {names[name]}")
        return getattr(importlib.import_module(home or module), new)

    return find


def moved_names(package: str, modules: Sequence[str], names: Mapping[str, str] | None = None) -> Callable[[str], Any]:
    """The `__getattr__` of a package that replaces a module: it finds what the module had in version 0.1.

    Args:
        package: full name of the package.
        modules: of the package, which now have these names; the first that has a name counts.
        names: old name → `module.new_name`, for what has a new name as well.

    >>> import nassurrogate.cli as cli
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     cli.BAD_INPUT
    2
    >>> print(caught[0].message)
    nassurrogate.cli.BAD_INPUT is now nassurrogate.cli.app.BAD_INPUT; the old name will be removed in version 0.3
    """

    def find(name: str) -> Any:
        # The import system asks for a submodule here first, and must import it itself.
        if not name.startswith("__") and not _is_submodule(package, name):
            places = [(names or {})[name]] if name in (names or {}) else [f"{module}.{name}" for module in modules]
            for place in places:
                home, _, new = f"{package}.{place}".rpartition(".")
                found = vars(importlib.import_module(home)).get(new, _ABSENT)
                if inspect.isclass(found) or inspect.isfunction(found):
                    home, new = found.__module__, found.__name__
                if found is not _ABSENT and not inspect.ismodule(found) and home.startswith("nassurrogate."):
                    warn_of_old_name(f"{package}.{name} is now {home}.{new}")
                    return found
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find


def _is_submodule(package: str, name: str) -> bool:
    path = sys.modules[package].__path__
    return importlib.machinery.PathFinder.find_spec(f"{package}.{name}", path) is not None


def warn_of_old_name(message: str, stacklevel: int = 3) -> None:
    """Warn that `message`, at the line `stacklevel` frames up; 3 is the caller of the caller."""
    text = f"{message}; the old name will be removed in version 0.3"
    warnings.warn(text, DeprecationWarning, stacklevel=stacklevel)
