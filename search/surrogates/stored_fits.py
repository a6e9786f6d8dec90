"""Fits of a slow predictor, kept in the run folder: a run that is resumed need not repeat them."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError
from nassurrogate.files.model_file import read_model, write_model
from nassurrogate.predictors.labels.saved import holds_labels
from nassurrogate.runtime.versions import package_versions
from nassurrogate.surrogate import Surrogate


class StoredFits:
    """The states of a surrogate's predictor by what it had learned.

    Nothing depends on them: a state is that of the same fit in the same environment, and restores its predictions bit
    by bit, which the contract of predictors demands. One that cannot be read or written is done without.

    Args:
        folder: for their files.
        surrogate: the one that learns.
    """

    def __init__(self, folder: Path, surrogate: Surrogate) -> None:
        self._folder, self._surrogate = folder, surrogate
        predictor = surrogate.predictor
        fixed = [predictor.name, predictor.config_dict(), surrogate.seed, str(predictor.device), package_versions()]
        self._fixed = json.dumps(fixed)

    def restore(self, archs: Sequence[Architecture], labels: Sequence[float]) -> bool:
        """Put the surrogate into the state after its fit to these labels. Returns whether there is one."""
        try:
            tensors, header = read_model(self._path(archs, labels))
            self._surrogate.predictor.load_state(tensors, header["meta"])
        except Exception:  # there is none, it is damaged, or a plug-in refuses it: the fit follows
            return False
        self._surrogate.n_labels = len(archs)
        return True

    def keep(self, archs: Sequence[Architecture], labels: Sequence[float]) -> None:
        """Write the surrogate's state after its fit to these labels."""
        tensors, meta = self._surrogate.predictor.state()
        if not holds_labels(tensors):  # else it would have to be fitted again
            with contextlib.suppress(InputError):  # a full disk
                write_model(self._path(archs, labels), tensors, {"meta": meta})

    def _path(self, archs: Sequence[Architecture], labels: Sequence[float]) -> Path:
        learned = json.dumps([[arch.string for arch in archs], list(map(float, labels))])
        return self._folder / f"{hashlib.sha256((self._fixed + learned).encode()).hexdigest()}.safetensors"
