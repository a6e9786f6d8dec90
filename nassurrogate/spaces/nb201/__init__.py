"""The NAS-Bench-201 search space (Dong & Yang, arXiv 2001.00326)."""

from nassurrogate.renamed import moved_names
from nassurrogate.spaces.nb201.space import NB201

__all__ = ["NB201"]
__getattr__ = moved_names(__name__, ["space"], {"WIRING": "space.ADJACENCY"})
