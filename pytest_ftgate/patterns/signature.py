"""Signatures: one normal form, and the wider signatures that a signature belongs to."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import Literal, TypeAlias

from pytest_ftgate.model.grade import kind_of

Level: TypeAlias = Literal["leaf", "rollup", "family"]

ARROW = "→"
FAMILIES = frozenset(("format", "schema", "tool", "label", "style", "refusal", "value"))
"""Kinds that are tested as a whole beside their signatures."""

NOT_THE_MODEL = frozenset(("infra", "call", "filtered"))
"""Kinds that are never a pattern of the model."""

MAX_PART = 80
"""Longest part of a signature; longer ones are cut and keep a digest, so that they stay distinct."""

_CONFUSION = "label:confusion:"
_CODE = "value:code:"
_ONLY_WRONG = frozenset((_CODE + "*", _CODE + "assertion"))
_INDEX = re.compile(r"/\d+(?=/|:|$)")


def normalise(signature: str) -> str:
    """The signature with array indices as `*`, control characters visible, and capped parts.

    `schema:required:/items/3/sku` → `schema:required:/items/*/sku`. Idempotent.
    """
    return _normalise_cached(signature) if len(signature) <= _MAX_CACHED else _normalise(signature)


def _normalise(signature: str) -> str:
    kind, _, rest = signature.partition(":")
    if not rest:
        return _clean(kind)
    detail, colon, locus = rest.partition(":")
    if signature.startswith(_CONFUSION):
        expected, arrow, predicted = locus.partition(ARROW)
        return _CONFUSION + _clean(expected) + arrow + _clean(predicted)
    if detail.startswith("/"):
        return f"{_clean(kind)}:{_clean(_INDEX.sub('/*', rest))}"
    if locus.startswith("/"):
        locus = _INDEX.sub("/*", locus)
    return f"{_clean(kind)}:{_clean(detail)}{colon}{_clean(locus)}"


# A hostile output may make each signature long and different: those are not worth the memory.
_MAX_CACHED = 1_000
_normalise_cached = lru_cache(maxsize=16_384)(_normalise)


def _clean(part: str) -> str:
    """The part with what cannot be seen written out, cut to MAX_PART characters."""
    head = part[: 4 * MAX_PART]
    if not head.isprintable():
        head = "".join(map(_show, head))
    if len(part) <= MAX_PART and len(head) <= MAX_PART:
        return head
    digest = sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{head[: MAX_PART - 9]}~{digest}"


def name_label(label: str) -> str:
    """The label as it stands in the signature of a confusion."""
    return _clean(label)


def _show(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


@lru_cache(maxsize=16_384)
def find_parents(signature: str) -> tuple[tuple[Level, str], ...]:
    """The roll-up and the family of a leaf signature, narrowest first.

    `label:confusion:A→B` → `label:confusion:*→B`, `label`; `schema:required:/a` → `schema:required:*`,
    `schema`; `value:code:timeout` → `value:code:*`, `value`; `format:fenced` → `format`; `empty:blank`
    and what is not the model's doing → nothing.
    """
    kind = kind_of(signature)
    if kind not in FAMILIES:
        return ()
    parents: list[tuple[Level, str]] = []
    _, _, rest = signature.partition(":")
    detail, _, locus = rest.partition(":")
    if signature.startswith(_CONFUSION):
        parents.append(("rollup", f"{_CONFUSION}*{ARROW}{locus.partition(ARROW)[2]}"))
    elif locus and not detail.startswith("/"):
        parents.append(("rollup", f"{kind}:{detail}:*"))
    parents.append(("family", kind))
    return tuple(parent for parent in parents if parent[1] != signature)


def is_within(leaf: str, name: str) -> bool:
    """Whether `name` is the leaf itself or one of its wider signatures."""
    if leaf == name:
        return True
    parents = find_parents(leaf)
    return any(parent == name for _, parent in parents) if parents else False


def needs_agreement(signature: str, level: Level) -> bool:
    """Whether it is a pattern only where the wrong answer itself repeats.

    So it is for `label` and `value` as families, and for values that name neither a place inside the
    output nor what happened (`value:text`, `value:/`, `value:rubric`): "the answer is wrong" alone says
    nothing specific. Code that runs out of time or raises a NameError again and again is specific by
    that, whatever its text; code that only fails its tests (`value:code:assertion`) is just wrong.
    """
    if level == "family":
        return signature in ("label", "value")
    if signature.startswith("value:/"):
        return signature == "value:/"
    if signature.startswith(_CODE):
        return signature in _ONLY_WRONG
    return signature.startswith("value:")


def find_answer(signature: str, output: str) -> str:
    """What was answered wrongly, for the agreement of wrong answers.

    The predicted label of a confusion, one answer for all labels out of the taxonomy, the output
    where the signature names no place in it, else the signature.
    """
    if signature.startswith(_CONFUSION):
        return signature.partition(ARROW)[2]
    if signature.startswith("label:out_of_taxonomy"):
        return "label:out_of_taxonomy"
    return f"{signature}={output}" if needs_agreement(signature, "leaf") else signature


def find_expected(signature: str) -> str | None:
    """The label that was expected, of a confusion."""
    if not signature.startswith(_CONFUSION):
        return None
    return signature.removeprefix(_CONFUSION).partition(ARROW)[0]
