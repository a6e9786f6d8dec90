"""Copies of modules whose tensors have a shape, a type and a device, but no data."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.overrides import TorchFunctionMode


class Copy:
    """A copy of a module without data, in eval mode or in training mode; the module itself is not touched.

    Attributes:
        module: the copy.
        mode: the mode in which its tensors live, and in which inputs must be made.
        device: where inputs belong; the CPU for modules on the meta device.

    Raises whatever the module's attributes raise when they are copied.
    """

    def __init__(self, module: nn.Module, *, training: bool = False) -> None:
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)
        self._originals: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        memo = _empty_attributes(module)
        for tensor in (*module.parameters(), *module.buffers()):
            memo[id(tensor)] = self._without_data(tensor)
        with _Deepcopies(self._without_data):
            self.module = copy.deepcopy(module, memo).train(training)
        first = next((tensor for tensor in (*module.parameters(), *module.buffers())), None)
        self.device = torch.device("cpu") if first is None or first.is_meta else first.device
        self.float_dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)

    def inputs(self, shapes: Iterable[Sequence[int]], dtypes: Iterable[torch.dtype]) -> list[torch.Tensor]:
        """Tensors without data of these shapes and types."""
        with self.mode:
            pairs = zip(shapes, dtypes, strict=True)
            return [torch.empty(tuple(shape), dtype=dtype, device=self.device) for shape, dtype in pairs]

    @property
    def constants(self) -> Mapping[int, tuple[torch.Tensor, torch.Tensor]]:
        """The copied tensors, each with its original, by the copy's `id`."""
        return self._originals

    def _without_data(self, tensor: torch.Tensor) -> torch.Tensor:
        # Made directly, which is several times faster than `torch.empty_strided` and `nn.Parameter` within the mode.
        sizes = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
        made = FakeTensor(self.mode, sizes, torch.device("cpu") if tensor.is_meta else tensor.device)
        if isinstance(tensor, nn.Parameter):
            made._is_param = True
        self._originals[id(made)] = (made, tensor)
        return made


def _empty_attributes(module: nn.Module) -> dict[int, Any]:
    """Copies of the empty attributes of all parts by `id`: a module has a dozen, and `deepcopy` takes long for each."""
    values = (value for part in module.modules() for value in vars(part).values())
    return {id(value): type(value)() for value in values if type(value) in (dict, OrderedDict, set) and not value}


class _Deepcopies(TorchFunctionMode):
    """Copies tensors that are plain attributes, which `copy.deepcopy` would copy with their data."""

    def __init__(self, without_data: Any) -> None:
        super().__init__()
        self._without_data = without_data

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not torch.Tensor.__deepcopy__:
            return func(*args, **(kwargs or {}))
        tensor, memo = args
        if id(tensor) not in memo:
            memo[id(tensor)] = self._without_data(tensor)
        return memo[id(tensor)]
