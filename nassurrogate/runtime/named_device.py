"""Checks a device that a user names; PyTorch is imported only for those that may be missing."""

from __future__ import annotations

import logging
from functools import lru_cache

from nassurrogate.errors import InputError, brief

_log = logging.getLogger(__name__)


def check_device(name: object, predictor: str, *, is_used: bool) -> None:
    """Raise `InputError` for a missing device; log if it has no effect.

    Args:
        name: such as `"auto"`, `"cpu"` or `"cuda"`.
        predictor: name of the predictor that it is for.
        is_used: whether that predictor uses a device.
    """
    if not isinstance(name, str):
        raise InputError(f"device must be a name such as 'auto', 'cpu' or 'cuda', got {brief(name)}")
    if name in ("auto", "cpu"):  # always available
        return
    from nassurrogate.runtime.device import torch_device

    if torch_device(name).type != "cpu" and not is_used:
        _log_no_effect(name, predictor)


@lru_cache(maxsize=64)
def _log_no_effect(device: str, predictor: str) -> None:
    """Log once per process, as an evaluation makes hundreds of surrogates."""
    _log.warning("device %r has no effect: predictor %r runs on the CPU", device, predictor)
