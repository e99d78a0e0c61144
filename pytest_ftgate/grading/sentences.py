"""Counting sentences without a trained model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

# The rules are those of Punkt (Kiss and Strunk 2006), which IFEval counts with: a sentence may end at . ? !
# before white space or closing punctuation, never at a line break alone; in one run of non-space characters
# only the last such place counts. Lists of common abbreviations and openers stand in for its trained model.
# Terminators of scripts without spaces or with their own marks end a sentence wherever they stand.
_LATIN = r"[.?!](?=[)\";}\]*:@'({\[?!‘’“”«»]|\s+\S)"
_OTHER = r"[。！？।؟۔](?![。！？।؟۔])"
_TERMINATORS = ".?!。！？।؟۔"
_CANDIDATE = re.compile(rf"{_LATIN}|{_OTHER}")
_SPACE = re.compile(r"\s")
_CLOSERS = re.compile(r"[\"')\]}”’»」』]+")
_LAST_WORD = re.compile(r"[\w.]+\Z")
_NEXT_WORD = re.compile(r"\s+([\w']{1,40})")
_NUMBER = re.compile(r"[\d.]*\d")
_DOTTED = re.compile(r"(?:[^\W\d]\.)+[^\W\d]{1,2}")
_OPENING = "('\"“‘[*"
_LOOK_BACK = 60
_MAX_ABBREVIATION = 10


def _read_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _read_words(
    """
    adm brig capt cmdr col cpl dr drs fr ft gen gov hon lt maj messrs mr mrs ms mt pres prof rep reps rev sen
    sens sgt st
    """
)
_ABBREVIATIONS = _TITLES | _read_words(
    """
    al approx assn aug ave bldg blvd bros ca cf chg co corp ct dec dept dist ed eds esp est etc feb fig figs
    inc jan jr jul jun ltd max min nov oct ok ph.d pp pt rd sept sq sr vol vols vs yr yrs
    ala ariz calif conn fla ga ill kan ky mass md mich minn neb nev okla pa tenn tex va vt wis
    """
)
_OPENERS = _read_words(
    """
    a after all although an and another any as at because before both but by do don't each even every few
    first for from he her here his how however i i'm if in instead it it's its let many maybe most my no nor
    not now of on once one or our perhaps please remember she since so some such thank that that's the their
    then there there's these they this those though through to under until we what when where whether which
    while who why with yes yesterday yet you your
    """
)


def has_sentences(text: str, count: int) -> bool:
    """Whether the text has at least `count` sentences; reads no further than needed."""
    if count <= 0:
        return True
    if sum(map(text.count, _TERMINATORS)) + 1 < count:
        return False
    return next(islice(_find_ends(text), count - 1, None), None) is not None


def count_sentences(text: str) -> int:
    """How many sentences the text has; a rest without a terminator is one. Linear in the text's length."""
    return sum(1 for _ in _find_ends(text))


def _find_ends(text: str) -> Iterator[int]:
    last = 0
    for place in _find_candidates(text):
        if text[place] != "." or _is_end(text, place):
            last = place + 1
            yield last
    rest = text[last:].strip()
    if rest and not _CLOSERS.fullmatch(rest):
        yield len(text)


def _find_candidates(text: str) -> Iterator[int]:
    """Places of terminators; of several `.?!` without white space between them only the last."""
    pending: int | None = None
    for match in _CANDIDATE.finditer(text):
        place = match.start()
        may_repeat = text[place] in ".?!" and not text[place + 1].isspace()
        if pending is not None and (text[place] not in ".?!" or _SPACE.search(text, pending, place)):
            yield pending
        pending = place if may_repeat else None
        if not may_repeat:
            yield place
    if pending is not None:
        yield pending


def _is_end(text: str, place: int) -> bool:
    """Whether the full stop at `place` ends a sentence."""
    word = _read_last_word(text, place)
    if len(word) > _MAX_ABBREVIATION and word[-1].isalpha():
        return True
    following = _NEXT_WORD.match(text, place + 1)
    opener = following.group(1) if following is not None else ""
    if word.endswith("."):
        return opener[:1].isupper()
    if _NUMBER.fullmatch(word):
        return not opener[:1].islower()
    if word in _TITLES:
        return False
    if word in _ABBREVIATIONS or _DOTTED.fullmatch(word):
        return _is_opener(opener)
    before = text[max(0, place - 2) : place - 1]
    if len(word) == 1 and (before in _OPENING or before.isspace()):
        # An initial ("J. Smith"); in "9 m/s." the letter is the end of a longer word.
        return not opener[:1].isalpha() or _is_opener(opener)
    return True


def _read_last_word(text: str, place: int) -> str:
    """What stands directly before `place`: letters, digits and full stops, in small letters."""
    if text[place - 1 : place].isspace():
        return ""
    chunk = text[max(0, place - _LOOK_BACK) : place].rsplit(None, 1)[-1:]
    if not chunk or chunk[0].isalnum():
        return "".join(chunk).lower()
    found = _LAST_WORD.search(chunk[0])
    return found.group().lower() if found is not None else ""


def _is_opener(word: str) -> bool:
    return word[:1].isupper() and word.lower() in _OPENERS
