"""Distributions with entry points, written as an installer would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_distribution(site: Path, name: str, entry_points: str, modules: Mapping[str, str]) -> None:
    """Write the metadata and the modules of a distribution.

    Args:
        site: a folder for `sys.path`.
        name: of the distribution.
        entry_points: the content of its entry_points.txt.
        modules: name → source.
    """
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    for module, source in modules.items():
        (site / f"{module}.py").write_text(source)
