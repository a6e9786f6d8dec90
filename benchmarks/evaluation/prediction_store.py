"""The folder of an evaluation: one file per finished fit, so that no fit is made twice."""

from __future__ import annotations

import json
import logging
import zipfile
import zlib
from pathlib import Path

import numpy as np

from nassurrogate.benchmarks.evaluation.fit import Fit, Prediction, run_fit
from nassurrogate.errors import InputError
from nassurrogate.files.atomic_file import write_atomically

logger = logging.getLogger(__name__)

FORMAT = "nassurrogate-prediction 1"
PATIENCE_S = 0.5


class BusyElsewhereError(Exception):
    """Another process is making this fit."""


class _DamagedError(Exception):
    """A stored prediction cannot be read; the message is the reason."""


class PredictionStore:
    """Predictions on disk; without a folder nothing is kept.

    A file holds `mean` and `std`, (n,) float64, and `meta`: JSON of the fit's identity and times. What a killed process
    has half written is never read. Several processes may share a folder.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def open(self) -> None:
        """Make the folder. Raises `InputError` if that fails, or the folder is not writable."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / ".probe"
            write_atomically(probe, lambda file: file.write(b""))
            probe.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot write the run folder {self.folder}: {error.strerror or error}; choose another one"
            ) from error

    def read(self, fit: Fit) -> Prediction | None:
        """The prediction of a finished fit; None if there is none, or only a damaged one, which will be replaced.

        Raises `InputError` for a file of another fit, or of another program, in its place.
        """
        try:
            return self._load(fit)
        except _DamagedError as error:
            logger.warning("%s is damaged (%s): the fit is made again", self._path(fit), error)
            return None

    def _load(self, fit: Fit) -> Prediction | None:
        """The prediction; None if there is none. Raises `_DamagedError`, and `InputError` as `read` does."""
        if self.folder is None:
            return None
        path = self._path(fit)
        try:
            with np.load(path, allow_pickle=False) as file:
                meta = json.loads(file["meta"].tobytes()) if "meta" in file else None
                if not isinstance(meta, dict) or meta.get("format") != FORMAT:
                    raise InputError(f"{path} is not a nassurrogate prediction; move it away, or choose another folder")
                if meta["identity"] != json.loads(json.dumps(fit.identity)):
                    raise InputError(f"{path} holds another fit's prediction; move it away, or choose another folder")
                found = Prediction(file["mean"], file["std"], float(meta["fit_s"]), float(meta["score_s"]))
        except FileNotFoundError:
            return None
        except InputError:
            raise
        except (OSError, ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise _DamagedError(type(error).__name__) from error
        shape = (fit.n_ranked,)
        if any(part.shape != shape or part.dtype != np.float64 for part in (found.mean, found.std)):
            raise _DamagedError(f"not {shape[0]} float64 numbers")
        return found

    def get(self, fit: Fit) -> Prediction:
        """The stored prediction, or else a new one, which is stored.

        Raises `BusyElsewhereError` where another process is making it, and what the predictor raises.
        """
        if self.folder is None:
            return run_fit(fit)
        from filelock import FileLock, Timeout

        path = self._path(fit)
        lock = FileLock(path.with_suffix(".lock"))
        try:
            with lock.acquire(timeout=PATIENCE_S):
                found = self.read(fit)
                if found is None:
                    found = run_fit(fit)
                    self._write(path, fit, found)
                # A process that waits for the lock finds the prediction, so the lock's file is not needed any more.
                path.with_suffix(".lock").unlink(missing_ok=True)
                return found
        except Timeout as error:
            raise BusyElsewhereError(fit.name) from error

    def _write(self, path: Path, fit: Fit, prediction: Prediction) -> None:
        meta = {
            "format": FORMAT,
            "identity": fit.identity,
            "fit_s": prediction.fit_s,
            "score_s": prediction.score_s,
        }
        text = np.frombuffer(json.dumps(meta, sort_keys=True).encode(), dtype=np.uint8)
        try:
            write_atomically(path, lambda file: np.savez(file, mean=prediction.mean, std=prediction.std, meta=text))
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error

    def _path(self, fit: Fit) -> Path:
        assert self.folder is not None
        return self.folder / f"{fit.name}.npz"
