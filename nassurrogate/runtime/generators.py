"""Runs other people's code without a trace in the global random generators."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def global_generators_kept(seed: int = 0) -> Iterator[None]:
    """Seed the generators of Python, NumPy and PyTorch, and restore them at the end.

    What runs inside therefore gives the same result every time, and the caller's own random numbers stay as they are.
    Those of PyTorch on GPUs are restored if a GPU is in use, and never seeded. Other threads share the generators.

    >>> random.seed(1)
    >>> with global_generators_kept():
    ...     first = random.random()
    >>> second = random.random()
    >>> random.seed(1)
    >>> second == random.random()
    True
    """
    import torch

    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.default_generator.get_state()  # noqa: NPY002
    is_used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    on_gpus = torch.cuda.get_rng_state_all() if is_used else []
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.default_generator.manual_seed(seed)  # `torch.manual_seed` would also seed the GPUs
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.default_generator.set_state(cpu)
        if on_gpus:
            torch.cuda.set_rng_state_all(on_gpus)


def states_of_python_generators() -> tuple[object, ...]:
    """The states of Python's and NumPy's global generators, to see whether something draws from them."""
    _, key, *others = np.random.get_state(legacy=True)  # noqa: NPY002
    return random.getstate(), np.asarray(key).tobytes(), *others
