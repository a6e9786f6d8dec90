"""Writes a network to a file in one of three forms, each checked against the network itself."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from nassurrogate import __version__
from nassurrogate.errors import InputError, brief, one_line, unknown_choice
from nassurrogate.export.agreement import difference, example, outputs, tolerance, trained_difference
from nassurrogate.export.file_text import MARK, file_text
from nassurrogate.export.programs import onnx_bytes, program_bytes, run_onnx, run_program
from nassurrogate.export.source.errors import NoSourceError
from nassurrogate.export.source.program import Source, write_source
from nassurrogate.export.weights import SAFETENSORS, weights_bytes
from nassurrogate.files.atomic_file import write_atomically
from nassurrogate.files.given_path import as_path
from nassurrogate.graphs.readers.torch_reader import read_torch
from nassurrogate.runtime.generators import global_generators_kept

FORMS: Final = {".py": "PyTorch source", ".onnx": "ONNX", ".pt2": "a program of torch.export"}
"""What the suffix of a file stands for."""
_BATCHES: Final = (1, 5)
_TRAINED_BATCH: Final = 3
_MOST_MACS: Final = 2e9
"""Inputs of other sizes are not tried on networks with more multiply-accumulates."""


@dataclass(frozen=True)
class Exported:
    """What `export_network` wrote.

    Args:
        path: of the file.
        weights: of the file with the weights of a `.py`; None if there is none.
        params: number of parameters.
        macs: multiply-accumulates for one input; None if they are unknown.
        difference: the largest difference between outputs of the file and of the module, relative where they exceed 1.
    """

    path: Path
    weights: Path | None
    params: int
    macs: int | None
    difference: float


def export_network(
    module: nn.Module,
    input_shape: Sequence[int],
    path: Any,
    *,
    about: Mapping[str, str] | None = None,
    with_weights: bool = False,
    dtype: torch.dtype | None = None,
) -> Exported:
    """Write a network to a file, and check that the file computes the same.

    - `.py`: plain PyTorch source, for training and inference, with the names of the module's parameters. Weights are
      in a file of their own.
    - `.pt2`: a program that `torch.export.load` reads, for inference, with the weights.
    - `.onnx`: for inference, with the weights.

    All forms take batches of any size.

    Args:
        module: the network; it stays as it is.
        input_shape: of one example, without the batch, such as (3, 32, 32).
        path: an existing file is replaced, unless it is a `.py` file that this function did not write.
        about: what the network is, stored in the file by name.
        with_weights: whether to write the weights of a `.py` beside it, as `.safetensors`.
        dtype: of the input; None: the type of the parameters, or indices if the module takes nothing else.

    Raises `InputError` for another suffix, a network that cannot be written in this form, one that does not accept its
    input, and a path that cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> with TemporaryDirectory() as folder:
    ...     export_network(network, (3, 8, 8), Path(folder, "model.py")).params
    112
    """
    target = checked_target(path)
    form = target.suffix.casefold()
    if with_weights and form != ".py":
        raise InputError(f"weights go beside a .py file; {form} holds them itself")
    network = _Network(module, input_shape, dtype)
    facts = network.facts(about or {})
    weights = target.with_suffix(SAFETENSORS) if with_weights else None
    if form == ".py":
        text, apart = network.source(about or {}, with_weights)
        content = text.encode()
    else:
        write, run = (program_bytes, run_program) if form == ".pt2" else (onnx_bytes, run_onnx)
        content = write(network.module, network.shape, network.dtype, facts)
        apart = network.check(run(content), FORMS[form])
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if weights is not None:
            numbers = weights_bytes(network.module)
            write_atomically(weights, lambda file: file.write(numbers))
        write_atomically(target, lambda file: file.write(content))
    except OSError as error:
        raise InputError(f"cannot write the network to {target}: {error.strerror or error}") from error
    return Exported(target, weights, network.params, network.macs, apart)


def network_source(
    module: nn.Module,
    input_shape: Sequence[int],
    *,
    about: Mapping[str, str] | None = None,
    with_weights: bool = False,
    dtype: torch.dtype | None = None,
) -> str:
    """The text of the `.py` file that `export_network` writes, checked in the same way.

    Args:
        module, input_shape, about, dtype: as there.
        with_weights: whether the weights will be at hand; without, a module whose source would lack numbers that are
            not trained is refused.

    Raises `InputError` if the module cannot be written as source.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> text = network_source(network, (1, 2, 2))
    >>> print(text[text.index("class") :])
    class Network(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Flatten(), nn.Linear(4, 2))
    <BLANKLINE>
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self:
                x = layer(x)
            return x
    <BLANKLINE>
    """
    return _Network(module, input_shape, dtype).source(about or {}, with_weights)[0]


def checked_target(path: Any) -> Path:
    """The path. Raises `InputError` for an unknown suffix, and for a `.py` file that was not written by an export."""
    target = as_path(path, "the file to write")
    form = target.suffix.casefold()
    if form not in FORMS:
        raise unknown_choice("suffix", target.suffix, FORMS, place=f" of {target}")
    if form == ".py" and target.is_file():
        with target.open("rb") as file:
            if MARK.encode() not in file.read(1 << 16):
                raise InputError(f"{target} exists and was not written by an export; give another name, or remove it")
    return target


class _Network:
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
        changed = {
            axis + 1
            for shape in written.other_shapes
            for axis, (other, given) in enumerate(zip(shape, self.shape, strict=True))
            if other != given
        }
        others = f", and so may axis {' and axis '.join(map(str, sorted(changed)))} of the input" if changed else ""
        notes = [f"Batches may have any size{others}."]
        if written.not_written:
            names = ", ".join(written.not_written[:3]) + (", …" if len(written.not_written) > 3 else "")
            if not with_weights:
                raise InputError(
                    f"the source would lack the numbers of {names}, which are not trained; write the weights, too "
                    "(--with-weights)"
                )
            notes.append(f"Load the weights before anything else: only they hold the numbers of {names}.")
        return notes

    def _check_source(self, text: str, written: Source) -> float:
        namespace: dict[str, Any] = {"__name__": "exported_network"}
        exec(compile(text, "<exported network>", "exec"), namespace)
        made: nn.Module = namespace["Network"]()
        names = list(made.state_dict()), list(self.module.state_dict())
        if sorted(names[0]) != sorted(names[1]):
            differing = sorted(set(names[0]) ^ set(names[1]))
            raise NoSourceError(f"the names of its parameters would differ, such as {brief(differing[:1])}")
        made.load_state_dict(self.module.state_dict())
        apart = self.check(made.eval(), FORMS[".py"])
        inputs = example((_TRAINED_BATCH, *self.shape), self.dtype)
        self._require(trained_difference(self.module, made, inputs), "in training mode, ")
        if self.macs is None or self.macs < _MOST_MACS:
            for shape in written.other_shapes:
                other = example((1, *shape), self.dtype)
                apart = max(apart, difference(outputs(self.module, other), outputs(made, other)))
        return self._require(apart, "")

    def check(self, form: Any, name: str) -> float:
        """The largest difference of outputs for several batches. Raises `InputError` if it is too large."""
        apart = 0.0
        for batch in _BATCHES:
            inputs = example((batch, *self.shape), self.dtype, seed=batch)
            try:
                found = outputs(form, inputs)
            except Exception as error:  # whatever runs the form raises
                raise InputError(f"the network cannot be written as {name}: {one_line(error)}") from error
            apart = max(apart, difference(outputs(self.module, inputs), found))
        if name == FORMS[".py"]:
            return apart
        try:
            return self._require(apart, "")
        except NoSourceError as error:
            raise InputError(f"the network cannot be written as {name}: {error}") from error

    def _require(self, apart: float, when: str) -> float:
        if not apart <= tolerance(self.module):
            raise NoSourceError(
                f"{when}the outputs differ by {apart:.2g}; they may depend on chance or on earlier calls"
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
