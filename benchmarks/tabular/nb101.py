"""The NAS-Bench-101 benchmark (Ying et al., arXiv 1902.09635): CIFAR-10, nothing embedded, the user imports it.

`val_accuracy_pct`, `test_accuracy_pct`, `train_accuracy_pct` and `train_time_s` are those after 108 epochs, one value
per run; with `_4ep`, `_12ep` or `_36ep` in the name they are of the shorter trainings: `val_accuracy_36ep_pct`.
"""

from __future__ import annotations

from nassurrogate.benchmarks.tabular.layers import Tables

DATASET = "cifar10"

NB101 = Tables(
    "nb101",
    (DATASET,),
    how_to_get="get the official nasbench_only108.tfrecord (0.5 GB) or nasbench_full.tfrecord (2 GB), see "
    "github.com/google-research/nasbench, and run: nassurrogate data import nb101 nasbench_only108.tfrecord",
)
