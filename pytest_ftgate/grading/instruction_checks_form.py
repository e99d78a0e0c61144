"""Instructions on the whole text (IFEval, Zhou et al. 2023): case, commas, language, ends, combinations."""

from __future__ import annotations

import re

from pytest_ftgate.grading.language import detect_language

# Where the Penn Treebank convention splits a text besides white space, and at which clitics: IFEval counts
# capital words with it ("DON'T" is two, "WELL-KNOWN" is one).
_BLANKED = str.maketrans(dict.fromkeys(';@#$%&?!()[]{}<>"“”„‘’«»`*‒–—―', " "))
_SEPARATOR = re.compile(r"--|\.{2,}|''|[:,](?!\d)")
_CLITIC = re.compile(
    r"(?<=[^'\s])(?=(?:'(?:[SMDsmd]|LL|ll|RE|re|VE|ve)?|N'T|n't)(?!\S))|(?<=\bD')(?=YE\b)|(?<=\b'T)(?=IS\b|WAS\b)"
)
_JOINED = re.compile(r"\b(?:CAN(?=NOT\b)|GON(?=NA\b)|GOT(?=TA\b)|GIM(?=ME\b)|LEM(?=ME\b)|WAN(?=NA\s))")


def count_capital_words(text: str) -> int:
    """Words all of whose letters are capital."""
    spaced = _JOINED.sub(r"\g<0> ", _SEPARATOR.sub(" ", text.translate(_BLANKED)))
    if "'" in spaced:
        spaced = _CLITIC.sub(" ", spaced)
    return sum(map(str.isupper, spaced.split()))


def has_capital_words(text: str, *, capital_frequency: int, capital_relation: str) -> bool:
    """All letters of a counted word are capital."""
    is_reached = count_capital_words(text) >= capital_frequency
    return is_reached if capital_relation == "at least" else not is_reached


def _is_language(text: str, language: str) -> bool:
    """A text of no language (figures, signs) is held to be in any, as in the benchmark."""
    return detect_language(text) in (language, None)


def is_english_capital(text: str) -> bool:
    """No letter is small, and the language is English."""
    return text.isupper() and _is_language(text, "en")


def is_english_lowercase(text: str) -> bool:
    """No letter is capital, and the language is English."""
    return text.islower() and _is_language(text, "en")


def is_in_language(text: str, *, language: str) -> bool:
    """The likeliest language is the one told."""
    return _is_language(text, language)


def has_no_comma(text: str) -> bool:
    """No comma of the Latin script is there."""
    return "," not in text


def has_end_phrase(text: str, *, end_phrase: str) -> bool:
    """The last words, in any case; a closing quote may follow."""
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def is_quoted(text: str) -> bool:
    """All of it stands in double quotes."""
    stripped = text.strip()
    return len(stripped) > 1 and stripped[0] == stripped[-1] == '"'


def has_two_responses(text: str) -> bool:
    """Two different answers, divided by six stars."""
    parts = text.split("******")
    if any(not part.strip() for part in parts[1:-1]):
        return False
    answers = [part.strip() for part in parts if part.strip()]
    return len(answers) == 2 and answers[0] != answers[1]


def has_repeated_prompt(text: str, *, prompt_to_repeat: str) -> bool:
    """The answer begins with the request, in any case."""
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())
