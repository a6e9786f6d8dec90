"""Records what a network computes: the tensors that all signals pass through, and which units are active.

Operations are seen below autograd, so it makes no difference how a module is written.

Shapes: n inputs of a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_ACTIVATIONS: Final = frozenset(
    ("relu", "gelu", "silu", "hardtanh", "leaky_relu", "elu", "hardswish", "mish", "softplus", "tanh", "threshold")
)


@dataclass(frozen=True)
class RecordedRun:
    """What a network computed for a batch.

    Attributes:
        outputs: all floating-point results.
        bottlenecks: (n, …) tensors in order, each the only one alive when it was computed, so that all later ones
            depend on the input through it.
        active: for each activation function in order, (n, units) whether a unit's input is positive.
    """

    outputs: list[Tensor]
    bottlenecks: list[Tensor]
    active: list[Tensor]


def record_run(module: nn.Module, batch: Tensor) -> RecordedRun:
    """Run a module on a batch, with gradients. Whatever the module raises is passed on."""
    recorder = _Recorder(batch)
    with torch.enable_grad(), recorder:
        returned = module(batch)
    outputs = [x for x in tree_leaves(_plain(returned)) if isinstance(x, Tensor) and x.is_floating_point()]
    return RecordedRun(outputs, recorder.bottlenecks(outputs, len(batch)), recorder.active)


def _plain(returned: Any) -> Any:
    """Results in containers that are only like a dict, as many libraries return, as a dict."""
    return dict(returned) if isinstance(returned, Mapping) else returned


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes when each tensor that depends on the batch is computed, and when it is last read."""

    def __init__(self, batch: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tensors = [batch]  # kept alive, so that no two share an id
        self._made = {id(batch): 0}
        self._last_read = {id(batch): 0}
        self._time = 0
        self.active: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        read = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor) and id(x) in self._made]
        name = getattr(getattr(func, "overloadpacket", func), "__name__", "")
        if read and name.removesuffix("_") in _ACTIVATIONS and read[0].ndim > 1:
            self.active.append((read[0].detach() > 0).flatten(1))
        result = func(*args, **kwargs)
        if read:
            self._note(read, [x for x in tree_leaves(result) if isinstance(x, Tensor)])
        return result

    def _note(self, read: Sequence[Tensor], made: Sequence[Tensor]) -> None:
        self._time += 1
        self._last_read.update((id(x), self._time) for x in read)
        for x in made:
            if id(x) not in self._made:
                self._tensors.append(x)
            self._made[id(x)] = self._last_read[id(x)] = self._time  # for an operation in place, a new value

    def bottlenecks(self, outputs: Sequence[Tensor], n: int) -> list[Tensor]:
        """See `RecordedRun`; outputs stay alive to the end."""
        ends = {key: self._time + 1 if key in set(map(id, outputs)) else last for key, last in self._last_read.items()}
        change = [0] * (self._time + 2)
        for key, made in self._made.items():
            if ends[key] > made:
                change[made] += 1
                change[ends[key]] -= 1
        alive, count = [], 0
        for step in change:
            count += step
            alive.append(count)
        return [
            x
            for x in self._tensors[1:]
            if ends[id(x)] > self._made[id(x)]
            and alive[self._made[id(x)]] == 1
            and x.ndim > 1
            and len(x) == n
            and x.is_floating_point()
        ]
