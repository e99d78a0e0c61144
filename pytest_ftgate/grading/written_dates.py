"""Dates and times as they are written: ISO 8601, and the few other forms that have one reading only."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TypeAlias

When: TypeAlias = date | datetime

_MAX_CHARS = 64
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul",
            "august aug", "september sep sept", "october oct", "november nov", "december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?[.,]?\s)?"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_MONTH = r"(?P<month>[a-z]{3,9})\.?"
_YEAR = r"(?P<year>[0-9]{4})"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"{_WEEKDAY}{_DAY}[ -](?:of )?{_MONTH}[ -]?,? ?{_YEAR}",
        rf"{_WEEKDAY}{_MONTH} {_DAY},? {_YEAR}",
        rf"{_YEAR}(?P<mark>[/.])(?P<month>[0-9]{{1,2}})(?P=mark)(?P<day>[0-9]{{1,2}})",
    )
)
_TIME = re.compile(r"(.+?)(?:,? at|,|t)? ([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)\s?([ap]m)?( ?(?:z|utc|gmt))?")


def read_date(text: str, form: str | None = None) -> When | None:
    """The date, or date and time, that the whole text is; None where it is none, or could be several.

    `form`: the only form accepted, in the directives of `datetime.strptime`. `01/02/2026` is no date
    without one: it has two readings.
    """
    text = " ".join(text[: _MAX_CHARS + 1].split())
    if len(text) > _MAX_CHARS:
        return None
    try:
        return _read_form(text, form) if form is not None else _read_iso(text) or _read_written(text.lower())
    except (ValueError, OverflowError, re.error):
        return None


def write_date(day: When, form: str) -> str:
    """The date in a form of `datetime.strptime`, the year in four digits."""
    # Not every C library writes 987 as 0987, which alone can be read again.
    return day.strftime(form.replace("%Y", f"{day.year:04}"))


def is_same_date(got: When, expected: When) -> bool:
    """Whether they are the same day; where a time is expected, the same instant.

    A time without a zone is read in the zone of the other.
    """
    if not isinstance(expected, datetime):
        return (got.date() if isinstance(got, datetime) else got) == expected
    if not isinstance(got, datetime):
        return False
    if (got.tzinfo is None) != (expected.tzinfo is None):
        return got.replace(tzinfo=None) == expected.replace(tzinfo=None)
    return got == expected


def find_form_problem(form: str) -> str | None:
    """What keeps `form` from describing a date, or None."""
    wanted = datetime(2026, 11, 23, 14, 35, 56)
    try:
        found = datetime.strptime(wanted.strftime(form), form)
    except (ValueError, re.error) as error:
        return f"{form!r} is no form of a date: {error}"
    if found.date() != wanted.date():
        return f"{form!r} does not hold day, month and year (as %d.%m.%Y does)"
    return None


def _read_form(text: str, form: str) -> When:
    found = datetime.strptime(text, form)
    has_time = any(directive in form for directive in ("%H", "%I", "%c", "%X"))
    return found if has_time else found.date()


def _read_iso(text: str) -> When | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        # Other figures than 0-9 are digits to Python too.
        return datetime.fromisoformat(text.replace(" Z", "Z")) if text.isascii() else None
    except ValueError:
        return None


def _read_written(text: str) -> When | None:
    timed = _TIME.fullmatch(text)
    day = _read_day(timed[1] if timed is not None else text)
    if day is None or timed is None:
        return day
    hours, *rest = (int(part) for part in timed[2].split(":"))
    if timed[3] is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if timed[3] == "pm" else 0)
    clock = ":".join(f"{part:02}" for part in (hours, *rest))
    return datetime.fromisoformat(f"{day.isoformat()}T{clock}{'Z' if timed[4] else ''}")


def _read_day(text: str) -> date | None:
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            month = found["month"]
            number = int(month) if month.isdigit() else _MONTHS.get(month)
            return None if number is None else date(int(found["year"]), number, int(found["day"]))
    return None
