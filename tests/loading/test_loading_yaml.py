"""YAML text → JSON values, lines, and what is refused."""
# ruff: noqa: E501 (tables)

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.loading.json_text import JsonTextError, is_too_deep, parse_json
from pytest_ftgate.loading.places import write_pointer
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.yaml_marks import parse_yaml


def read(text: str) -> Any:
    problems = Problems("x.yaml")
    document = parse_yaml(text, "x.yaml", problems)
    assert len(problems) == 0, complain(text)
    assert document is not None
    return document.value


def complain(text: str) -> list[str]:
    problems = Problems("x.yaml")
    parse_yaml(text, "x.yaml", problems)
    with pytest.raises(EvalsetError) as caught:
        problems.raise_all()
    return [f"{where.line}: {where.pointer}: {what}" for where, what in caught.value.problems]


SCALARS = [
    ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("Yes", "Yes"), ("n", "n"), ("y", "y"),
    ("12:30", "12:30"), ("2026-01-02", "2026-01-02"), ("2001-12-14t21:59:43.10-05:00",) * 2,
    ("1_000", "1_000"), ("0x1F", "0x1F"), ("0o17", "0o17"), ("007", "007"), ("+49", "+49"), ("=", "="),
    ("null", None), ("~", None), ("", None), ("NULL", None), ("nil", "nil"),
    ("true", True), ("false", False), ("True", True), ("FALSE", False), ("tRue", "tRue"),
    ("0", 0), ("-0", 0), ("12", 12), ("-7", -7), ("1.5", 1.5), ("-.5", -0.5), (".5", 0.5), ("1.", 1.0),
    ("1e3", 1000.0), ("1E-2", 0.01), ("1.5.2", "1.5.2"), ("-", None), ("1e", "1e"), ("--1", "--1"),
    ("infinity", "infinity"), ("nan", "nan"), ('"12"', "12"), ("'true'", "true"), ("!!str 12", "12"),
    ("!!int 3", 3), ("!!float 3", 3.0), ("!!null ~", None), ("!!bool true", True), ("! 12", "12"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "value"), SCALARS)
def test_scalar(written: str, value: Any) -> None:
    if written == "-":
        assert read("- -") == [[None]]
        return
    found = read(f"- {written}")[0]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("written", [".inf", "-.inf", "+.Inf", ".NaN", "1e999", "-1e999", "9" * 1001])
def test_numbers_that_json_cannot_hold_are_refused(written: str) -> None:
    (problem,) = complain(f"a:\n  - {written}")
    assert problem.startswith("2: /a/0: ")
    assert "quote it" in problem


REFUSED = [
    ("a: 1\nb: 2\na: 3", "3: /a: duplicate key 'a' (first on line 1)"),
    ("x: {a: 1, a: 2}", "1: /x/a: duplicate key 'a' (first on line 1)"),
    ("1: a", '1: /1: the key 1 is not text; quote it: "1"'),
    ("true: a", '1: /true: the key true is not text; quote it: "true"'),
    (
        "base: &b {a: 1}\nx:\n  <<: *b",
        "3: /x/<<: merge keys (`<<`) are not part of YAML 1.2; write the keys out",
    ),
    ("[a]: 1", "1: : a key must be text, not a list or a mapping"),
    ("x: &a [*a]", "1: /x/0: the alias *a stands inside its own anchor"),
    ("x: *nope", "1: : the alias *nope has no anchor &nope before it; quote it if it is text"),
    ("a: 1\n---\nb: 2", "2: : a second YAML document starts here; a file holds one document"),
    (
        "a: !!python/name:os.system x",
        "1: /a: the tag 'tag:yaml.org,2002:python/name:os.system' is not allowed",
    ),
    ("a: !mine [1]", "1: /a: the tag '!mine' is not allowed: only plain JSON values are"),
    ("a: !!binary aGk=", "1: /a: the tag 'tag:yaml.org,2002:binary' is not allowed"),
    ("a: !!int x", "1: /a: 'x' is not what its tag !!int says"),
    ("a:\n\tb: 1", "2: : not valid YAML: found character that cannot start any token"),
    (
        "a: b: c",
        "1: : not valid YAML: mapping values are not allowed in this context; quote a text that contains",
    ),
    ("a: [1", "not valid YAML: "),
    ("a: 'x", "not valid YAML: "),
    ("a: \x07", "not valid YAML: control characters are not allowed"),
    ("[" * 5000, "1: : nested deeper than 100 levels"),
    ("{a: " * 5000, "1: : nested deeper than 100 levels"),
    ("- " * 5000, "1: : nested deeper than 100 levels"),
]


