"""Independent pieces of work on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from nassurrogate.runtime.device import one_thread_each

_Piece = TypeVar("_Piece")
_KEPT_BYTES = 28 << 20


def on_all_cores(work: Callable[[_Piece], object], pieces: Iterable[_Piece]) -> None:
    """`work` on every piece, on as many threads as PyTorch would use for one, of a core each.

    For work inside PyTorch, which lets other threads go on. A piece that fails ends it: its exception is raised, and
    what was not begun is dropped.
    """
    n_threads = torch.get_num_threads()
    # The C library of Linux gives blocks of some size back to the system when they are freed, and the system zeroes
    # what it hands out again: half of the time. After one of 28 MiB was freed it keeps smaller ones.
    torch.empty(_KEPT_BYTES, dtype=torch.uint8)
    with one_thread_each():
        if n_threads == 1:
            for piece in pieces:
                work(piece)
            return
        with ThreadPoolExecutor(n_threads) as pool:
            try:
                for _ in pool.map(work, pieces):
                    pass
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
