"""Runs independent pieces of work on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from nassurrogate.runtime.device import one_thread_each

_Piece = TypeVar("_Piece")
_KEPT_BYTES = 28 << 20


def on_all_cores(work: Callable[[_Piece], object], pieces: Iterable[_Piece]) -> None:
    """Call `work` on every piece, in as many single-core threads as PyTorch would use.

    The work should be done inside PyTorch, which releases the GIL. If a piece raises, so does this function, and pieces
    that have not begun are dropped.
    """
    n_threads = torch.get_num_threads()
    # The C library of Linux returns large freed blocks to the system, which zeroes them before it hands them out again:
    # half of the run time. Once a block of 28 MiB has been freed, the library keeps all smaller ones.
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