@pytest.mark.parametrize(("text", "problem"), REFUSED)
def test_refused(text: str, problem: str) -> None:
    assert problem in complain(text)[0]


def test_first_of_duplicate_keys_counts_and_reading_goes_on() -> None:
    assert len(complain("a: 1\na: {a: 2, a: 3}\n2: x\nb: .nan")) == 4


def test_aliases_share_their_value() -> None:
    assert read("- &a {x: [1]}\n- *a\n- &k key\n- {*k : 2}") == [{"x": [1]}, {"x": [1]}, "key", {"key": 2}]


def test_billion_laughs_are_cut_off() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "aliases write out to more than" in complain("\n".join(lines))[0]


def test_a_long_text_cannot_be_multiplied_by_aliases() -> None:
    text = f"- &a {'x' * 100_000}\n" + "- *a\n" * 100
    assert "aliases write out to more than" in complain(text)[0]


def test_every_part_has_its_line() -> None:
    text = "a: 1\nb:\n  - x\n  - k: v\n    l: |\n      t\n  - [1,\n     2]\nc/d~: {e: 1}\n"
    document = parse_yaml(text, "f.yaml", Problems("f.yaml"))
    assert document is not None
    expected = {
        (): 1, ("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "k"): 4, ("b", 1, "l"): 5, ("b", 2): 7,
        ("b", 2, 1): 8, ("c/d~", "e"): 9, ("b", 1, "missing"): 4, ("missing", "x"): 1,
    }  # fmt: skip
    assert {path: document.locate(path).line for path in expected} == expected
    assert document.locate(("c/d~", "e")).pointer == "/c~1d~0/e"


def test_pure_python_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: [1, yes, {b: 'x'}]\nc: &x |\n  t\nd: *x\n"
    fast = read(text)
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert read(text) == fast
    assert "half of a surrogate pair" in complain('a: "\\ud800"')[0]
    assert complain("a:\n\tb: 1")[0].startswith("2: : not valid YAML: ")


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff"), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(json_values)
def test_what_pyyaml_writes_is_read_back(value: Any) -> None:
    # Quoted, so that PyYAML's 1.1 idea of a plain scalar does not matter; it tags what is no string.
    document = parse_yaml(yaml.safe_dump(value, default_style='"'), "x.yaml", Problems("x.yaml"))
    assert document is not None
    assert document.value == value


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_raise(text: str) -> None:
    parse_yaml(text.encode("utf-8", "replace").decode(), "x.yaml", Problems("x.yaml"))


BAD_JSON = [
    ('{"a": NaN}', "NaN is no JSON number"),
    ('{"a": -Infinity}', "-Infinity is no JSON number"),
    ('{"a": 1e999}', "too large"),
    ('{"a": ' + "9" * 5000 + "}", "digits"),
    ('{"a": 1, "a": 2}', "duplicate key 'a'"),
    ("{'a': 1}", "not valid JSON: Expecting property name"),
    ('{"a": "\\ud800"}', "half of a surrogate pair"),
    ("[" * 1000 + "]" * 1000, "nested deeper than 100 levels"),
    ("[" * 100_000, "nested deeper than 100 levels"),
    ("[" * 101 + "]" * 101, "nested deeper than 100 levels"),
    ("", "not valid JSON"),
]


@pytest.mark.parametrize(("text", "problem"), BAD_JSON)
def test_json_refused(text: str, problem: str) -> None:
    with pytest.raises(JsonTextError) as caught:
        parse_json(text)
    assert problem in str(caught.value)


@given(json_values)
def test_json_round_trip(value: Any) -> None:
    import json

    assert parse_json(json.dumps(value)) == value


def test_depth_is_counted_as_yaml_counts_it() -> None:
    assert parse_json("[" * 100 + "]" * 100) is not None
    assert read("[" * 100 + "]" * 100) is not None
    assert is_too_deep(parse_json("[" * 100 + "]" * 100)) is False


def test_pointer_escapes() -> None:
    assert write_pointer(("a/b", "~", 3)) == "/a~1b/~0/3"
    assert write_pointer(()) == ""
