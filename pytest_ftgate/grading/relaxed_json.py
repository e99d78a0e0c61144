"""The relaxed reading: walk a JSON-like document, name its defects, and rewrite it as strict JSON.

One pass over tokens with an own stack: linear time, no recursion, no exception for any text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_ftgate.grading.limits import MAX_JSON_DEPTH

_TOKEN = re.compile(
    r"""
    (?P<space>[\s\ufeff]++)
    |(?P<comment>//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z))
    |(?P<string>"(?:[^"\\]++|\\.)*+")
    |(?P<single>'(?:[^'\\]++|\\.)*+')
    |(?P<smart>[\u201c\u201d\u201e\u2018][^\u201c\u201d\u201e\u2018\u2019\n]*+[\u201c\u201d\u2019])
    |(?P<open>[\[{(])
    |(?P<close>[\]})])
    |(?P<comma>,)
    |(?P<colon>:)
    |(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?(?![\w.]))
    |(?P<rest>["'].*+)
    |(?P<word>[^\s\[\]{}(),:"']++)
    """,
    re.VERBOSE | re.DOTALL,
)
_LITERALS = {
    "true": ("true", None),
    "false": ("false", None),
    "null": ("null", None),
    "True": ("true", "python_literal"),
    "False": ("false", "python_literal"),
    "None": ("null", "python_literal"),
    "NaN": ("null", "nan"),
    "nan": ("null", "nan"),
    "Infinity": ("null", "nan"),
    "-Infinity": ("null", "nan"),
    "inf": ("null", "nan"),
    "-inf": ("null", "nan"),
}
# What a cut leaves of a literal or a number.
_FRAGMENT = re.compile(r"t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|-?(?:[0-9]++(?:\.[0-9]*+)?(?:[eE][+-]?)?)?")
_CLOSERS = {"[": "]", "{": "}", "(": ")"}
_IDENTIFIER = re.compile(r"[^\W\d][\w$.-]*")
_REQUOTE = re.compile(r"\\.|\"", re.DOTALL)
_REQUOTED = {"\\'": "'", '"': '\\"'}
_NEXT_KEY = re.compile(r'[\s\ufeff]*+,[\s\ufeff]*+"(?:[^"\\]++|\\.)*+"[\s\ufeff]*+:', re.DOTALL)

_KEY, _COLON, _VALUE, _NEXT = range(4)


@dataclass(slots=True)
class _Frame:
    closer: str
    state: int
    start: int
    comma: int = 0
    has_comma: bool = False
    items: int = 0

    @property
    def is_object(self) -> bool:
        return self.closer == "}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """A document found at [start, end). `defects`: bare names of `format:` kinds, with the offset of the
    first of each.

    `is_clean`: every token was understood, and `rewritten` is meant to be strict JSON. `is_cut`: nothing is
    wrong with it but that the text ends in its middle: in a string, a literal or a number, or after a comma,
    a colon or an opening bracket.
    """

    start: int
    end: int
    defects: Mapping[str, int]
    is_clean: bool
    is_cut: bool
    is_too_deep: bool
    rewritten: str


@dataclass(slots=True)
class _Rewriter:
    text: str
    out: list[str] = field(default_factory=list)
    stack: list[_Frame] = field(default_factory=list)
    defects: dict[str, int] = field(default_factory=dict)
    is_clean: bool = True
    was_clean: bool = True
    last: str = ""
    token: str = ""
    position: int = 0

    def note(self, defect: str, position: int | None = None) -> None:
        """Remember where a defect was seen first; without a position it is at the current token."""
        self.defects.setdefault(defect, self.position if position is None else position)

    def put(self, value: str, key: str | None = None) -> None:
        """Emit a value, or a key where one is due; what is out of place makes the text unclean."""
        frame = self.stack[-1]
        if frame.state in (_NEXT, _COLON):
            self.is_clean = False
            return
        if frame.state == _KEY or not frame.is_object:
            self.begin_item(frame)
        if frame.state == _KEY:
            self.is_clean = self.is_clean and key is not None
            self.out.append(key or '""')
            frame.state = _COLON
        else:
            self.out.append(value)
            frame.state = _NEXT

    def begin_item(self, frame: _Frame) -> None:
        if frame.has_comma:
            self.out.append(",")
            frame.has_comma = False
        frame.items += 1

    def put_string(self, body: str, defect: str | None) -> None:
        if defect is not None:
            self.note(defect)
            body = _REQUOTE.sub(lambda match: _REQUOTED.get(match.group(), match.group()), body)
        quoted = f'"{body}"'
        self.put(quoted, quoted)

    def put_word(self, word: str) -> None:
        if self.stack[-1].state == _KEY:
            if _IDENTIFIER.fullmatch(word):
                self.note("unquoted_key")
            else:
                self.is_clean = False
            quoted = json.dumps(word)
            self.put(quoted, quoted)
            return
        literal, defect = _LITERALS.get(word, (None, None))
        if literal is None:
            self.is_clean = False
        if defect is not None:
            self.note(defect)
        self.put(literal or json.dumps(word))

    def put_number(self, number: str) -> None:
        if self.stack[-1].state == _KEY:
            self.note("unquoted_key")
        self.put(number, f'"{number}"')

    def open(self, bracket: str) -> None:
        if bracket == "(":
            self.note("python_literal")
            self.is_clean = self.is_clean and self.last != "word"
        if self.stack:
            parent = self.stack[-1]
            if parent.state in (_KEY, _COLON) or parent.state == _NEXT:
                self.is_clean = False
            elif not parent.is_object:
                self.begin_item(parent)
            parent.state = _NEXT
        self.out.append("{" if bracket == "{" else "[")
        self.stack.append(_Frame(_CLOSERS[bracket], _KEY if bracket == "{" else _VALUE, self.position))

    def close(self, bracket: str) -> None:
        if all(frame.closer != bracket for frame in self.stack):
            self.is_clean = False
            return
        if self.is_wrong_closer(bracket):
            self.note("unclosed", self.stack[-1].start)
            self.pop()
            return
        while self.stack[-1].closer != bracket:
            self.note("unclosed", self.stack[-1].start)
            self.pop()
        self.pop()

    def is_wrong_closer(self, bracket: str) -> bool:
        """Whether the bracket stands for the closer of the innermost array: `{"a": [1}, "b": 2}`.

        It does where a key comes next that only the object around the array can take.
        """
        if len(self.stack) < 2 or self.stack[-1].is_object or not self.stack[-2].is_object:
            return False
        depth = max(place for place, frame in enumerate(self.stack) if frame.closer == bracket)
        takes_key = depth > 0 and self.stack[depth - 1].is_object
        return not takes_key and _NEXT_KEY.match(self.text, self.position + 1) is not None

    def pop(self) -> None:
        frame = self.stack.pop()
        if frame.has_comma and not (frame.closer == ")" and frame.items == 1):
            self.note("trailing_comma", frame.comma)
        if frame.state == _COLON:
            self.out.append(":null")
            self.is_clean = self.is_clean and "unclosed" in self.defects
        elif frame.is_object and frame.state == _VALUE:
            self.out.append("null")
            self.is_clean = self.is_clean and "unclosed" in self.defects
        self.out.append("}" if frame.is_object else "]")

    def punctuate(self, mark: str) -> None:
        frame = self.stack[-1]
        if mark == "," and frame.state == _NEXT:
            frame.has_comma, frame.comma = True, self.position
            frame.state = _KEY if frame.is_object else _VALUE
        elif mark == ":" and frame.state == _COLON:
            self.out.append(":")
            frame.state = _VALUE
        else:
            self.is_clean = False

    def read(self, kind: str, token: str, position: int) -> None:
        self.position, self.token, self.was_clean = position, token, self.is_clean
        if kind == "string":
            self.put_string(token[1:-1], None)
        elif kind in ("single", "smart"):
            self.put_string(token[1:-1], "single_quotes")
        elif kind == "open":
            self.open(token)
        elif kind == "close":
            self.close(token)
        elif kind in ("comma", "colon"):
            self.punctuate(token)
        elif kind == "number":
            self.put_number(token)
        elif kind == "word":
            self.put_word(token)
        elif kind == "rest":
            self.note("unclosed")
            if token[0] == "'":
                self.note("single_quotes")
            quoted = json.dumps(token[1:])
            self.put(quoted, quoted)
        else:
            self.is_clean = False
        self.last = kind

    def finish(self, *, is_at_end: bool) -> bool:
        """Close what is open; whether nothing is wrong but that the text ends in the middle of something.

        `is_at_end`: no space follows the last token.
        """
        is_cut = self.is_clean and self.last in ("comma", "colon", "open", "rest")
        if is_at_end and self.last == "number":
            is_cut = self.is_clean
        elif is_at_end and self.last == "word" and _FRAGMENT.fullmatch(self.token):
            is_cut = self.was_clean
        is_cut = is_cut and self.defects.keys() <= ({"unclosed"} if self.last == "rest" else set())
        self.note("unclosed", self.stack[-1].start)
        while self.stack:
            # A comma at the cut is where the text stopped, not a defect of its own.
            self.stack[-1].has_comma = False
            self.pop()
        return is_cut


def read_relaxed(text: str, start: int) -> Relaxed:
    """Read the document whose opening bracket stands at `start`, to its end or the end of the text."""
    rewriter = _Rewriter(text)
    match_token = _TOKEN.scanner(text, start).match  # type: ignore[attr-defined]
    end, is_too_deep, is_cut = len(text), False, False
    while (match := match_token()) is not None:
        kind = match.lastgroup
        if kind == "space":
            continue
        rewriter.read(kind, match.group(), match.start())
        if not rewriter.stack:
            end = match.end()
            break
        if len(rewriter.stack) > MAX_JSON_DEPTH:
            is_too_deep, rewriter.is_clean = True, False
            break
    else:
        is_cut = rewriter.finish(is_at_end=not text[-1:].isspace())
    return Relaxed(
        start=start,
        end=end,
        defects=rewriter.defects,
        is_clean=rewriter.is_clean,
        is_cut=is_cut,
        is_too_deep=is_too_deep,
        rewritten="".join(rewriter.out) if rewriter.is_clean else "",
    )
