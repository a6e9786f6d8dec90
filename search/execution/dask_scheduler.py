"""Evaluations on the workers of a Dask scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from importlib import import_module
from typing import Any

from nassurrogate.errors import InputError, brief, one_line

_TIMEOUT_S = 10.0
_POLL_S = 0.1

_log = logging.getLogger(__name__)


class DaskExecutor(Executor):
    """The executor of a client, whose calls always end: one that is submitted while the client closes never does.

    Args:
        client: a `distributed.Client`.
        executor: of `client.get_executor`.
    """

    def __init__(self, client: Any, executor: Executor) -> None:
        self._client, self._executor = client, executor

    @classmethod
    def around(cls, executor: Executor) -> Executor:
        """The same executor; one of Dask as a `DaskExecutor`."""
        if not type(executor).__module__.startswith("distributed.") or not hasattr(executor, "_client"):
            return executor
        return cls(executor._client, executor)

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        # A client that has lost its scheduler tries to connect again for a while.
        while self._client.status in ("connecting", "closing"):
            time.sleep(_POLL_S)
        if self._client.status == "closed":
            raise ConnectionError("the connection is lost")
        return self._executor.submit(function, *args, **options)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel what runs."""
        with contextlib.suppress(Exception):  # the scheduler may be gone
            self._executor.shutdown(wait=False)


@contextlib.contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """An executor of the workers of a scheduler. What it runs is cancelled with the context; the scheduler stays.

    Args:
        address: of the scheduler, such as `tcp://10.0.0.1:8786`.

    Raises `InputError` if no scheduler answers there, or Dask is not installed.
    """
    dask = _dask()
    _require_scheduler(dask, address)
    client = dask.Client(address, timeout=_TIMEOUT_S, set_as_default=False)
    # It reports in several lines what the driver reports in one.
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)
    # `pure` would take equal calls for one and the same.
    executor = DaskExecutor(client, client.get_executor(pure=False))
    try:
        yield executor
    finally:
        executor.shutdown()
        with contextlib.suppress(Exception):
            client.close(timeout=_TIMEOUT_S)
        log.setLevel(level)


def _dask() -> Any:
    """The package. Raises `InputError` if it is not installed."""
    try:
        return import_module("distributed")
    except ImportError as error:
        raise InputError(
            f'dask needs the package distributed ({one_line(error)}); run: pip install "nassurrogate[dask]"'
        ) from error


def _require_scheduler(dask: Any, address: str) -> None:
    """Raise `InputError` unless a scheduler answers. A client that does not find one leaves threads behind."""
    try:
        with ThreadPoolExecutor(1) as thread:  # this one may have an event loop, as in a notebook
            found = thread.submit(asyncio.run, _identity(dask, address)).result()
    except Exception as error:  # whatever another kind of server sends
        waited = isinstance(error, TimeoutError | OSError)
        why = f"within {_TIMEOUT_S:g} s" if waited else f"({one_line(error)})"
        raise InputError(
            f"no Dask scheduler answers at {brief(address)} {why}; expected an address such as tcp://10.0.0.1:8786, "
            "which `dask scheduler` prints"
        ) from error
    if not found.get("workers"):
        _log.warning("the Dask scheduler at %s has no workers yet; evaluations wait for them", address)


async def _identity(dask: Any, address: str) -> Any:
    async def asked() -> Any:
        async with dask.rpc(address, connection_args=dask.Security().get_connection_args("client")) as scheduler:
            return await scheduler.identity()

    return await asyncio.wait_for(asked(), _TIMEOUT_S)
