"""The network that `nassurrogate export` writes: its space, its architecture, and how it is built."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nassurrogate.errors import InputError, brief, one_line

if TYPE_CHECKING:
    from torch import nn

    from nassurrogate.architecture import Architecture
    from nassurrogate.search.record.recorded_run import RecordedRun
    from nassurrogate.spaces import Space

_SIZES: Final = {"n_labels": "--classes", "width": "--width", "cells_per_stage": "--cells-per-stage"}
"""Arguments of `Space.build`, and the options that give them."""
_LEAST: Final = {"n_labels": 2, "width": 1, "cells_per_stage": 1}
_CELLS: Final = ("nb201", "nb101")


@dataclass(frozen=True)
class ChosenNetwork:
    """An architecture, and how its network is built.

    Args:
        arch: the architecture.
        dataset: that the network is built for; empty if its space takes none.
        input_shape: of one example, without the batch.
        sizes: arguments of the space's `build`.
        notes: lines for the user.
    """

    arch: Architecture
    dataset: str
    input_shape: tuple[int, ...]
    sizes: Mapping[str, int]
    notes: Sequence[str] = field(default=())

    def build(self, seed: int) -> nn.Module:
        """The network with random weights.

        Raises `InputError` if it cannot be built.
        """
        from torch import nn

        from nassurrogate.runtime.generators import global_generators_kept

        space: Any = self.arch.space
        try:
            with global_generators_kept(seed % (1 << 32)):
                module = space.build(self.arch, **self.sizes)
        except InputError:
            raise
        except (Exception, SystemExit) as error:  # a fault of the user's code
            raise InputError(
                f"build of space {space.name!r} raised {one_line(error)} for {brief(self.arch.string)}"
            ) from error
        if not isinstance(module, nn.Module):
            raise InputError(
                f"build of space {space.name!r} must return a torch.nn.Module; for {brief(self.arch.string)} it "
                f"returned {brief(module)}"
            )
        return module

    def facts(self) -> dict[str, str]:
        """What it is, by name, for the file."""
        found = {"space": self.arch.space.name}
        if self.dataset:
            found["data set"] = self.dataset
        found["architecture"] = self.arch.string
        choices = self.choices()
        if choices and not all(f"{name}={value}" in self.arch.string for name, value in choices.items()):
            found["choices"] = ", ".join(f"{name}={value}" for name, value in choices.items())
        return found

    def choices(self) -> dict[str, Any] | None:
        """The choices of the architecture; None if its space is not declared by choices."""
        try:
            return self.arch.space.choices_of(self.arch)
        except InputError:
            return None


def chosen_network(args: argparse.Namespace) -> ChosenNetwork:
    """What the arguments of the command ask for. Raises `InputError` if that is nothing, or no network."""
    dataset: str | None = None
    notes: list[str] = []
    if args.run_dir is None:
        space, text = _named(args)
    else:
        space, text, dataset, notes = _of_run(args)
    arch = space.parse_text(text) if args.run_dir is None or args.arch is not None else space.parse_printed(text)
    taken = inspect.signature(space.build).parameters
    sizes = {"n_labels": args.classes, "width": args.width, "cells_per_stage": args.cells_per_stage}
    given = {name: size for name, size in sizes.items() if size is not None}
    for name in given:
        if name not in taken:
            own = "its digits decide" if space.name == "macro" else "its build takes the architecture alone"
            raise InputError(f"{_SIZES[name]} does not apply to networks of space {space.name!r}: {own}")
        if given[name] < _LEAST[name]:
            raise InputError(f"{_SIZES[name]} must be at least {_LEAST[name]}, got {given[name]}")
    if "n_labels" not in taken:
        if args.dataset is not None:
            raise InputError(f"--dataset does not apply to networks of space {space.name!r}: its build decides")
        return ChosenNetwork(arch, "", _declared_shape(space), given, notes)
    name = args.dataset or dataset or "cifar10"
    labels, image = _of_dataset(space.name, name)
    if labels is None and "n_labels" not in given:
        raise InputError(f"the number of classes of {brief(name)} is unknown for space {space.name!r}; give --classes")
    shape = (3, image, image) if space.name in _CELLS else _declared_shape(space)
    return ChosenNetwork(arch, name, shape, {"n_labels": labels, **given} if labels else given, notes)


def _named(args: argparse.Namespace) -> tuple[Space, str]:
    from nassurrogate.spaces import get_space

    if args.accept_changes:
        raise InputError("--accept-changes needs RUN_DIR")
    if args.arch is None:
        raise InputError("expected RUN_DIR, or --arch ARCH with its --space or --problem")
    if args.problem is None:
        return get_space(args.space or "nb201"), args.arch
    if args.space is not None:
        raise InputError("--space and --problem exclude each other: the problem file declares its space")
    return _space_of_problem(args.problem), args.arch


def _space_of_problem(path: str, sha256: str | None = None, *, accept_changes: bool = False) -> Space:
    """The space of a problem file, which is run; before that, its checksum is compared if there is one to expect."""
    import hashlib

    from nassurrogate.benchmarks.problems import load_problem

    if sha256 is not None and not accept_changes:
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise InputError(
                f"cannot read the problem file of the run, {path}: {error.strerror}; if it has moved, give its place "
                "with --problem FILE"
            ) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InputError(
                f"the problem file {path} has changed since the run began, so its networks may be others; "
                "--accept-changes builds the network all the same"
            )
    return load_problem(path).space


def _of_run(args: argparse.Namespace) -> tuple[Space, str, str | None, list[str]]:
    """Space, architecture as text, data set, and notes."""
    from nassurrogate.search.record.recorded_run import read_run

    if args.space is not None:
        raise InputError("--space does not go with RUN_DIR: the run has a space")
    recorded = read_run(args.run_dir)
    space = _space_of_run(args, recorded)
    dataset = None if recorded.config.get("problem") else str(recorded.config["dataset"])
    if args.arch is not None:
        return space, args.arch, dataset, []
    result = recorded.result
    if result is None:
        raise InputError(f"the run in {recorded.folder} has no evaluated architecture yet; name one with --arch")
    best = result["best"]
    notes = []
    if not recorded.is_finished:
        n = len(recorded.labelled)
        notes.append(f"note: the run is not finished; this is the best of its {n} evaluated architectures so far")
    if best.get("feasible") is False:
        notes.append("note: the best architecture of the run violates its constraints")
    return space, str(best["arch"]), dataset, notes


def _space_of_run(args: argparse.Namespace, recorded: RecordedRun) -> Space:
    from nassurrogate.spaces import get_space

    problem, name = recorded.config.get("problem"), recorded.config["space"]
    if isinstance(problem, Mapping):
        path = args.problem or str(problem.get("path"))
        space = _space_of_problem(path, str(problem.get("sha256")), accept_changes=args.accept_changes)
    elif args.problem is not None:
        space = _space_of_problem(args.problem)
    else:
        try:
            return get_space(name)
        except InputError as error:
            raise InputError(
                f"{error}; a space that was handed in in Python is exported there, with "
                "nassurrogate.export.export_network, or from a problem file, with --problem FILE"
            ) from error
    if space.name != name:
        raise InputError(f"the problem file declares the space {space.name!r}, but the run is of {name!r}")
    return space


def _of_dataset(space: str, dataset: str) -> tuple[int | None, int]:
    """The number of classes, None if it is unknown, and the side of the images in pixels."""
    from nassurrogate.spaces.nb201.costs import INPUT_SHAPES

    if space == "nb201" and dataset in INPUT_SHAPES:
        return INPUT_SHAPES[dataset].n_labels, INPUT_SHAPES[dataset].image_px
    return (10 if dataset == "cifar10" else None), INPUT_SHAPES["cifar10"].image_px


def _declared_shape(space: Space) -> tuple[int, ...]:
    shape = getattr(space, "input_shape", None)
    if not isinstance(shape, Sequence) or not all(isinstance(size, int) for size in shape):
        raise InputError(
            f"space {space.name!r} has no input_shape, so its networks cannot be traced; declare one, such as "
            "input_shape=(3, 32, 32)"
        )
    return tuple(shape)
