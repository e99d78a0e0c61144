"""The relaxed reading: walk a JSON-like document, name its defects, and rewrite it as strict JSON.

One pass over tokens with an own stack: linear time, no recursion, no exception for any text.
"""

from __future__ import annotations

import json
import re
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
_CLOSERS = {"[": "]", "{": "}", "(": ")"}
_IDENTIFIER = re.compile(r"[^\W\d][\w$.-]*")
_REQUOTE = re.compile(r"\\.|\"", re.DOTALL)
_REQUOTED = {"\\'": "'", '"': '\\"'}

_KEY, _COLON, _VALUE, _NEXT = range(4)


@dataclass(slots=True)
class _Frame:
    closer: str
    state: int
    has_comma: bool = False
    items: int = 0

    @property
    def is_object(self) -> bool:
        return self.closer == "}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """A document found at [start, end). `defects`: bare names of `format:` kinds, unordered.

    `is_clean`: every token was understood, and `rewritten` is meant to be strict JSON.
    """

    start: int
    end: int
    defects: frozenset[str]
    is_clean: bool
    is_too_deep: bool
    rewritten: str


@dataclass(slots=True)
class _Rewriter:
    text: str
    out: list[str] = field(default_factory=list)
    stack: list[_Frame] = field(default_factory=list)
    defects: set[str] = field(default_factory=set)
    is_clean: bool = True
    is_after_word: bool = False

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
            self.defects.add(defect)
            body = _REQUOTE.sub(lambda match: _REQUOTED.get(match.group(), match.group()), body)
        quoted = f'"{body}"'
        self.put(quoted, quoted)

    def put_word(self, word: str) -> None:
        if self.stack[-1].state == _KEY:
            if _IDENTIFIER.fullmatch(word):
                self.defects.add("unquoted_key")
            else:
                self.is_clean = False
            quoted = json.dumps(word)
            self.put(quoted, quoted)
            return
        literal, defect = _LITERALS.get(word, (None, None))
        if literal is None:
            self.is_clean = False
        if defect is not None:
            self.defects.add(defect)
        self.put(literal or json.dumps(word))

    def put_number(self, number: str) -> None:
        if self.stack[-1].state == _KEY:
            self.defects.add("unquoted_key")
        self.put(number, f'"{number}"')

    def open(self, bracket: str) -> None:
        if bracket == "(":
            self.defects.add("python_literal")
            self.is_clean = self.is_clean and not self.is_after_word
        if self.stack:
            parent = self.stack[-1]
            if parent.state in (_KEY, _COLON) or parent.state == _NEXT:
                self.is_clean = False
            elif not parent.is_object:
                self.begin_item(parent)
            parent.state = _NEXT
        self.out.append("{" if bracket == "{" else "[")
        self.stack.append(_Frame(_CLOSERS[bracket], _KEY if bracket == "{" else _VALUE))

    def close(self, bracket: str) -> None:
        if all(frame.closer != bracket for frame in self.stack):
            self.is_clean = False
            return
        while self.stack[-1].closer != bracket:
            self.defects.add("unclosed")
            self.pop()
        self.pop()

    def pop(self) -> None:
        frame = self.stack.pop()
        if frame.has_comma and not (frame.closer == ")" and frame.items == 1):
            self.defects.add("trailing_comma")
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
            frame.has_comma = True
            frame.state = _KEY if frame.is_object else _VALUE
        elif mark == ":" and frame.state == _COLON:
            self.out.append(":")
            frame.state = _VALUE
        else:
            self.is_clean = False

    def read(self, kind: str, token: str) -> None:
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
            self.defects.add("unclosed")
            quoted = json.dumps(token[1:])
            self.put(quoted, quoted)
        else:
            self.is_clean = False
        self.is_after_word = kind == "word"

    def finish(self) -> None:
        self.defects.add("unclosed")
        while self.stack:
            # A comma at the cut is where the text stopped, not a defect of its own.
            self.stack[-1].has_comma = False
            self.pop()


def read_relaxed(text: str, start: int) -> Relaxed:
    """Read the document whose opening bracket stands at `start`, to its end or the end of the text."""
    rewriter = _Rewriter(text)
    match_token = _TOKEN.scanner(text, start).match  # type: ignore[attr-defined]
    end, is_too_deep = len(text), False
    while (match := match_token()) is not None:
        kind = match.lastgroup
        if kind == "space":
            continue
        rewriter.read(kind, match.group())
        if not rewriter.stack:
            end = match.end()
            break
        if len(rewriter.stack) > MAX_JSON_DEPTH:
            is_too_deep, rewriter.is_clean = True, False
            break
    else:
        rewriter.finish()
    return Relaxed(
        start=start,
        end=end,
        defects=frozenset(rewriter.defects),
        is_clean=rewriter.is_clean,
        is_too_deep=is_too_deep,
        rewritten="".join(rewriter.out) if rewriter.is_clean else "",
    )
