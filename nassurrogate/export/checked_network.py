"""A network in every form, each checked against the network itself."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import nn

from nassurrogate import __version__
from nassurrogate.errors import InputError, brief, one_line
from nassurrogate.export.agreement import difference, example, outputs, tolerance, trained_difference
from nassurrogate.export.file_text import file_text
from nassurrogate.export.programs import onnx_bytes, program_bytes, run_onnx, run_program, traced_onnx_bytes
from nassurrogate.export.source.errors import NoSourceError
from nassurrogate.export.source.program import FreeAxes, Source, write_source
from nassurrogate.graphs.readers.torch_reader import read_torch
from nassurrogate.runtime.generators import global_generators_kept

FORMS: Final = {".py": "PyTorch source", ".onnx": "ONNX", ".pt2": "a program of torch.export"}
"""What the suffix of a file stands for."""
_BATCHES: Final = (1, 5)
_TRAINED_BATCH: Final = 3
_MOST_MACS: Final = 2e9
"""Inputs of other sizes are not tried on networks with more multiply-accumulates."""


class CheckedNetwork:
    """A copy of a module on the CPU, at inference, with what is known about it."""

    def __init__(self, module: nn.Module, input_shape: Sequence[int], dtype: torch.dtype | None) -> None:
        self.shape = _checked_shape(input_shape)
        try:
            self.module: nn.Module = copy.deepcopy(_unwrapped(module)).cpu().eval()
        except InputError:
            raise
        except Exception as error:  # attributes of a module may be of any type
            raise InputError(f"the network cannot be copied: {one_line(error)}") from error
        self.dtype = self._accepted(dtype)
        self.params = sum(parameter.numel() for parameter in self.module.parameters())
        self.macs = self._macs()

    def _accepted(self, dtype: torch.dtype | None) -> torch.dtype:
        """The type of the input. Raises `InputError` if the module accepts none, or returns no tensor."""
        own = next((p.dtype for p in self.module.parameters() if p.is_floating_point()), torch.float32)
        faults = []
        for each in [own, torch.long] if dtype is None else [dtype]:
            try:
                found = outputs(self.module, example((_TRAINED_BATCH, *self.shape), each))
            except Exception as error:  # whatever the module raises
                faults.append(error)
                continue
            if not found:
                raise InputError("the network returns no tensor")
            return each
        raise InputError(
            f"the network does not accept inputs of shape {(_TRAINED_BATCH, *self.shape)}: {one_line(faults[0])}"
        ) from faults[0]

    def _macs(self) -> int | None:
        try:
            return read_torch(self.module, (1, *self.shape), self.dtype).flops // 2
        except InputError:  # it may still be possible to write it
            return None

    def facts(self, about: Mapping[str, str]) -> dict[str, str]:
        """What is known, by name."""
        found = dict(about)
        found["parameters"] = f"{self.params:,}"
        if self.macs is not None:
            found["multiply-accumulates"] = f"{self.macs:,} for one input"
        found["input"] = f"({', '.join(map(str, ('B', *self.shape)))}), {str(self.dtype).removeprefix('torch.')}"
        found["version"] = __version__
        return found

    def source(self, about: Mapping[str, str], with_weights: bool) -> tuple[str, float]:
        """The text, and the difference between its outputs and those of the module."""
        try:
            with global_generators_kept():
                written = write_source(self.module, self.shape, self.dtype)
                notes = self._notes(written, with_weights)
                kind = f"A network of {about['space']}" if "space" in about else type(self.module).__name__
                text = file_text(written.classes, f"{kind} in PyTorch.", self.facts(about), notes=notes)
                return text, self._check_source(text, written)
        except NoSourceError as error:
            raise InputError(
                f"{type(self.module).__name__} cannot be written as source: {error}; .onnx and .pt2 may work"
            ) from error

    def _notes(self, written: Source, with_weights: bool) -> list[str]:
        notes = [" ".join(["Batches may have any size.", *(self._freedom(each) for each in written.free)])]
        if written.not_written:
            names = ", ".join(written.not_written[:3]) + (", …" if len(written.not_written) > 3 else "")
            if not with_weights:
                raise InputError(
                    f"the source would lack the numbers of {names}, which are not trained; write the weights, too "
                    "(--with-weights)"
                )
            notes.append(f"Load the weights before anything else: only they hold the numbers of {names}.")
        return notes

    def _freedom(self, free: FreeAxes) -> str:
        names = " and ".join(f"axis {axis + 1}" for axis in free.axes)
        if not free.multiples:
            return f"So may {names} of the input."
        sizes = " and ".join(str(self.shape[axis]) for axis in free.axes)
        return f"The size of {names} of the input may be a multiple of {sizes}."

    def _check_source(self, text: str, written: Source) -> float:
        made = self._made(text)
        apart = self._apart(made)
        inputs = example((_TRAINED_BATCH, *self.shape), self.dtype)
        self._require(trained_difference(self.module, made, inputs), "in training mode, ")
        if self.macs is None or self.macs < _MOST_MACS:
            for free in written.free:
                other = example((1, *free.shapes[0]), self.dtype)
                apart = max(apart, difference(outputs(self.module, other), outputs(made, other)))
        return self._require(apart)

    def _made(self, text: str) -> nn.Module:
        """The network that source makes, with the weights of the module."""
        namespace: dict[str, Any] = {"__name__": "exported_network"}
        exec(compile(text, "<exported network>", "exec"), namespace)
        made: nn.Module = namespace["Network"]()
        names = made.state_dict().keys(), self.module.state_dict().keys()
        if names[0] != names[1]:
            raise NoSourceError(f"the names of its weights would differ, such as {sorted(names[0] ^ names[1])[0]}")
        made.load_state_dict(self.module.state_dict())
        return made.eval()

    def program(self, form: str, about: Mapping[str, str]) -> tuple[bytes, float]:
        """The content of a `.pt2` or `.onnx` file, and the difference between its outputs and those of the module.

        What torch cannot export, such as a module that uses `len` of a batch, it may export from the module's source.
        """
        facts, faults = self.facts(about), list[InputError]()
        for module, write, run in self._ways(form):
            try:
                content = write(module(), self.shape, self.dtype, facts)
                return content, self._require(self._apart(run(content)))
            except NoSourceError as error:
                faults.append(InputError(f"the network cannot be written as {FORMS[form]}: {error}"))
            except InputError as error:
                faults.append(error)
        raise faults[0]

    def _ways(self, form: str) -> list[tuple[Callable[[], nn.Module], Callable[..., bytes], Callable[[bytes], Any]]]:
        """Modules that compute the same, with functions that export and run them, the preferred ones first."""

        def itself() -> nn.Module:
            return self.module

        def from_source() -> nn.Module:
            return self._made(self.source({}, with_weights=True)[0])

        if form == ".pt2":
            return [(module, program_bytes, run_program) for module in (itself, from_source)]
        writers = ((itself, onnx_bytes), (from_source, onnx_bytes), (itself, traced_onnx_bytes))
        return [(module, write, run_onnx) for module, write in writers]

    def _apart(self, form: Callable[[torch.Tensor], Any]) -> float:
        """The largest difference of outputs for several batches. Raises `NoSourceError` if there are none."""
        apart = 0.0
        for batch in _BATCHES:
            inputs = example((batch, *self.shape), self.dtype, seed=batch)
            try:
                found = outputs(form, inputs)
            except Exception as error:  # whatever runs the form raises
                raise NoSourceError(f"a batch of {batch} raises {one_line(error)}") from error
            apart = max(apart, difference(outputs(self.module, inputs), found))
        return apart

    def _require(self, apart: float, when: str = "") -> float:
        if not apart <= tolerance(self.module):
            raise NoSourceError(
                f"{when}the outputs differ by {apart:.2g}; they may depend on chance, earlier calls, or a train() "
                "of its own"
            )
        return apart


def _unwrapped(module: object) -> nn.Module:
    if isinstance(module, type) and issubclass(module, nn.Module):
        raise InputError(f"a torch module is expected, got the class {module.__name__}; make one of it")
    if not isinstance(module, nn.Module):
        raise InputError(f"a torch module is expected, got {brief(module)}")
    if isinstance(module, nn.DataParallel):
        module = module.module
    inner = getattr(module, "_orig_mod", module)  # what torch.compile wraps
    assert isinstance(inner, nn.Module)
    return inner


def _checked_shape(given: Sequence[int]) -> tuple[int, ...]:
    shape = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str | bytes) else ()
    if not shape or not all(type(size) is int and size > 0 for size in shape):
        raise InputError(f"input_shape is the shape of one example, such as (3, 32, 32), got {brief(given)}")
    return shape
