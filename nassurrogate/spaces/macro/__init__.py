"""The NAS-Bench-Macro search space (Su et al., arXiv 2103.11922)."""

from nassurrogate.renamed import moved_names
from nassurrogate.spaces.macro.space import Macro

__all__ = ["Macro"]
__getattr__ = moved_names(__name__, ["space"])
