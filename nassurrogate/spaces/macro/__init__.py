"""The NAS-Bench-Macro search space (Su et al., arXiv 2103.11922)."""

from nassurrogate.spaces.macro.space import Macro

__all__ = ["Macro"]
