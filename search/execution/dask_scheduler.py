"""Evaluations on the workers of a Dask scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from nassurrogate.errors import InputError, brief, one_line

_TIMEOUT_S = 10.0

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """An executor of the workers of a scheduler. What it runs is cancelled with the context; the scheduler stays.

    Args:
        address: of the scheduler, such as `tcp://10.0.0.1:8786`.

    Raises `InputError` if no scheduler answers there, or Dask is not installed.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            f'dask needs the package distributed ({one_line(error)}); run: pip install "nassurrogate[dask]"'
        ) from error
    _require_scheduler(address)
    client = Client(address, timeout=_TIMEOUT_S, set_as_default=False)
    # It reports in several lines what the driver reports in one.
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)
    # `pure` would take equal calls for one and the same.
    executor = client.get_executor(pure=False)
    try:
        yield executor
    finally:
        with contextlib.suppress(Exception):  # the scheduler may be gone
            executor.shutdown(wait=False)
        with contextlib.suppress(Exception):
            client.close(timeout=_TIMEOUT_S)
        log.setLevel(level)


def _require_scheduler(address: str) -> None:
    """Raise `InputError` unless a scheduler answers. A client that does not find one leaves threads behind."""
    try:
        with ThreadPoolExecutor(1) as thread:  # this one may have an event loop, as in a notebook
            found = thread.submit(asyncio.run, _identity(address)).result()
    except Exception as error:  # whatever another kind of server sends
        waited = isinstance(error, TimeoutError | OSError)
        why = f"within {_TIMEOUT_S:g} s" if waited else f"({one_line(error)})"
        raise InputError(
            f"no Dask scheduler answers at {brief(address)} {why}; expected an address such as tcp://10.0.0.1:8786, "
            "which `dask scheduler` prints"
        ) from error
    if not found.get("workers"):
        _log.warning("the Dask scheduler at %s has no workers yet; evaluations wait for them", address)


async def _identity(address: str) -> Any:
    from distributed import Security, rpc

    async def asked() -> Any:
        async with rpc(address, connection_args=Security().get_connection_args("client")) as scheduler:
            return await scheduler.identity()

    return await asyncio.wait_for(asked(), _TIMEOUT_S)
