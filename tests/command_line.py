"""What a command line that ran in a test came to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Done:
    """The exit code and the output of a command line."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object on stdout, which must be the only output there and contain no NaN."""
        assert self.code == 0, self.err

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} in the JSON")

        found = json.loads(self.out, parse_constant=refuse)
        assert isinstance(found, dict)
        return found


CommandLine: TypeAlias = Callable[..., Done]
"""The fixture `cli`: runs `nassurrogate` with these arguments."""
