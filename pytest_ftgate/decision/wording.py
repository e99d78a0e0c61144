"""Numbers and names as the sentences of gates and verdicts show them. Plain ASCII."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_ftgate.model.summary import ArmSummary, Rate

UNTIED = "; answers not tied to this prompt"
"""What the reason of a gate ends in, where recorded answers carry no hash of their request."""


def format_percent(share: float | None, decimals: int = 1) -> str:
    """0.612 → '61.2 %'; a whole number of percent loses its decimals; None → 'no value'."""
    if share is None:
        return "no value"
    text = f"{100 * share:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{'0' if text == '-0' else text} %"


def format_compared(value: float, sign: str, limit: float) -> str:
    """'79.96 % < 80 %': with as many decimals as it takes to see that the two differ."""
    for decimals in (1, 2, 3, 4):
        left, right = format_percent(value, decimals), format_percent(limit, decimals)
        if left != right or value == limit:
            break
    return f"{left} {sign} {right}"


def format_interval(rate: Rate) -> str:
    """'61.2 % (53.9 .. 68.1)': the rate and its two-sided 95 % interval."""
    if rate.value is None or rate.low is None or rate.high is None:
        return format_percent(rate.value)
    return f"{format_percent(rate.value)} ({100 * rate.low:.1f} .. {100 * rate.high:.1f})"


def describe_accuracy(arm: ArmSummary | None) -> str:
    """'61.2 % (53.9 .. 68.1)', or what stands in for it."""
    return format_interval(arm.accuracy) if arm is not None and arm.accuracy is not None else "nothing judged"


def format_usd(usd: float) -> str:
    """'$1.26', '$1,250', '$0.0004'."""
    if usd >= 1000:
        return f"${usd:,.0f}"
    return f"${usd:.2f}" if usd >= 0.01 or usd == 0 else f"${usd:.2g}"


def format_count(number: int, noun: str, plural: str | None = None) -> str:
    """'1 case', '3 cases', '1,200 trials'."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def join_names(names: Sequence[str], limit: int = 6) -> str:
    """'a', 'a and b', 'a, b and 3 more'."""
    shown = list(names[:limit])
    if len(names) > limit:
        shown[-1:] = [f"{len(names) - limit + 1} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def to_ascii(text: str) -> str:
    """Signatures, names and messages in printable ASCII: the arrow as `->`, all else escaped.

    Labels come from the model: an escape sequence in one must not reach a terminal through a sentence.
    """
    if text.isascii() and text.isprintable():
        return text
    plain = text.replace("→", "->").encode("ascii", "backslashreplace").decode("ascii")
    return "".join(char if " " <= char <= "~" else f"\\x{ord(char):02x}" for char in plain)
