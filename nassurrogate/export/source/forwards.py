"""The methods of all parts; parts that cannot stand alone are inlined where they are called."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from torch import nn

from nassurrogate.export.source.errors import NoSourceError
from nassurrogate.export.source.forward import Forward, UnknownSizeError, forward_of
from nassurrogate.export.source.parts import is_container
from nassurrogate.export.source.recording.body import body_of, one_body
from nassurrogate.export.source.recording.calls import Frame, Recording

_CHAIN: Final = Forward((("x", True),), True, ("for layer in self:", "    x = layer(x)", "return x"))
"""What `nn.Sequential` does."""


@dataclass
class _Part:
    """The calls of one part at inference and in training."""

    module: nn.Module
    paths: tuple[str, ...]
    calls: tuple[list[Frame], list[Frame]] = field(default_factory=lambda: ([], []))

    @property
    def frames(self) -> list[Frame]:
        return [*self.calls[0], *self.calls[1]]

    @property
    def is_chain(self) -> bool:
        return isinstance(self.module, nn.Sequential) and is_container(self.module)

    def inline(self) -> bool:
        """Inline all calls. Returns whether that is possible: the whole module stays."""
        for frame in self.frames:
            frame.inlined = True
        return self.paths[0] != ""


def write_forwards(
    module: nn.Module, inference: Recording, training: Recording, *, inline_for_sizes: bool
) -> dict[str, Forward]:
    """The methods of the parts that have one, by the part's first name.

    Args:
        module: the whole module.
        inference, training: its runs.
        inline_for_sizes: whether to inline a part that needs a size which no tensor in it has.

    Raises `NoSourceError` for what cannot be written.
    """
    parts: dict[str, _Part] = {}
    for mode, run in enumerate((inference, training)):
        for frame in run.frame.calls():
            path = frame.paths[0]
            part = parts.setdefault(path, _Part(module.get_submodule(path), frame.paths))
            part.calls[mode].append(frame)
        run.frame.inlined = False
    while True:
        _inline_everywhere(parts.values())
        written: dict[str, Forward] = {}
        inlined = False
        for path, part in parts.items():
            if path and part.frames[0].inlined:
                continue
            try:
                forward = _forward(part, inference, training)
            except UnknownSizeError:
                if not inline_for_sizes or not part.inline():
                    raise
                forward = None
            if forward is None:
                inlined = True
                part.inline()
            else:
                written[path] = forward
        if not inlined:
            return written


def _inline_everywhere(parts: Collection[_Part]) -> None:
    """Inline all calls of a part if one is, and chains with such a part, which have no statements of their own."""
    changed = True
    while changed:
        changed = False
        for part in parts:
            some = any(frame.inlined for frame in part.frames)
            inner = (step.frame for frame in part.frames for step in frame.steps)
            if part.is_chain and part.paths[0]:
                some = some or any(frame is not None and frame.inlined for frame in inner)
            if some and not all(frame.inlined for frame in part.frames):
                changed = part.inline() or changed


def _forward(part: _Part, inference: Recording, training: Recording) -> Forward | None:
    """The method of a part; None if its calls differ."""
    inner = [step.frame for frame in part.frames for step in frame.steps]
    if part.is_chain and not any(frame is not None and frame.inlined for frame in inner):
        return _CHAIN
    bodies = [
        [body_of(run, frame) for frame in frames] for run, frames in zip((inference, training), part.calls, strict=True)
    ]
    for same in bodies:
        if len(same) > 1 and len({forward_of(part.module, part.paths, body) for body in same}) > 1:
            if not part.paths[0]:
                raise NoSourceError("it calls itself")
            return None
    at_inference, in_training = (same[0] if same else None for same in bodies)
    if at_inference is None or in_training is None:
        body = at_inference or in_training
        assert body is not None
        return forward_of(part.module, part.paths, body)
    both = one_body(at_inference, in_training)
    if both is not None:
        return forward_of(part.module, part.paths, both)
    return forward_of(part.module, part.paths, at_inference, in_training)
