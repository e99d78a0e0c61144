"""Baselines on disk: what is written comes back, changes little, and is refused where it is damaged."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from baseline_world import build_arm, build_baseline, outcome
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pytest_ftgate.errors import StorageError
from pytest_ftgate.model.baseline import Baseline, BaselineCase, CaseOutcome
from pytest_ftgate.model.evalset import GateSpec
from pytest_ftgate.storage.baseline_files import (
    encode_baseline,
    name_file,
    read_baselines,
    write_baseline,
    write_baselines,
)
from pytest_ftgate.storage.baseline_places import find_baseline, is_name, place_baseline
from pytest_ftgate.storage.baseline_reading import decode_baseline
from pytest_ftgate.storage.redaction import Redactor
from pytest_ftgate.storage.run_folder import RunFolder

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "schemas" / "baseline.schema.json").read_text(encoding="utf-8")
)
CLEAN = Redactor({})


def format_baseline(baseline: Baseline, redactor: Redactor) -> str:
    file = io.StringIO()
    write_baseline(file, baseline, redactor)
    return file.getvalue()


texts = st.text(max_size=8)
names = st.text(alphabet="abc.-_", min_size=1, max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def baselines(draw: st.DrawFn) -> Baseline:
    cases = {
        name: BaselineCase(
            id=name,
            hash=draw(texts),
            graders=draw(st.sampled_from(("g", "h"))),
            input=draw(st.none() | texts),
            expected=draw(st.none() | texts),
            group=draw(st.none() | texts),
            tags=tuple(draw(st.lists(texts, max_size=2))),
        )
        for name in draw(st.sets(texts, max_size=4))
    }
    arms = []
    for arm in draw(st.lists(names, max_size=2, unique=True)):
        outcomes = {}
        for name in cases:
            graded = draw(st.integers(0, 4))
            passed = draw(st.integers(0, graded))
            failures = {"value:text": graded - passed} if graded > passed else {}
            outcomes[name] = CaseOutcome(
                graded=graded, passed=passed, failures=failures, answer=draw(st.none() | texts)
            )
        params = draw(st.dictionaries(texts, json_values, max_size=2))
        models = tuple(draw(st.lists(texts, max_size=2)))
        arms.append(build_arm(outcomes, arm=arm, params=params, models=models))
    gates = (GateSpec(name="collapse", options={"against": "baseline"}, arm="x", evidence="prove-pass"),)
    more: dict[str, Any] = {"gates": draw(st.sampled_from(((), gates))), "gaps": draw(texts)}
    return replace(build_baseline({}), cases=cases, arms=tuple(arms), **more)


@given(baselines())
def test_what_is_written_comes_back(baseline: Baseline) -> None:
    text = format_baseline(baseline, CLEAN)
    assert decode_baseline(text) == baseline
    assert json.loads(text) == CLEAN.redact_json(encode_baseline(baseline))
    Draft202012Validator(SCHEMA).validate(json.loads(text))


def test_one_case_a_line_in_the_order_of_ids_whatever_the_order_of_the_run() -> None:
    counts = {"b": (5, 5), "a": (0, 5), "c": (2, 5)}
    text = format_baseline(build_baseline(counts), CLEAN)
    assert text == format_baseline(build_baseline(dict(sorted(counts.items()))), CLEAN)
    lines = text.splitlines()
    assert [line.strip()[:3] for line in lines if line.startswith('  "')] == ['"a"', '"b"', '"c"']
    changed = format_baseline(build_baseline({**counts, "c": (3, 5)}), CLEAN).splitlines()
    assert sum(one != other for one, other in zip(lines, changed, strict=True)) == 1
    assert text.endswith("}\n")


def test_saving_one_evalset_leaves_the_others(tmp_path: Path) -> None:
    one, two = build_baseline({"a": (1, 1)}), build_baseline({"a": (0, 1)}, evalset="u")
    write_baselines(tmp_path, [one, two], CLEAN)
    write_baselines(tmp_path, [replace(one, bar=0.5)], CLEAN)
    found = read_baselines(tmp_path)
    assert {name: baseline.bar for name, baseline in found.items()} == {"t": 0.5, "u": 0.8}
    (tmp_path / "copy.json").write_text((tmp_path / "u.json").read_text())
    with pytest.raises(StorageError, match="two files are of evalset 'u'"):
        read_baselines(tmp_path)


def test_keys_never_get_into_a_baseline(tmp_path: Path) -> None:
    key = "sk-planted-0123456789abcdef"
    baseline = build_baseline({"a": (1, 1)})
    case = replace(baseline.cases["a"], input=f"use {key}", expected=key)
    arm = build_arm({"a": replace(outcome(1, 1), answer=f"the key is {key}")}, params={"user": key})
    (path,) = write_baselines(
        tmp_path, [replace(baseline, cases={"a": case}, arms=(arm,))], Redactor({"MY_KEY": key})
    )
    assert key not in path.read_text()
    assert path.read_text().count("[redacted]") == 4


@pytest.mark.parametrize("name", ["a b", "../up", ".hidden", "a/b", "x" * 300, "ä"])
def test_any_name_of_an_evalset_is_a_file_in_the_folder(tmp_path: Path, name: str) -> None:
    (path,) = write_baselines(tmp_path, [build_baseline({"a": (1, 1)}, evalset=name)], CLEAN)
    assert path.parent == tmp_path
    assert not path.name.startswith(".")
    assert set(read_baselines(tmp_path)) == {name}
    assert name_file(name) != name_file(name + "x")


GOOD = json.loads(format_baseline(build_baseline({"a": (1, 2)}), CLEAN))


@pytest.mark.parametrize(
    ("pointer", "value", "said"),
    [
        (("bar",), 0, "bar: must be a number above 0 and at most 1"),
        (("alpha",), 0.9, "at most 0.5"),
        (("cases", "a"), 7, "cases/a: must be an object"),
        (("cases", "a", "hash"), None, "cases/a/hash: must be text"),
        (("arms",), {}, "arms: must be a list of objects"),
        (("arms", 0, "question"), 3, "arms/0/question: must be 1 or 2"),
        (("arms", 0, "looks"), 10**9, "arms/0/look"),
        (("arms", 0, "cases", "b"), {"graded": 1, "passed": 1}, "no such case"),
        (("arms", 0, "cases", "a", "graded"), -1, "graded: must be a whole number"),
        (("arms", 0, "cases", "a", "passed"), 3, "are more than 2"),
        (("arms", 0, "cases", "a", "failures"), {"x": 99}, "are more than 2"),
        (("gates",), [{"name": "collapse"}], "gates/0/arm: is missing"),
        (("ftgate_baseline",), 2, "its format is 2"),
    ],
)
def test_damage_is_named(tmp_path: Path, pointer: tuple[Any, ...], value: Any, said: str) -> None:
    broken = json.loads(json.dumps(GOOD))
    place = broken
    for key in pointer[:-1]:
        place = place[key]
    place[pointer[-1]] = value
    (tmp_path / "t.json").write_text(json.dumps(broken))
    with pytest.raises(StorageError, match="is no baseline that can be used") as caught:
        read_baselines(tmp_path)
    assert said in str(caught.value)
    assert "t.json" in str(caught.value)


@given(st.binary(max_size=60) | json_values.map(json.dumps).map(str.encode))
def test_any_content_is_read_or_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        decode_baseline(content)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ValueError, match="nested"):
        decode_baseline('{"ftgate_baseline":' + "[" * 200_000)


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        *((name, True) for name in ("main", "v1.2-rc_3")),
        *((name, False) for name in ("latest", "", ".x", "a b", "-a", "x" * 101, "a\n")),
    ],
)
def test_names_of_baselines(text: str, is_good: bool) -> None:
    assert is_name(text) is is_good


def test_name_run_report_and_path_lead_to_the_same_baseline(tmp_path: Path) -> None:
    home, made = tmp_path / ".ftgate", build_baseline({"a": (1, 1)})
    run = RunFolder.create(home)
    write_baselines(run.path / "baseline", [made], CLEAN)
    run.write_json("report.json", {"ftgate": 1, "header": {"run": run.path.name}, "evalsets": []})
    run.mark_latest()
    (tmp_path / "elsewhere.json").write_text((run.path / "report.json").read_text())
    write_baselines(place_baseline("main", home, tmp_path), [made], CLEAN)
    for name in (
        "main",
        "latest",
        run.path.name,
        run.path.name[:8],
        f".ftgate/runs/{run.path.name}",
        "elsewhere.json",
    ):
        path = find_baseline(name, home, tmp_path)
        assert path is not None, name
        assert read_baselines(path) == {"t": made}
    for name in ("nothing", "./nothing", "nothing.json", "docs/"):
        assert find_baseline(name, home, tmp_path) is None
    (tmp_path / "foreign.json").write_text('{"ftgate": 1, "header": {"run": "20200101T000000.000Z-abcdef"}}')
    with pytest.raises(StorageError, match="Give the run's folder"):
        find_baseline("foreign.json", home, tmp_path)
    older = RunFolder.create(home)
    older.write_json("report.json", {"ftgate": 1})
    with pytest.raises(StorageError, match="kept no baseline/"):
        find_baseline(older.path.name, home, tmp_path)
