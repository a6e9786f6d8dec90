"""The names of the probes, which are the columns of the shipped tables. Needs no PyTorch."""

from __future__ import annotations

STAGES = 3
"""Stages of cells in the network (see `untrained_networks`)."""
ACTIVATION_NAMES = (
    "log variance",
    "correlation of neighbours",
    "variance that survives pooling",
    "cosine between images",
    "absolute cosine between images",
)
"""Names of the results of `activation_statistics`."""
PROBE_NAMES = (
    *(f"stage {stage} {name}" for stage in range(1, STAGES + 1) for name in ACTIVATION_NAMES),
    "log-determinant of the activation patterns",
    "log gradient at the input",
    "log gradient of the cells",
    *(f"log gradient of the cells of stage {stage}" for stage in range(1, STAGES + 1)),
    "log saliency of the cells",
    "log gradient of the stem",
    "log gradient of the reductions",
    "jacobian covariance",
)
"""Names of the columns of `probe`."""
