"""The NAS-Bench-101 search space (Ying et al., arXiv 1902.09635)."""

from nassurrogate.renamed import moved_names
from nassurrogate.spaces.nb101.space import NB101

__all__ = ["NB101"]
__getattr__ = moved_names(__name__, ["cell_codes", "space"])
