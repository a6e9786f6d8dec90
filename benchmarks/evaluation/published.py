"""Published results: Kendall's τ by number of labels, to be shown beside one's own rows.

NAS-Bench-201, cifar10: the first N cells, one training run each, 200 more cells for model selection by test accuracy,
and all cells as the test set. NAS-Bench-101: validation labels, test targets, all 423,624 cells as the test set.
Neither protocol holds out cells, so differences of a hundredth mean nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class PublishedRow:
    """One published figure.

    Attributes:
        recalled: from memory, not verified against the paper.
        note: how it differs from the rows beside it.
    """

    method: str
    labels: int
    kendall_tau: float
    recalled: bool = False
    note: str = ""

    def fields(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


_ROWS = {
    "nb201": """
        Neural Predictor: 78 .343, 156 .413, 469 .584, 781 .634, 1563 .646
        arch2vec: 78 .542, 156 .573, 469 .601, 781 .606, 1563 .605
        TNASP: 78 .539, 156 .589, 469 .640, 781 .689, 1563 .724
        PINAT: 78 .549, 156 .631, 469 .706, 781 .761, 1563 .784
        NAR-Former: 156 .660 [r], 469 .790 [r], 781 .849 [r], 1563 .901 [r]
        NAR-Former V2: 156 .752, 469 .846 [r], 781 .874 [r], 1563 .888
        NN-Former: 156 .804, 469 .860 [r], 781 .879 [r], 1563 .890
        FlowerFormer + FGP (own split): 78 .836
        """,
    "nb101": """
        TNASP: 100 .600, 172 .669, 424 .705, 4236 .820
        PINAT + ranking loss: 100 .717, 172 .764, 424 .812, 4236 .854
        NAR-Former: 100 .632 [r], 172 .653 [r], 424 .765 [r], 4236 .871 [r]
        NAR-Former V2: 100 .663, 172 .704 [r], 424 .773 [r], 4236 .861
        NN-Former: 100 .709, 172 .765, 424 .809, 4236 .877
        """,
}
_SHOWN_ON = {"A1": "nb201", "published": "nb201", "A5": "nb101"}


def published_rows(protocol: str) -> tuple[PublishedRow, ...]:
    """The published figures for a protocol; empty if there are none.

    >>> len(published_rows("A1")), published_rows("A4")
    (33, ())
    """
    lines = _ROWS.get(_SHOWN_ON.get(protocol, ""), "").strip().splitlines()
    return tuple(row for line in lines for row in _parse(line))


def _parse(line: str) -> list[PublishedRow]:
    method, _, figures = line.partition(":")
    name, _, note = method.strip().removesuffix(")").partition(" (")
    return [
        PublishedRow(name, int(labels), float(tau), bool(recalled), note)
        for labels, tau, *recalled in map(str.split, figures.split(","))
    ]
