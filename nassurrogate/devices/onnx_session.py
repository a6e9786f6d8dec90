"""A model in ONNX Runtime, with inputs in place, ready to be run again and again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nassurrogate.devices.input_shapes import DeclaredInput, Shape, complete_shapes
from nassurrogate.devices.load_errors import check_is_file
from nassurrogate.devices.random_inputs import random_input
from nassurrogate.errors import InputError

_SILENT: Final = 4
"""Severity from which ONNX Runtime prints; whatever is wrong with a model is raised as well."""
_STATM = Path("/proc/self/statm")


class OnnxSession:
    """A model on the CPU, optimized as far as ONNX Runtime can, run once to check it.

    Inputs and outputs are allocated here, so that `run` does nothing but compute.

    Args:
        path: the ONNX file, with its weights.
        threads: threads that one operator may use; operators run one after another.
        input_shapes: shapes of inputs with open sizes (see `complete_shapes`).
        seed: of the random inputs.

    Raises `InputError` if the model's inputs cannot be made up; whatever ONNX Runtime raises passes through (see
    `load_errors.explained`).

    Attributes:
        input_names: names of its inputs.
        notes: what was assumed about its inputs.
        held_bytes: memory that it holds, at least the size of the file.
    """

    def __init__(
        self, path: Path, *, threads: int = 1, input_shapes: Mapping[str, Shape] | None = None, seed: int = 0
    ) -> None:
        import numpy as np
        import onnxruntime

        check_is_file(path)
        before = _resident_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = _SILENT
        # Otherwise its idle threads would keep the cores busy while the next model is measured.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
        inputs = self._session.get_inputs()
        if not inputs:
            raise InputError("it has no inputs: there is nothing to measure")
        self.input_names = tuple(each.name for each in inputs)
        shapes, self.notes = complete_shapes(
            [DeclaredInput(each.name, each.shape) for each in inputs], input_shapes or {}
        )
        rng = np.random.default_rng(seed)
        self._binding = self._session.io_binding()
        for each in inputs:
            content = random_input(each.name, each.type, shapes[each.name], rng)
            self._binding.bind_ortvalue_input(each.name, onnxruntime.OrtValue.ortvalue_from_numpy(content))
        self._allocate_outputs()
        self.held_bytes = max(_resident_bytes() - before, path.stat().st_size)

    def run(self) -> None:
        """Compute the outputs once."""
        self._session.run_with_iobinding(self._binding)

    def _allocate_outputs(self) -> None:
        """Run once, which allocates the outputs, and have all later runs write into the same memory."""
        names = [each.name for each in self._session.get_outputs()]
        for name in names:
            self._binding.bind_output(name)
        self.run()
        for name, value in zip(names, self._binding.get_outputs(), strict=True):
            if value.is_tensor():
                self._binding.bind_ortvalue_output(name, value)


def _resident_bytes() -> int:
    """Memory of this process; 0 where the system does not say."""
    if not _STATM.exists():
        return 0
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
