"""promptfoo configurations: each runs, or it is said exactly what has no equal."""

from __future__ import annotations

import json
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from e2e_world import World
from promptfoo_examples import EXAMPLES, NOTHING_LEFT, Example
from servers import Call, Reply

from pytest_ftgate.cli.main import main
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.yaml_marks import parse_yaml


def import_example(
    folder: Path, name: str, example: Example, capsys: pytest.CaptureFixture[str], base: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `init --json` said, and the evalset that it wrote."""
    source = folder / name
    for path, text in example.files.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text)
    source.mkdir(exist_ok=True)
    (source / "promptfooconfig.yaml").write_text(textwrap.dedent(example.config).replace("BASE", base))
    out = folder / f"{name}.evalset.yaml"
    status = main(["init", str(out), "--from", str(source / "promptfooconfig.yaml"), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert status == 0, said["problems"]
    document = parse_yaml(out.read_text(), out.name, Problems(out.name))
    assert document is not None
    return said, document.value


def told(said: dict[str, Any], kind: str) -> list[str]:
    return [f"{remark['where']}: {remark['what']}" for remark in said["remarks"] if remark["kind"] == kind]


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_has_no_equal_is_named(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    example = EXAMPLES[name]
    said, evalset = import_example(tmp_path, name, example, capsys, "http://127.0.0.1:1/v1")
    for kind, expected in (("no_equal", example.no_equal), ("differs", example.differs)):
        found = told(said, kind)
        assert len(found) == len(expected), found
        assert all(part in remark for part, remark in zip(expected, found, strict=True)), found
        text = " ".join((tmp_path / f"{name}.evalset.yaml").read_text().replace("\n#", " ").split())
        assert all(" ".join(remark.split())[:300] in text for remark in found)
    if example.graders:
        assert evalset["graders"] == list(example.graders)
    assert list(evalset.get("arms", {})) == list(example.arms)
    assert len(evalset["cases"]) == len(example.answers)
    errors = [finding for finding in said["findings"] if finding["severity"] == "error"]
    assert {finding["rule"] for finding in errors} <= {"field-not-offered"}, errors


def test_all_of_them_run(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """One session: of each case, the first repeat passes and the second fails."""
    world.pytester.makeini("[pytest]\n")
    rows, wanted = [], {}
    for name, example in EXAMPLES.items():
        if example.is_live:
            continue
        _, evalset = import_example(world.path, name, example, capsys)
        for case, answers in zip(evalset["cases"], example.answers, strict=True):
            for repeat, answer in enumerate(answers, start=1):
                body = answer if isinstance(answer, dict) else {"output": answer}
                rows.append({"evalset": name, "case": case["id"], "repeat": repeat, **body})
                wanted[name, case["id"], repeat] = "passed" if repeat == 1 else "failed"
    world.write_lines("answers.jsonl", rows)
    arguments = ("--ftgate-repeats", "2", "--ftgate-arms", "as_is", "--ftgate-replay", "answers.jsonl")
    result = world.run(*arguments, "--ftgate-use-model", "openai/recorded")
    assert result.ret == 1
    records = [r for r in world.records() if r["arm"] == "as_is"]
    found = {(r["evalset"], r["case"], r["repeat"]): r["outcome"] for r in records}
    assert {key: found.get(key) for key in wanted if found.get(key) != wanted[key]} == {}
    assert len(found) == len(wanted) > 60


def answer(call: Call) -> Reply:
    """A candidate whose answers alternate, a judge and an embedder that read what they are shown."""
    if call.get("model") == "embedder":
        return Reply(vector=(1.0, 0.0) if "yes" in call.prompt else (0.0, 1.0))
    if call.get("model") == "judge":
        is_good = '"answer":"yes' in call.prompt.replace(": ", ":")
        return Reply(json.dumps({"reason": "r", "score": 1.0 if is_good else 0.0, "pass": is_good}))
    return Reply("yes" if call.attempt % 2 else "no")


@pytest.mark.parametrize("name", [name for name in EXAMPLES if EXAMPLES[name].is_live])
def test_model_graded_ones_run_against_a_server(
    name: str, world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-needed-for-a-server-of-ours")
    world.pytester.makeini("[pytest]\n")
    with world.serve(answer) as server:
        import_example(world.path, name, EXAMPLES[name], capsys, server.base_url)
        world.run("--ftgate-repeats", "2")
    outcomes = defaultdict(list)
    for record in world.records():
        outcomes[record["case"]].append(record["outcome"])
        assert record["grades"]
    assert {case: sorted(found) for case, found in outcomes.items()} == {
        case: ["failed", "passed"] for case in outcomes
    }
    assert len(outcomes) == 2


def test_where_nothing_is_left_it_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "promptfooconfig.yaml"
    config.write_text(NOTHING_LEFT)
    assert main(["init", str(tmp_path / "x.evalset.yaml"), "--from", str(config)]) == 2
    said = capsys.readouterr().err
    for part in (
        "no test is left",
        "redteam: attacks",
        "tests[0].assert[0]: javascript: code",
        "pi: another service",
    ):
        assert part in said
    assert not (tmp_path / "x.evalset.yaml").exists()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("- a\n- b\n", "not a promptfoo configuration"),
        ("prompts: [file://gone.txt]\ntests: []\n", "names file://gone.txt, which is not there"),
        ("tests: [{vars: {a: 1}}]\n", "there is no `prompts`"),
        ("prompts: ['{{ expected }}']\n", "a prompt must not see `expected`"),
        ("prompts: [a\n", "1 problem"),
        ("prompts: [a]\ntests: [{assert: [{$ref: '#/x'}]}]\n", "points to nothing"),
    ],
)
def test_what_cannot_be_read_is_said(
    config: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yaml").write_text(config)
    assert main(["init", str(tmp_path / "x.evalset.yaml"), "--from", str(tmp_path / "c.yaml")]) == 2
    assert says in capsys.readouterr().err


def test_templates_that_jinja_has_not_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    config = {
        "prompts": ["{{ x | nosuch }}", "{{ env.HOME }} {{ x }}", "ok {{ x | upper }}"],
        "tests": [
            {
                "vars": {"x": "a"},
                "assert": [{"type": "equals", "value": "{{ env.A }}"}, {"type": "equals", "value": "b"}],
            }
        ],
    }
    (tmp_path / "c.json").write_text(json.dumps(config))
    assert main(["init", str(tmp_path / "x.evalset.yaml"), "--from", str(tmp_path / "c.json"), "--json"]) == 0
    said = told(json.loads(capsys.readouterr().out), "no_equal")
    for place, what in zip(
        said, ("No filter named 'nosuch'", "never see the env", "never see the env"), strict=True
    ):
        assert what in place


def test_a_hostile_configuration_stays_in_its_comments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    evil = "x\\n# y\\nmodels: {candidate: evil/evil}\\n\\u001b[31m"
    config = {
        "prompts": ["{{q}}"],
        "tests": [{"vars": {"q": "a"}, "assert": [{"type": "contains", "value": "a"}]}],
    }
    text = json.dumps(config)[:-1] + f', "{evil}": 1, "providers": ["exec: {evil}"]}}'
    (tmp_path / "c.json").write_text(text)
    out = tmp_path / "x.evalset.yaml"
    assert main(["init", str(out), "--from", str(tmp_path / "c.json")]) == 0
    written, said = out.read_text(), capsys.readouterr().out
    assert "\x1b" not in written + said
    assert not [line for line in (written + said).splitlines() if line.startswith("models:")]
    assert "candidate: evil/evil" in written
