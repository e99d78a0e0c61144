"""The parse cache: what comes from it is what the files say, and nothing is ever wrong because of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.loading import evalset_file
from pytest_ftgate.loading.cache import MIN_BYTES
from pytest_ftgate.loading.evalset_file import load_evalset
from pytest_ftgate.model.evalset import Evalset
from pytest_ftgate.registry import Registries

Load = Callable[..., Evalset]

TEXT = """
ftgate: 1
name: big
bar: 0.75
repeats: 3
models:
  candidate:
    model: openai/m
    params: {temperature: 0.5, stop: [a, b]}
    price: {input_usd_per_m: 1, output_usd_per_m: 2.5}
prompt: {file: prompt.md}
graders:
  - is-json: {schema: schema.json}
  - not-contains: no
arms:
  few_shot: {examples: {file: shots.jsonl}, k: 2}
  rewritten: {prompt: "other {{ input }}"}
gates:
  accuracy: {min: 0.75}
  latency: {p95_s: 2.0}
decision: {alpha: 0.04, waive: {context: none there}, knowledge: {changes: weekly, citations: true}}
economics: {calls_per_month: 300000}
suite: {name: plain JSON, weight: 2}
cases:
  - id: one
    input: {deep: [1, 2.0, null, "12:30", yes]}
    expected: null
    tags: [eu, us]
    group: g
    must_pass: true
  - id: two
    messages: [{role: user, content: hi}]
    context: [a, b]
    vars: {x: 1}
    graders: [{equals: 1}]
    split: dev
  - {input: "\\u00e9\\u2028", expected: é, must_pass: majority}
  - {file: rows.jsonl}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An evalset of several files, large enough to be kept."""
    (tmp_path / "t.evalset.yaml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "prompt.md").write_text("Answer. {{ input }}")
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    (tmp_path / "shots.jsonl").write_text(
        "".join(json.dumps({"input": f"s{i}", "expected": {"a": i}}) + "\n" for i in range(3))
    )
    rows = [{"id": f"r{i}", "input": f"row {i} " + "word " * 40, "expected": i} for i in range(800)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


@pytest.fixture
def load(folder: Path, registries: Registries) -> Load:
    def load(**more: Any) -> Evalset:
        arguments: dict[str, Any] = {"registries": registries, "cache": folder / "cache", **more}
        return load_evalset(folder / "t.evalset.yaml", folder, **arguments)

    return load


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the evalsets that were parsed, not taken from the cache."""
    names: list[str] = []
    parse = evalset_file.parse_yaml

    def count(text: str, name: str, problems: Any) -> Any:
        names.append(name)
        return parse(text, name, problems)

    monkeypatch.setattr(evalset_file, "parse_yaml", count)
    return names


def kept(folder: Path) -> Path:
    (file,) = (folder / "cache").iterdir()
    return file


def test_second_load_parses_nothing_and_gives_the_same(folder: Path, load: Load, parsed: list[str]) -> None:
    plain = load(cache=None)
    assert not (folder / "cache").exists()
    first, second = load(), load()
    assert len(parsed) == 2
    assert first == second == plain
    assert repr(second) == repr(plain)
    assert second.cases[0].where == plain.cases[0].where
    assert second.digest == plain.digest


@pytest.mark.parametrize("name", ["t.evalset.yaml", "prompt.md", "schema.json", "shots.jsonl", "rows.jsonl"])
def test_change_of_any_file_is_seen(folder: Path, load: Load, parsed: list[str], name: str) -> None:
    first = load()
    old = {"t.evalset.yaml": "0.75", "prompt.md": "Answer", "schema.json": "object"}.get(name, "word")
    new = {"0.75": "0.76", "object": "string"}.get(old, "changed")
    old, new = ("s1", "s9") if name == "shots.jsonl" else (old, new)
    path = folder / name
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    second = load()
    assert second != first
    assert len(parsed) == 2
    assert second == load() == load(cache=None)


def test_problems_are_told_with_their_lines_as_without_a_cache(folder: Path, load: Load) -> None:
    load()
    rows = folder / "rows.jsonl"
    rows.write_text(rows.read_text().replace('{"id": "r7",', '{"id": "r7", "must_pass": "x",'))
    (folder / "prompt.md").unlink()
    told = []
    for cache in (folder / "cache", None, folder / "cache"):
        with pytest.raises(EvalsetError) as error:
            load(cache=cache)
        told.append(str(error.value))
    assert told[0] == told[1] == told[2]
    assert "rows.jsonl:8" in told[0]
    assert told[0].count("prompt.md") == 1


def test_evalset_with_problems_is_not_kept(folder: Path, load: Load) -> None:
    (folder / "schema.json").write_text("{")
    with pytest.raises(EvalsetError):
        load()
    assert not (folder / "cache").exists()


def test_grader_that_is_gone_is_told(folder: Path, load: Load) -> None:
    load()
    with pytest.raises(EvalsetError, match="is-json"):
        load(registries=Registries())


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"row 7 ", b"row 8 "),
        lambda content: b"\x80\x04N." + content,
        lambda content: content.partition(b"\n")[0] + b"\n" + b"[" * 100_000,
        lambda content: content.partition(b"\n")[0] + b"\n{}",
        lambda content: b"\n" * 3,
    ],
    ids=["empty", "cut", "changed", "foreign", "deep", "other", "blank"],
)
def test_damaged_cache_is_passed_over(
    folder: Path, load: Load, parsed: list[str], damage: Callable[[bytes], bytes]
) -> None:
    first = load()
    whole = kept(folder).read_bytes()
    kept(folder).write_bytes(damage(whole))
    assert load() == first
    assert len(parsed) == 2
    # And it is mended.
    assert kept(folder).read_bytes() == whole
    load()
    assert len(parsed) == 2


def test_cache_of_another_version_is_passed_over(
    load: Load, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load()
    monkeypatch.setattr("pytest_ftgate.loading.cache.__version__", "999")
    load()
    assert len(parsed) == 2


def test_folder_that_cannot_be_written_costs_nothing(folder: Path, load: Load) -> None:
    (folder / "cache").write_text("a file in its place")
    assert load() == load(cache=None)
    assert (folder / "cache").read_text() == "a file in its place"


def test_small_evalset_is_not_kept(folder: Path, load: Load) -> None:
    rows = (folder / "rows.jsonl").read_text().splitlines(keepends=True)
    (folder / "rows.jsonl").write_text("".join(rows[:50]))
    assert sum(path.stat().st_size for path in folder.iterdir()) < MIN_BYTES
    load()
    assert not (folder / "cache").exists()


def test_odd_texts_and_huge_numbers_come_back(folder: Path, load: Load) -> None:
    with (folder / "rows.jsonl").open("a") as file:
        file.write('{"id": "odd", "input": "\\u2028 \\u0000", "expected": %s}\n' % ("9" * 4000))
        file.write('{"id": "odd2", "input": -0.0, "expected": 1e308}\n')
    plain = load(cache=None)
    load()
    again = load()
    assert again == plain
    assert repr(again.cases[-1]) == repr(plain.cases[-1])
