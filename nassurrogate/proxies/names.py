"""The names of zero-cost proxies: of the columns of the shipped tables, and of those of real networks.

Needs no PyTorch.
"""

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
THIRDS = ("early", "middle", "late")
NETWORK_PROXY_NAMES = (
    *(f"{third} {name}" for third in THIRDS for name in (*ACTIVATION_NAMES, "entropy of the channels")),
    "log-determinant of all activation patterns",
    "log-determinant of the last activation patterns",
    "log number of units",
    "log gradient at the input",
    "jacobian covariance",
    "log gradient of the weights",
    *(f"log gradient of the {third} weights" for third in THIRDS),
    "log gradient of the first weights",
    "log gradient of the last weights",
    "mean log gradient of a weight",
    "log saliency of the weights",
)
"""Names of the results of `network_proxies`."""
