"""Bad evalsets: every problem in one message, each with its place and what to do."""
# ruff: noqa: E501 (tables: one row a line)

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.evalset import Evalset

Load = Callable[..., Evalset]
Problems = Callable[..., list[str]]

HEAD = 'prompt: "{{ input }}"\n'
REST = "graders: [equals]\ncases: [{input: a}]\n"

TABLE = [
    # (text, problems)
    ("", ["1: /: the file is empty; the shortest evalset is `prompt: \"{{ input }}\"`, `graders: [equals]` and `cases: "
          "[{input: …, expected: …}]`"]),
    ("- a", ["1: /: an evalset is a mapping, got a list of 1; the shortest"]),
    ("just text", ['1: /: an evalset is a mapping, got "just text" (a string); the shortest']),
    (HEAD + "graders: [equals]", ["1: /cases: no cases; the shortest"]),
    (HEAD + "graders: [equals]\ncases:", ["3: /cases: no cases; the shortest"]),
    (HEAD + "graders: [equals]\ncases: []", ["3: /cases: no cases; the shortest"]),
    (HEAD + "graders: [equals]\ncases: x", ['3: /cases: must be a list of cases, got "x" (a string)']),
    (REST, ["1: /: `prompt` is missing; only cases with `messages` of their own need none (1 of 1 have none, the first"]),
    (HEAD + "cases: [{input: a}]", ["1: /graders: `graders` is missing; only cases with `graders` of their own need none"]),
    (HEAD + REST + "promt: x", ["4: /promt: unknown key 'promt'. Did you mean 'prompt'? Known: arms, bar, cases, decision"]),
    (HEAD + REST + "bar: 80", ["4: /bar: must be less than 1, got 80"]),
    (HEAD + REST + "bar: high", ['4: /bar: must be a number, got "high" (a string)']),
    (HEAD + REST + "repeats: 0", ["4: /repeats: must be at least 1, got 0"]),
    (HEAD + REST + "repeats: 101", ["4: /repeats: must be at most 100, got 101"]),
    (HEAD + REST + "repeats: true", ["4: /repeats: must be a whole number, got true (a boolean)"]),
    (HEAD + REST + "ftgate: 2", ["4: /ftgate: must be 1, got 2 (a number)"]),
    (HEAD + REST + "name: ''", ["4: /name: "]),
    (HEAD + REST + "models: {candidat: x}", ["4: /models/candidat: unknown key 'candidat'. Did you mean 'candidate'?"]),
    (HEAD + REST + "models: {candidate: 3}", ["4: /models/candidate: must be a string or a mapping, got 3 (a number)"]),
    (HEAD + REST + "models: {candidate: {params: {}}}", ["4: /models/candidate: `model` is missing"]),
    (HEAD + REST + "models:\n  candidate:\n    model: x\n    price: {input_usd_per_m: -1, output_usd_per_m: 1}",
     ["7: /models/candidate/price/input_usd_per_m: must be at least 0, got -1"]),
    (HEAD + REST + "decision: {min_cases: 20, alhpa: 1}",
     ["4: /decision/alhpa: unknown key 'alhpa'. Did you mean 'alpha'?", "4: /decision/min_cases: must be at least 50, got 20"]),
    (HEAD + REST + "decision: on", ['4: /decision: must be "off", false or a mapping, got "on" (a string)']),
    (HEAD + REST + "decision: {knowledge: nonne}", ['4: /decision/knowledge: must be "none" or a mapping, got "nonne"']),
    (HEAD + REST + "decision: {waive: {few_sht: x}}", ["4: /decision/waive/few_sht: unknown arm 'few_sht'. Did you mean 'few_shot'?"]),
    (HEAD + REST + "decision: {waive: {few_shot: ' '}}", ["4: /decision/waive/few_shot: must not be blank"]),
    (HEAD + REST + "economics: {fine_tune: {method: loar}}",
     ['4: /economics/fine_tune/method: must be "lora", "qlora" or "full", got "loar" (a string). Did you mean \'lora\'?']),
    # graders
    (HEAD + "graders: equals\ncases: [{input: a}]", ['2: /graders: must be a list of graders (`- equals`), got "equals"']),
    (HEAD + "graders: [equal]\ncases: [{input: a}]", ["2: /graders/0: unknown grader 'equal'. Did you mean 'equals'? Known: contains"]),
    (HEAD + "graders: [not-equal]\ncases: [{input: a}]", ["2: /graders/0: unknown grader 'equal'. Did you mean 'equals'?"]),
    (HEAD + "graders: [3]\ncases: [{input: a}]", ["2: /graders/0: must be a grader: `name`, `name: VALUE`"]),
    (HEAD + "graders:\n- is-json: {}\n  schema: x\ncases: [{input: a}]",
     ["3: /graders/0: one list item holds one grader, found `is-json`, `schema`; indent its options, or start a new item"]),
    (HEAD + "graders: [is-json: true]\ncases: [{input: a}]", ["2: /graders/0/is-json: `is-json` takes no value, got true (a boolean); write `- is-json`"]),
    (HEAD + "graders: [contains: 3]\ncases: [{input: a}]", ["2: /graders/0/contains: must be a string, got 3 (a number)"]),
    (HEAD + "graders:\n- json-fields:\n    numeric_tolerence: 1\ncases: [{input: a}]",
     ["4: /graders/0/json-fields/numeric_tolerence: unknown option of json-fields 'numeric_tolerence'. Did you mean "
      "'numeric_tolerance'? Known: ignore, numeric_tolerance, schema, transform."]),
    (HEAD + "graders: [json-fields: {ignore: [1]}]\ncases: [{input: a}]", ["2: /graders/0/json-fields/ignore/0: must be a string, got 1"]),
    (HEAD + "graders: [contains: '{{ input']\ncases: [{input: a}]", ["2: /graders/0/contains: not a valid template: "]),
    (HEAD + "graders: [python]\ncases: [{input: a}]", ["2: /graders/0: `python` needs the name of a registered function"]),
    (HEAD + "graders: [python: my.mod.f]\ncases: [{input: a}]", ["2: /graders/0/python: 'my.mod.f' is a path: YAML names registered "
      "functions only, it never imports; register it in conftest.py: `def pytest_ftgate_register_graders("]),
    (HEAD + "graders: [python: is_polit]\ncases: [{input: a}]", ["2: /graders/0/python: unknown python function 'is_polit'. Did you mean 'is_polite'?"]),
    (HEAD + "graders: [python: {value: is_polite, transform: a:b}]\ncases: [{input: a}]", ["2: /graders/0/python/transform: 'a:b' is a path"]),
    (HEAD + "graders: [is-json: {transform: [strip, lower]}]\ncases: [{input: a}]",
     ["2: /graders/0/is-json/transform/1: 'lower' is a built-in transform and a registered python function as well; "
      "register the function under another name"]),
    # schemas
    (HEAD + "graders: [is-json: {schema: nope.json}]\ncases: [{input: a}]",
     ['2: /graders/0/is-json/schema: there is no file "nope.json" (paths are relative to the evalset)']),
    (HEAD + "graders: [is-json: {schema: {type: strng}}]\ncases: [{input: a}]", ["2: /graders/0/is-json/schema/type: not a usable JSON Schema: must be "]),
    (HEAD + "graders: [is-json: {schema: {required: x}}]\ncases: [{input: a}]", ["2: /graders/0/is-json/schema/required: not a usable JSON Schema: must be a list"]),
    (HEAD + "graders: [is-json: {schema: {$ref: 'https://x.org/s.json'}}]\ncases: [{input: a}]",
     ["2: /graders/0/is-json/schema/$ref: not a usable JSON Schema: the reference \"https://x.org/s.json\" leaves this file"]),
    (HEAD + "graders: [is-json: {schema: {$ref: '#/$defs/x'}}]\ncases: [{input: a}]",
     ["2: /graders/0/is-json/schema/$ref: not a usable JSON Schema: the reference `#/$defs/x` leads nowhere"]),
    (HEAD + "graders: [is-json: {schema: {$schema: 'http://x'}}]\ncases: [{input: a}]",
     ['2: /graders/0/is-json/schema/$schema: not a usable JSON Schema: unknown dialect "http://x"; known: https://json']),
    (HEAD + "graders: [is-json: {schema: {pattern: '('}}]\ncases: [{input: a}]", ["2: /graders/0/is-json/schema/pattern: not a usable"]),
    (HEAD + "graders: [is-json: {schema: 3}]\ncases: [{input: a}]", ["2: /graders/0/is-json/schema: must be a JSON Schema (a mapping, or the path"]),
    # prompts
    ("prompt: ' '\n" + REST, ["1: /prompt: must not be blank"]),
    ("prompt: 3\n" + REST, ["1: /prompt: must be a text, a list of messages ({role, content}), or {file: PATH}, got 3"]),
    ("prompt: []\n" + REST, ["1: /prompt: must not be empty"]),
    ("prompt: {role: user, content: x}\n" + REST, ["1: /prompt: one message must stand in a list"]),
    ("prompt: [{rol: user, content: x}]\n" + REST, ["1: /prompt/0: `role` is missing: system, user, assistant or tool"]),
    ("prompt: [{role: usr, content: x}]\n" + REST, ["1: /prompt/0/role: must be \"system\", \"developer\", \"user\","]),
    ("prompt: [{role: user}]\n" + REST, ["1: /prompt/0/content: `content` is missing: the text of the message"]),
    ("prompt: [{role: user, content: 3}]\n" + REST, ["1: /prompt/0/content: must be a text or a list of content parts, got 3"]),
    ("prompt:\n- role: user\n  content: 'Is it {{ expected }}?'\n" + REST, ["3: /prompt/0/content: a prompt must not see `expected`"]),
    ("prompt: [{role: user, content: [{type: text, text: '{{ expected }}'}]}]\n" + REST, ["1: /prompt/0/content/0/text: a prompt must not see"]),
    ("prompt: '{% if expected %}x{% endif %}'\n" + REST, ["1: /prompt: a prompt must not see `expected`"]),
    ("prompt: |\n  a\n  {% if x %}\n" + REST, ["1: /prompt: line 2 of the template: not a valid template: "]),
    ("prompt: '{% include \"x\" %}'\n" + REST, ["1: /prompt: a template cannot include, import or extend another one"]),
    ("prompt: {file: nope.md}\n" + REST, ['1: /prompt/file: there is no file "nope.md"']),
    ("prompt: {file: p.md, x: 1}\n" + REST, ["1: /prompt/x: unknown key 'x'. Known: file.", "1: /prompt/file: there is no"]),
    # arms
    (HEAD + REST + "arms: [few_shot]", ["4: /arms: must be a mapping of arms"]),
    (HEAD + REST + "arms: {as_is: {}}", ["4: /arms/as_is: `as_is` is always there"]),
    (HEAD + REST + "arms: {gate: {prompt: x}}", ["4: /arms/gate: `gate` cannot name an arm"]),
    (HEAD + REST + "arms: {a b: {prompt: x}}", ["4: /arms/a b: an arm's name is made of letters, digits, `_`, `.` and `-`, got \"a b\""]),
    (HEAD + REST + "arms: {few_shto: {k: 2}}", ["4: /arms/few_shto: unknown arm 'few_shto'. Did you mean 'few_shot'?"]),
    (HEAD + REST + "arms: {x: {kind: few_shto}}", ["4: /arms/x/kind: unknown kind of arm 'few_shto'. Did you mean 'few_shot'?"]),
    (HEAD + REST + "arms: {x: {kind: as_is}}", ["4: /arms/x/kind: unknown kind of arm 'as_is'."]),
    (HEAD + REST + "arms: {x: {kind: prompt}}", ["4: /arms/x: an arm of kind `prompt` needs a `prompt`"]),
    (HEAD + REST + "arms: {x: {prompt: a, temperature: 1}}", ["4: /arms/x/temperature: unknown option of prompt 'temperature'."]),
    (HEAD + REST + "arms: {repair: 3}", ["4: /arms/repair: must be a mapping of options, or empty ({}), got 3"]),
    (HEAD + REST + "arms: {few_shot: {k: 0, exampels: []}}",
     ["4: /arms/few_shot/k: must be at least 1, got 0", "4: /arms/few_shot/exampels: unknown option of few_shot 'exampels'. Did you mean 'examples'?"]),
    (HEAD + REST + "arms: {few_shot: {examples: []}}", ["4: /arms/few_shot/examples: must not be empty"]),
    (HEAD + REST + "arms: {few_shot: {examples: [{input: x}]}}", ["4: /arms/few_shot/examples/0: a few-shot example needs `expected`"]),
    (HEAD + REST + "arms: {few_shot: {examples: [{input: x, expected: y, must_pass: true}]}}", ["4: /arms/few_shot/examples/0/must_pass: `must_pass` has no"]),
    (HEAD + REST + "arms: {few_shot: {examples: {file: nope.jsonl}}}", ["4: /arms/few_shot/examples/file: there is no file"]),
    (HEAD + REST + "arms: {context: {template: '{{ expected }}'}}", ["4: /arms/context/template: a prompt must not see `expected`"]),
    # gates
    (HEAD + REST + "gates: {acuracy: {}}", ["4: /gates/acuracy: unknown gate 'acuracy'. Did you mean 'accuracy'?"]),
    (HEAD + REST + "gates: {accuracy: {min: 0.7}}", ["4: /gates/accuracy/min: must be the bar (0.8), got 0.7; the bar is set once, by `bar:`"]),
    (HEAD + REST + "gates: {accuracy: 0.8}", ["4: /gates/accuracy: must be a mapping of options, or off, got 0.8 (a number)"]),
    (HEAD + REST + "gates: {complete: off}", ["4: /gates/complete: `complete` cannot be switched off"]),
    (HEAD + REST + "gates: {latency: {p95: 1}}", ["4: /gates/latency/p95: unknown option of latency 'p95'. Did you mean 'p95_s'? Known: arm, evidence, p95_s, role."]),
    (HEAD + REST + "gates: {latency: {p95_s: 1, arm: few_shot}}", ["4: /gates/latency/arm: unknown arm 'few_shot'. Known: as_is."]),
    (HEAD + REST + "gates: {latency: {p95_s: 1, role: student}}", ["4: /gates/latency/role: must be \"candidate\", \"base\","]),
    (HEAD + REST + "gates: {latency: {p95_s: 1, evidence: prove}}", ["4: /gates/latency/evidence: must be \"estimate\", \"prove-pass\""]),
    # cases
    (HEAD + "graders: [equals]\ncases: [x]", ['3: /cases/0: must be a case (a mapping with `input`), got "x" (a string)']),
    (HEAD + "graders: [equals]\ncases: [{expected: a}]", ["3: /cases/0: a case needs `input`, `messages` or `vars`"]),
    (HEAD + "graders: [equals]\ncases: [{inptu: a}]", ["3: /cases/0/inptu: unknown key 'inptu'. Did you mean 'input'?"]),
    (HEAD + "graders: [equals]\ncases: [{id: a/b, input: x}]", ["3: /cases/0/id: an id is made of letters, digits, `_`, `.` and `-`, got \"a/b\""]),
    (HEAD + "graders: [equals]\ncases:\n- {id: a, input: x}\n- {id: a, input: y}", ["5: /cases/1/id: duplicate id 'a' (first at evals/x.evalset.yaml:4)"]),
    (HEAD + "graders: [equals]\ncases: [{input: x, tags: eu}]", ['3: /cases/0/tags: must be a list of tags, got "eu"']),
    (HEAD + "graders: [equals]\ncases: [{input: x, tags: [1]}]", ["3: /cases/0/tags/0: must be a tag (a string), got 1"]),
    (HEAD + "graders: [equals]\ncases: [{input: x, vars: {expected: 1}}]", ["3: /cases/0/vars/expected: `expected` cannot be the name of a var"]),
    (HEAD + "graders: [equals]\ncases: [{input: x, must_pass: most}]", ['3: /cases/0/must_pass: must be true, false or "majority", got "most"']),
    (HEAD + "graders: [equals]\ncases: [{input: x, split: test}]", ['3: /cases/0/split: must be "dev" or "holdout", got "test"']),
    (HEAD + "graders: [equals]\ncases: [{input: x, tools: [{name: f}]}]", ["3: /cases/0/tools/0: must be a tool ({type: function"]),
    (HEAD + "graders: [equals]\ncases: [{input: x, group: []}]", ["3: /cases/0/group: must be the name of a group, got [] (a list)"]),
    (HEAD + "graders: [equals]\ncases: [{input: x, graders: [equal]}]", ["3: /cases/0/graders/0: unknown grader 'equal'."]),
    (HEAD + "graders: [equals]\ncases: [{file: c.xml}]", ['3: /cases/0/file: there is no file "c.xml"']),
    (HEAD + "graders: [equals]\ncases: [{file: .}]", ['3: /cases/0/file: "." is a folder, not a file']),
    (HEAD + "graders: [equals]\ncases: [{file: 3}]", ["3: /cases/0/file: must be the path of a file, got 3"]),
    (HEAD + 'graders: [equals]\ncases: [{file: "a\\0b.jsonl"}]', ["3: /cases/0/file: not a usable path: \"a\\u0000b.jsonl\""]),
    (HEAD + f"graders: [equals]\ncases: [{{file: {'a' * 5000}.jsonl}}]", ["3: /cases/0/file: cannot read"]),
    (HEAD + "graders: [equals]\ncases: [{file: ../../c.jsonl}]", ["3: /cases/0/file: \"../../c.jsonl\" lies outside the rootdir"]),
    (HEAD + "graders: [equals]\ncases: [{file: /etc/passwd}]", ["3: /cases/0/file: \"/etc/passwd\" lies outside the rootdir"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_problem(problems: Problems, text: str, expected: list[str]) -> None:
    found = problems(text)
    assert len(found) == len(expected), found
    for sentence, start in zip(sorted(found), sorted(expected), strict=True):
        assert sentence.startswith(start)


def test_all_problems_at_once_by_line(problems: Problems, write: Any) -> None:
    write("evals/c.jsonl", "oops\n")
    found = problems(
        "cases:\n- {file: c.jsonl}\n- {input: x, split: d}\nbar: 3\ngraders: [equal]\n"
        "prompt: '{{ expected }}'\nbar: 4\narms: {gate: {prompt: x}}\n"
    )
    assert [line.split(":")[0] for line in found] == ["3", "4", "5", "6", "7", "8", "evals/c.jsonl"]


def test_the_message_names_the_file_and_counts(load: Load) -> None:
    with pytest.raises(EvalsetError) as caught:
        load(HEAD + REST + "bar: 3\nrepeats: x\n")
    assert str(caught.value).splitlines() == [
        "evals/x.evalset.yaml: 2 problems",
        "evals/x.evalset.yaml:4: /bar: must be less than 1, got 3",
        'evals/x.evalset.yaml:5: /repeats: must be a whole number, got "x" (a string)',
    ]


SECRETS = [
    "api_key: sk-verysecretkey1234567890", "apiKey: verysecret", "extra_headers: {Authorization: verysecret}",
    "extra_headers: {x-api-key: verysecret}", "aws_secret_access_key: verysecret", "azure_ad_token: verysecret",
    "extra_body: {list: [{password: verysecret}]}", "user: sk-verysecretkey1234567890",
    "api_base: 'https://me:verysecret@host/v1'", "extra_headers: {X-Auth: 'Bearer verysecret'}", "api_key: null",
]  # fmt: skip


@pytest.mark.parametrize("params", SECRETS)
def test_secrets_are_refused_and_never_shown(problems: Problems, params: str) -> None:
    (found,) = problems(HEAD + REST + f"models: {{candidate: {{model: x, params: {{{params}}}}}}}")
    assert found.startswith("4: /models/candidate/params/")
    assert "come from the environment only" in found
    assert "verysecret" not in found


def test_harmless_params_are_not_secrets(load: Load) -> None:
    params = "max_tokens: 4, prompt_cache_key: x, seed: 1, extra_body: {add_bos_token: true, key: 1}, api_base: 'http://h:1'"
    assert load(HEAD + REST + f"models: {{candidate: {{model: x, params: {{{params}}}}}}}").models


def test_not_utf8(problems: Problems) -> None:
    assert problems(b"prompt: x\nname: \xff\n") == [
        "2: /: not UTF-8 text (byte 0xff); save the file as UTF-8"
    ]


def test_utf16(problems: Problems) -> None:
    assert problems("prompt: x".encode("utf-16"))[0].startswith("1: /: not UTF-8 text")


def test_a_missing_evalset(tmp_path: Path, registries: Any) -> None:
    from pytest_ftgate.loading.evalset_file import load_evalset

    with pytest.raises(EvalsetError, match=r"n\.evalset\.yaml: /: there is no file"):
        load_evalset(tmp_path / "n.evalset.yaml", tmp_path, registries)


def test_symlinks_out_of_the_rootdir_are_refused(
    problems: Problems, tmp_path: Path, tmp_path_factory: Any
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "c.jsonl"
    outside.write_text('{"input": "a"}\n')
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals/c.jsonl").symlink_to(outside)
    (tmp_path / "evals/d.jsonl").symlink_to("d.jsonl")
    found = problems(HEAD + "graders: [equals]\ncases:\n- {file: c.jsonl}\n- {file: d.jsonl}")
    assert found[0].startswith('4: /cases/0/file: "c.jsonl" lies outside the rootdir')
    assert found[1].startswith("5: /cases/1/file: cannot read")


def test_a_pipe_is_not_waited_for(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    os.mkfifo(tmp_path / "evals/c.jsonl")
    found = problems(HEAD + "graders: [equals]\ncases: [{file: c.jsonl}]")
    assert found == ['3: /cases/0/file: "c.jsonl" is not a regular file']


def test_large_files_are_refused(problems: Problems, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_ftgate.loading.files.MAX_FILE_BYTES", 1 << 20)
    write("evals/c.jsonl", " " * ((1 << 20) + 1))
    found = problems(HEAD + "graders: [equals]\ncases: [{file: c.jsonl}]")
    assert found == ['3: /cases/0/file: "c.jsonl" is too large: 1 MiB (at most 1 MiB); split it']


def test_problems_inside_a_named_file_are_told_there(problems: Problems, write: Any) -> None:
    write("evals/s.json", '{\n "type": \n}')
    write("evals/p.md", "a\nb {{ expected }}\n")
    write("evals/s.yaml", "type: object\nproperties:\n  a: {type: txt}\n")
    found = problems(
        "prompt: {file: p.md}\ngraders: [{is-json: {schema: s.json}}, {is-json: {schema: s.yaml}}]\ncases: [{input: a}]"
    )
    assert [sentence.split(": ")[:2] for sentence in found] == [
        ["evals/p.md:2", "/"],
        ["evals/s.json:3", "/"],
        ["evals/s.yaml:3", "/properties/a/type"],
    ]


def test_hostile_names_are_cut_and_escaped(problems: Problems) -> None:
    (found,) = problems(HEAD + REST + '"\\e[31m' + "x" * 10_000 + '": 1\n')
    what = found.partition(": unknown key")[2]
    assert "\x1b" not in what
    assert len(what) < 400
