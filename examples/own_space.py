"""Search your own space with your own training: thirty small networks on handwritten digits, with bounded size.

    python examples/own_space.py        # a few seconds; needs scikit-learn: pip install "nassurrogate[peers]"

Nothing of this ships with the package: the space is declared below, and every query trains a network.
"""

from __future__ import annotations

import warnings
from functools import cache
from itertools import pairwise
from typing import Any

from nassurrogate.architecture import Architecture
from nassurrogate.search import run
from nassurrogate.search.record.report import describe_result
from nassurrogate.spaces import CategoricalSpace, Slot

WIDTHS = [8, 16, 32, 64, 128, 256]
PIXELS, DIGITS = 64, 10


def widths(arch: Architecture) -> list[int]:
    """Units of every hidden layer."""
    return [value for name, value in arch.choices.items() if name.startswith("width")]


def costs(arch: Architecture) -> dict[str, float]:
    """Exact number of parameters in millions, which can be bounded without a training."""
    sizes = [PIXELS, *widths(arch), DIGITS]
    return {"params_m": sum((a + 1) * b for a, b in pairwise(sizes)) / 1e6}


SPACE = CategoricalSpace(
    "digit-networks",
    {
        "depth": [1, 2, 3],
        "width1": WIDTHS,
        "width2": Slot(WIDTHS, when={"depth": [2, 3]}),
        "width3": Slot(WIDTHS, when={"depth": 3}),
        "activation": ["relu", "tanh", "logistic"],
        "learning_rate": [3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
        "weight_decay": [1e-5, 1e-3, 1e-1],
    },
    costs=costs,
)


@cache
def digits() -> Any:
    """Training and validation images and labels."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    return train_test_split(images / 16.0, labels, test_size=0.4, random_state=0)


def train(arch: Architecture, seed: int) -> float:
    """Validation accuracy in percent after 20 epochs."""
    from sklearn.neural_network import MLPClassifier

    choices = arch.choices
    network = MLPClassifier(
        widths(arch),
        activation=choices["activation"],
        learning_rate_init=choices["learning_rate"],
        alpha=choices["weight_decay"],
        max_iter=20,
        random_state=seed,
    )
    train_x, test_x, train_y, test_y = digits()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 20 epochs are not the end
        network.fit(train_x, train_y)
    return 100.0 * float(network.score(test_x, test_y))


if __name__ == "__main__":
    found = run(
        space=SPACE, dataset="digits", evaluate=train, budget=30, seed=0, constraints=["params_m<=0.02"], write=False
    )
    print(describe_result(found))
