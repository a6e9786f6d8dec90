"""NAR-Former V2's code of a number: sines and cosines of five frequencies."""

from __future__ import annotations

import numpy as np

N_FREQUENCIES = 5
WIDTH = 2 * N_FREQUENCIES


def number_code(numbers: np.ndarray) -> np.ndarray:
    """(…) numbers → (…, 10) float32: sin and cos of x · 10000^(−j/5), j = 0 … 4, interleaved (arXiv 2306.10792).

    The phases are computed in double precision: those of a size of 100,000 have lost three decimals in single.

    >>> number_code(np.array([0.0, np.pi])).round(2)[:, :4].tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.0, -1.0, 0.47999998927116394, 0.8799999952316284]]
    """
    frequency = 10_000.0 ** (-np.arange(N_FREQUENCIES) / N_FREQUENCIES)
    phase = np.asarray(numbers, dtype=np.float64)[..., None] * frequency
    code = np.stack([np.sin(phase), np.cos(phase)], axis=-1)
    return code.reshape(*phase.shape[:-1], WIDTH).astype(np.float32)
