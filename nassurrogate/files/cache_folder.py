"""The folder of files that were converted or computed once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

CACHE_VARIABLE: Final = "NASSURROGATE_CACHE"


def cache_dir() -> Path:
    """`$NASSURROGATE_CACHE`, or the operating system's folder for a user's caches; it may not exist yet."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given)
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("nassurrogate", appauthor=False))
