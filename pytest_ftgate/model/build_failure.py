"""One thing that fails a build, and where in the evalset it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FailureSort = Literal["gate", "must_pass", "error", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFailure:
    """`sort`: a failing gate, a broken `must_pass` case, a crashed grader, or a problem of the run.

    `name`: the gate or the case, as in its node id. `file` is relative to the rootdir; `line` (from 1) is
    None where it is not known.
    """

    sort: FailureSort
    evalset: str
    name: str
    reason: str
    file: str = ""
    line: int | None = None
