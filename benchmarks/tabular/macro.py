"""The NAS-Bench-Macro benchmark (Su et al., arXiv 2103.11922): CIFAR-10, nothing embedded, the user imports it.

Its only accuracy is `test_accuracy_pct`, three trainings of each network, so that is the default objective: the one
exception to "a search never sees test accuracy". Equivalent networks were trained once and share their row.
"""

from __future__ import annotations

from nassurrogate.benchmarks.base import TEST
from nassurrogate.benchmarks.tabular.layers import Tables
from nassurrogate.spaces.macro.space import DATASET

MACRO = Tables(
    "macro",
    (DATASET,),
    how_to_get="get nas-bench-macro_cifar10.json (1 MB), see github.com/xiusu/NAS-Bench-Macro, and run: nassurrogate "
    "data import macro nas-bench-macro_cifar10.json",
    objective=TEST,
)
