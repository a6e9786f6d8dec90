"""Published figures on NNLQP, to be shown beside one's own on the same data only. All are recalled, not verified."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class PublishedLatency:
    """One published figure.

    Attributes:
        method: the model.
        family: the family left out; None: all, in C4 the mean over families.
        mape_pct: see `FamilyResult`.
        within_10_pct: the same; None if not recalled.
        recalled: from memory, not verified against the paper.
    """

    method: str
    family: str | None
    mape_pct: float
    within_10_pct: float | None = None
    recalled: bool = True

    def fields(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


_IN_DOMAIN = "NNLP 3.47 95.25, NAR-Former V2 3.07 96.41, NN-Former 2.85 97.45"
_UNSEEN = (
    "AlexNet 24.28, EfficientNet 13.20, GoogleNet 6.61, MnasNet 7.16, MobileNetV2 6.73, MobileNetV3 9.06, "
    "NAS-Bench-201 9.21, ResNet 6.80, SqueezeNet 7.08, VGG 15.40"
)
"""NAR-Former V2, by family."""
_UNSEEN_MEAN = "nn-Meter 15.35, NNLP 11.55, NAR-Former V2 10.35, NN-Former 8.39"


def published_latencies(protocol: str) -> tuple[PublishedLatency, ...]:
    """The figures for C3 or C4 on NNLQP.

    >>> published_latencies("C3")[-1]
    PublishedLatency(method='NN-Former', family=None, mape_pct=2.85, within_10_pct=97.45, recalled=True)
    """
    if protocol == "C3":
        rows = [row.rsplit(" ", 2) for row in _IN_DOMAIN.split(", ")]
        return tuple(PublishedLatency(method, None, float(mape), float(share)) for method, mape, share in rows)
    families = [row.split() for row in _UNSEEN.split(", ")]
    means = [row.rsplit(" ", 1) for row in _UNSEEN_MEAN.split(", ")]
    return (
        *(PublishedLatency("NAR-Former V2", family, float(mape)) for family, mape in families),
        *(PublishedLatency(method, None, float(mape)) for method, mape in means),
    )
