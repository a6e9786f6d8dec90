"""The functions that the user declares a `CategoricalSpace` with; whatever they raise becomes an `InputError`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nassurrogate.architecture import Architecture
from nassurrogate.errors import InputError, brief, one_line
from nassurrogate.runtime.generators import global_generators_kept

if TYPE_CHECKING:
    import torch


class DeclaredFunctions:
    """`canonical`, `costs` and `build` of a space; None for those that it is declared without.

    Raises `InputError` for anything else that cannot be called.
    """

    def __init__(
        self,
        space: str,
        canonical: Callable[[Architecture], Any] | None,
        costs: Callable[[Architecture], Mapping[str, float]] | None,
        build: Callable[[Architecture], torch.nn.Module] | None,
    ) -> None:
        self.space, self.canonical, self.costs, self.build = space, canonical, costs, build
        for name, function in self._by_name().items():
            if function is not None and not callable(function):
                raise InputError(
                    f"{name} of space {space!r} must be a function of an architecture, got {brief(function)}"
                )

    def _by_name(self) -> dict[str, object]:
        return {"canonical": self.canonical, "costs": self.costs, "build": self.build}

    def __getstate__(self) -> dict[str, Any]:
        from multiprocessing.reduction import ForkingPickler

        for name, function in self._by_name().items():
            try:
                ForkingPickler.dumps(function)
            except Exception as error:  # pickle raises whatever the function's parts raise
                raise InputError(
                    f"space {self.space!r} cannot be sent to another process: its {name} is a lambda or a local "
                    "function, or holds an object that cannot be pickled; define it at module level, or use one process"
                ) from error
        return vars(self)

    def canonical_form(self, arch: Architecture) -> str | Mapping[str, Any] | Architecture:
        """What `canonical` returns. Raises `InputError` if it raises, or returns something else."""
        assert self.canonical is not None
        with self._errors_of("canonical", arch):
            found = self.canonical(arch)
        if not isinstance(found, str | Mapping | Architecture):
            raise InputError(
                f"canonical of space {self.space!r} must return a string, a dict of choices or an architecture, "
                f"got {brief(found)}"
            )
        return found

    def costs_of(self, arch: Architecture) -> dict[str, float]:
        """What `costs` returns. Raises `InputError` if it raises, or returns anything but finite numbers by metric."""
        assert self.costs is not None
        with self._errors_of("costs", arch):
            returned = self.costs(arch)
        try:
            found = {metric: float(value) for metric, value in returned.items()}
        except (AttributeError, TypeError, ValueError, OverflowError):
            found = {}
        if not found or not all(isinstance(metric, str) and math.isfinite(value) for metric, value in found.items()):
            raise InputError(
                f"costs of space {self.space!r} must return finite numbers by metric, such as {{'params_m': 1.2}}; for "
                f"{brief(arch.string)} it returned {brief(returned)}"
            )
        return found

    def network_of(self, arch: Architecture) -> torch.nn.Module:
        """What `build` returns. Raises `InputError` if it raises, or returns no module.

        The global random generators are as before afterwards.
        """
        from torch import nn

        assert self.build is not None
        with global_generators_kept(), self._errors_of("build", arch):
            made = self.build(arch)
        if isinstance(made, nn.Module):
            return made
        hint = ""
        if isinstance(made, type) and issubclass(made, nn.Module):
            hint = f"; did you mean {made.__name__}(…)?"
        elif made is None:
            hint = "; does it lack a return?"
        raise InputError(
            f"build of space {self.space!r} must return a torch.nn.Module; for {brief(arch.string)} it returned "
            f"{brief(made)}{hint}"
        )

    @contextmanager
    def _errors_of(self, function: str, arch: Architecture) -> Iterator[None]:
        """Turn whatever a function raises into an `InputError` that names it."""
        try:
            yield
        except InputError:
            raise
        except (Exception, SystemExit) as error:  # a fault of the declaration, not of the caller
            message = f"{function} of space {self.space!r} raised {one_line(error)} for {brief(arch.string)}"
            raise InputError(message) from error
