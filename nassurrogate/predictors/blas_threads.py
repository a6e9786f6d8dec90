"""How many threads NumPy's and SciPy's linear algebra may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """A single one meanwhile: on small matrices further threads only wait for each other, five times as long."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401 (SciPy brings a library of its own; it must be there to be found)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
