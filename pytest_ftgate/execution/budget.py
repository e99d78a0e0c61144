"""The caps on money and tokens: what is reserved before a request is sent, and settled after it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_ftgate.execution.prices import Amount

Fit: TypeAlias = Literal["fits", "later", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """None = no cap. The user's caps are divided among `workers` processes; these are the shares of one."""

    max_cost_usd: float | None = None
    max_tokens: int | None = None
    workers: int = 1

    @property
    def has_any(self) -> bool:
        return self.max_cost_usd is not None or self.max_tokens is not None


class Budget:
    """Sums up what a run takes, and says what still fits its caps.

    Paid is what vendors reported. A request that got no answer in time may be billed all the same: what was
    reserved for it stays lost to the caps. The sum can pass a cap only by what the requests under way take
    beyond their estimates. Once a request does not fit, nothing is sent any more.
    """

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self.paid = Amount()
        self.lost = Amount()
        self._reserved = Amount()
        self._under_way = 0
        self._closed: str | None = None

    def check(self, amount: Amount) -> Fit:
        """Whether a request of that size may go. `later`: perhaps, when others under way turn out smaller."""
        if self._closed is not None:
            return "never"
        broken = self._find_broken(amount) if self.caps.has_any else None
        if broken is None:
            return "fits"
        if self._under_way:
            return "later"
        self._closed = self._describe(broken, amount)
        return "never"

    @property
    def reason(self) -> str | None:
        """Why nothing is sent any more; None while requests may go."""
        return self._closed

    def reserve(self, amount: Amount) -> None:
        """A request goes out that may take so much."""
        self._under_way += 1
        self._reserved = _add(self._reserved, amount)

    def settle(self, reserved: Amount, paid: Amount, *, is_lost: bool = False) -> None:
        """It is over. `is_lost`: whether it was paid is not known."""
        self._under_way -= 1
        self._reserved = _add(self._reserved, reserved, sign=-1) if self._under_way else Amount()
        self.paid = _add(self.paid, paid)
        if is_lost:
            self.lost = _add(self.lost, reserved)

    def _find_broken(self, amount: Amount) -> Literal["cost", "tokens"] | None:
        total = _add(_add(self.paid, self.lost), _add(self._reserved, amount))
        if self.caps.max_cost_usd is not None and total.usd > self.caps.max_cost_usd:
            return "cost"
        if self.caps.max_tokens is not None and total.tokens > self.caps.max_tokens:
            return "tokens"
        return None

    def _describe(self, broken: Literal["cost", "tokens"], amount: Amount) -> str:
        if broken == "cost":
            option = f"--ftgate-max-cost {_number((self.caps.max_cost_usd or 0) * self.caps.workers)}"
            paid, lost, next_ = (_money(each.usd) for each in (self.paid, self.lost, amount))
            has_lost = self.lost.usd > 0
        else:
            option = f"--ftgate-max-tokens {(self.caps.max_tokens or 0) * self.caps.workers}"
            paid, lost, next_ = (f"{each.tokens:,} tokens" for each in (self.paid, self.lost, amount))
            has_lost = self.lost.tokens > 0
        share = f" (1/{self.caps.workers} of it for each xdist worker)" if self.caps.workers > 1 else ""
        unsure = f" and {lost} that requests without an answer in time may cost" if has_lost else ""
        return (
            f"{option}{share} was reached after {paid}{unsure} "
            f"(the next request may take {next_}; max_tokens in the model's params bounds that)"
        )


def _add(first: Amount, second: Amount, sign: int = 1) -> Amount:
    return Amount(first.tokens + sign * second.tokens, first.usd + sign * second.usd)


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _money(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.2g}"
