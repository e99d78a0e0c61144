"""What the command line and the ini say, resolved once and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Evidence: TypeAlias = Literal["estimate", "prove-pass", "prove-fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`arms` None = all. `repeats` None = the evalset's, else 5. `directory` is absolute.

    What an evalset may state too is kept by where it was said: the command line goes before the
    evalset (`repeats`, `models`, `evidence`), the ini after it (`ini_repeats`, `ini_models`,
    `ini_evidence`). `models` overrides the evalset's model id by role ('candidate' where no role was named).
    `reports` are (kind, path) pairs. `timeout_s` is per attempt, in seconds.
    """

    rootdir: str
    directory: str
    arms: tuple[str, ...] | None = None
    repeats: int | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = 50
    timeout_s: float = 60.0
    max_attempts: int = 5
    replay: tuple[str, ...] = ()
    record: str | None = None
    refresh: bool = False
    reports: tuple[tuple[str, str], ...] = ()
    evidence: Evidence | None = None
    ini_repeats: int | None = None
    ini_models: Mapping[str, str] = field(default_factory=dict)
    ini_evidence: Evidence | None = None
    strict: bool = False
    api_hosts: tuple[str, ...] = ()
    allow_outside_files: bool = False
    code_unsafe: bool = False
    max_output_chars: int = 1_000_000
