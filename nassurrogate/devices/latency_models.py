"""Models that predict the latency of whole networks: those that ship, and files of one's own."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from nassurrogate.errors import InputError, brief, nearest
from nassurrogate.files.given_path import as_path
from nassurrogate.metric import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nassurrogate.graphs.operator_graph import OperatorGraph
    from nassurrogate.surrogate import Surrogate

SHIPPED_FOLDER: Final = Path(__file__).parent / "data"
"""Trained by `examples/networks/make_latency_predictors.py` on nn-Meter's measurements; `NOTICE.txt` has their licence.
"""
_SUFFIX: Final = ".safetensors"
_METRIC_ENDING: Final = ".latency_ms"


def shipped_devices() -> list[str]:
    """Names of the devices whose models ship with the package."""
    return sorted(path.stem for path in SHIPPED_FOLDER.glob(f"*{_SUFFIX}"))


def latency_predictor(name_or_path: str | os.PathLike[str], *, device: str = "auto") -> Surrogate:
    """The surrogate that predicts a device's latency of whole networks, in ms.

    Args:
        name_or_path: one of `shipped_devices`, or a file that `train-latency` or `Surrogate.save` wrote.
        device: where to compute: `"auto"`, `"cpu"`, `"cuda"`, …

    The shipped models were trained on the measurements of nn-Meter (Zhang et al., MobiSys 2021), which are © Microsoft
    under the MIT licence.

    Raises `InputError` for an unknown name, and for a file with anything else in it.
    """
    from nassurrogate.spaces import get_space
    from nassurrogate.surrogate import Surrogate

    known = shipped_devices()
    path = as_path(name_or_path, f"a device, if it is none of {', '.join(known)},")
    if str(name_or_path) in known:
        path = SHIPPED_FOLDER / f"{name_or_path}{_SUFFIX}"
    elif not path.exists():
        close = nearest(str(name_or_path), known)
        raise InputError(
            f"unknown device {brief(str(name_or_path))}; known: {', '.join(known) or 'none'}, or the path of a file "
            f"that train-latency wrote{f'; did you mean {close!r}?' if close else ''}"
        )
    model = Surrogate.load(path, device=device)
    if model.space != get_space("networks") or model.about_metric.unit != "ms":
        raise InputError(
            f"{path} predicts {model.metric} of {model.space.name}; expected a file that train-latency wrote, which "
            "predicts latencies of whole networks in ms"
        )
    return model


def latency_metric(device: str) -> Metric:
    """The metric of a device: `NAME.latency_ms`, with the name as bounds and tables can write it.

    Everything but ASCII letters, digits, `_`, `-` and `.` becomes `_`, and none of these three stands at either end.

    >>> latency_metric("AMD EPYC (ort 1.32.0)").name
    'AMD_EPYC_ort_1.32.0.latency_ms'
    """
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", device)
    name = re.sub(r"__+", "_", name).strip("_.-")
    if not name:
        raise InputError(f"the device {brief(device)} has no letters or digits in its name; give it another name")
    return Metric(
        f"{name}{_METRIC_ENDING}", unit="ms", direction="minimize", needs_training=False, belongs_to="architecture"
    )


def device_of(model: Surrogate) -> str:
    """The device whose latency a surrogate predicts; the metric's name, if that does not name one."""
    return model.metric.removesuffix(_METRIC_ENDING)


def adapted_to(
    model: Surrogate, device: str, networks: Sequence[OperatorGraph], latency_ms: Sequence[float] | np.ndarray
) -> Surrogate:
    """A surrogate for another device: what a fitted one knows, adapted to n networks measured there.

    Args:
        model: fitted; it stays as it is.
        device: the new device's name.
        networks: n networks; some 20 suffice.
        latency_ms: (n,) latencies.

    Raises `InputError` as `Surrogate.adapt` does.
    """
    from nassurrogate.saved_surrogate import hash_labels, label_statistics
    from nassurrogate.surrogate import Surrogate

    predictor = model.predictor
    made = Surrogate(
        model.space,
        predictor=type(predictor),
        preset=predictor.preset,
        metric=latency_metric(device),
        config=predictor.config_dict(),
        seed=model.seed,
        device=predictor.device,
    )
    made.predictor.load_state(*predictor.state())
    made.n_labels = model.n_labels
    made.adapt(networks, latency_ms)
    # Those of the other device are not labels of this metric.
    made.label_stats = label_statistics(np.asarray(latency_ms, dtype=np.float64))
    made.labels_sha256 = hash_labels(made.space.parse_many(networks), np.asarray(latency_ms, dtype=np.float64))
    return made
