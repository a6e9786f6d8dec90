"""Why a module has no source."""

from __future__ import annotations


class NoSourceError(Exception):
    """A module that cannot be written as Python; the message is one line that says why."""
