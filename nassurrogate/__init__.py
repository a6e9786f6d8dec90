"""Learn from a few evaluated architectures, rank all the others, and search under hardware constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nassurrogate.renamed import find_moved_modules

if TYPE_CHECKING:
    from nassurrogate.architecture import Architecture
    from nassurrogate.constraints import Constraint
    from nassurrogate.errors import InputError
    from nassurrogate.graphs.cell_graph import CellGraph
    from nassurrogate.metric import Metric
    from nassurrogate.spaces import get_space
    from nassurrogate.surrogate import Surrogate

find_moved_modules()

__version__ = "0.2.0"
__all__ = ["Architecture", "CellGraph", "Constraint", "InputError", "Metric", "Surrogate", "__version__", "get_space"]

_HOME = {
    "Architecture": "nassurrogate.architecture",
    "CellGraph": "nassurrogate.graphs.cell_graph",
    "Constraint": "nassurrogate.constraints",
    "InputError": "nassurrogate.errors",
    "Metric": "nassurrogate.metric",
    "Surrogate": "nassurrogate.surrogate",
    "get_space": "nassurrogate.spaces",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: `import nassurrogate` and `nassurrogate --help` must not wait for torch.
    if name not in _HOME:
        raise AttributeError(f"module 'nassurrogate' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)
