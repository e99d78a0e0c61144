"""How large the knowledge is that cases need, and what it costs to show it with every call."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_ftgate.model.evalset import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeSize:
    """`tokens` of all documents, or of all distinct contexts. `price` is the candidate's, None = unknown."""

    tokens: int
    price: Price | None = None

    @property
    def usd_per_1k_calls(self) -> float | None:
        """What 1,000 calls cost more with all of it in their prompt."""
        return None if self.price is None else 1000 * self.tokens * self.price.input_usd_per_m / 1e6

    @property
    def cached_usd_per_1k_calls(self) -> float | None:
        """The same where the vendor reads it from its prompt cache; writing it there is left out."""
        cached = None if self.price is None else self.price.cached_input_usd_per_m
        return None if cached is None else 1000 * self.tokens * cached / 1e6
