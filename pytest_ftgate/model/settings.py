"""What the command line and the ini say, resolved once and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Evidence: TypeAlias = Literal["estimate", "prove-pass", "prove-fail"]


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` (1-based) of `count` parts of every evalset's cases."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard of `I/N`. Raises ValueError saying what is wanted."""
        index, _, count = text.partition("/")
        if not (_is_digits(index) and _is_digits(count) and 1 <= int(index) <= int(count)):
            raise ValueError("I/N with whole numbers 1 <= I <= N, for example 2/3")
        return cls(int(index), int(count))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`arms` None = all. `repeats` None = the evalset's, else 5. `directory` is absolute.

    What an evalset may state too is kept by where it was said: the command line goes before the
    evalset (`repeats`, `models`, `evidence`), the ini after it (`ini_repeats`, `ini_models`,
    `ini_evidence`). `models` overrides the evalset's model id by role ('candidate' where no role was named).
    `rpm` and `tpm`: requests and tokens per minute and vendor account; these, `concurrency`, `max_cost_usd`
    and `max_total_tokens` are the share of this process where `workers` divide them.
    `history` is a file or "off"; None = history.sqlite in `directory`. `reports` are (kind, path) pairs.
    `shard` None = all cases. `timeout_s` is per attempt, in seconds. `save` is a baseline's
    name or a folder, absolute, `compare` a name or a path as given, `changed_since` a git revision.
    """

    rootdir: str
    directory: str
    arms: tuple[str, ...] | None = None
    repeats: int | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = 50
    rpm: int | None = None
    tpm: int | None = None
    max_cost_usd: float | None = None
    max_total_tokens: int | None = None
    workers: int = 1
    timeout_s: float = 60.0
    max_attempts: int = 5
    replay: tuple[str, ...] = ()
    record: str | None = None
    refresh: bool = False
    reports: tuple[tuple[str, str], ...] = ()
    history: str | None = None
    evidence: Evidence | None = None
    ini_repeats: int | None = None
    ini_models: Mapping[str, str] = field(default_factory=dict)
    ini_evidence: Evidence | None = None
    strict: bool = False
    exhaustive: bool = False
    plan: bool = False
    shard: Shard | None = None
    save: str | None = None
    compare: str | None = None
    require_baseline: bool = False
    changed_since: str | None = None
    api_hosts: tuple[str, ...] = ()
    allow_outside_files: bool = False
    code_unsafe: bool = False
    max_output_chars: int = 1_000_000
