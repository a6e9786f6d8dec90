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
    """Limit BLAS to one thread inside the block: on small matrices further ones only burn time waiting for each other.

    The limit is that of the whole process, so blocks in several Python threads may lift each other's.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401 (SciPy brings a library of its own; it must be there to be found)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
