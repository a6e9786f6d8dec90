"""A name for this machine as a device."""

from __future__ import annotations

import platform
import re
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")


def device_name(threads: int = 1, *, cpu: str | None = None, version: str | None = None) -> str:
    """The processor, ONNX Runtime's version and the threads, if several: latencies of one device can be compared.

    Args:
        threads: threads per operator.
        cpu: the processor's name (default: this machine's).
        version: of ONNX Runtime (default: the installed one).

    >>> device_name(2, cpu="Intel(R) Xeon(R) CPU E5-2670 v3 @ 2.30GHz", version="1.20.1")
    'Intel_Xeon_E5-2670_v3_ort1.20.1_2threads'
    """
    if version is None:
        import onnxruntime

        version = onnxruntime.__version__
    words = re.sub(r"\((?:R|TM|C)\)|@.*|\b(?:CPU|Processor)\b", " ", processor() if cpu is None else cpu, flags=re.I)
    name = "_".join(re.findall(r"[\w.+-]+", words)) or "cpu"
    return f"{name}_ort{version}" + (f"_{threads}threads" if threads > 1 else "")


def processor() -> str:
    """The processor's model, or its architecture where the system does not say more."""
    try:
        found = re.search(r"^(?:model name|Hardware)\s*:\s*(\S.*)$", _CPU_INFO.read_text(errors="replace"), re.M)
    except OSError:  # only Linux has this file
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()
