"""Importers of the official files and of users' own tables; `import_file` chooses the one that a file needs."""

from __future__ import annotations

from nassurrogate.benchmarks.importers.importing import ImportSummary, import_file
from nassurrogate.benchmarks.importers.kinds import (
    MACRO_TABLE,
    NATS_FILE,
    NATS_FOLDER,
    NB101_NPZ,
    PTH,
    TFRECORD,
    Columns,
    Progress,
    detect_kind,
)
from nassurrogate.benchmarks.tabular.store import OWN_TABLE

__all__ = [
    "MACRO_TABLE",
    "NATS_FILE",
    "NATS_FOLDER",
    "NB101_NPZ",
    "OWN_TABLE",
    "PTH",
    "TFRECORD",
    "Columns",
    "ImportSummary",
    "Progress",
    "detect_kind",
    "import_file",
]
