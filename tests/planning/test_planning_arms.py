"""What each arm asks: golden prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from planning_builders import (
    EXAMPLES,
    PROMPT,
    SCHEMA,
    make_arm,
    make_case,
    make_evalset,
    plan,
    said,
    trials_of,
)

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.evalset import GraderSpec

SYSTEM = ("system", "Answer refund or charge.")
QUESTION = ("user", "Text: where is my money")
SHOTS = [
    ("user", "Text: give it back"),
    ("assistant", "refund"),
    ("user", "Text: why was I billed"),
    ("assistant", "charge"),
    ("user", "Text: money returned when"),
    ("assistant", "refund"),
]


def test_as_is_asks_what_ships() -> None:
    assert said(plan(make_evalset()), "as_is") == [SYSTEM, QUESTION]


def test_an_arm_with_a_prompt_asks_that() -> None:
    arm = make_arm("rewritten", kind="prompt", prompt=({"role": "user", "content": "Q {{ input }}?"},))
    assert said(plan(make_evalset(arm)), "rewritten") == [("user", "Q where is my money?")]


def test_fixed_shots_stand_between_system_and_question_in_their_order() -> None:
    made = plan(make_evalset(make_arm("few_shot", examples=EXAMPLES)))
    assert said(made, "few_shot") == [SYSTEM, *SHOTS, QUESTION]
    assert said(plan(make_evalset(make_arm("few_shot", examples=EXAMPLES, k=1))), "few_shot") == [
        SYSTEM,
        *SHOTS[:2],
        QUESTION,
    ]


def test_random_shots_are_one_draw_per_arm_that_the_seed_decides() -> None:
    pool = [{"input": f"example {i}", "expected": "refund"} for i in range(40)]

    def draw(**options: Any) -> list[tuple[str, Any]]:
        made = plan(make_evalset(make_arm("few_shot", examples=pool, select="random", k=5, **options)))
        assert said(made, "few_shot", "c1")[:-1] == said(made, "few_shot", "c2")[:-1]
        return said(made, "few_shot")

    assert draw() == draw(seed=0)
    assert draw(seed=1) != draw(seed=2)
    assert draw() != [
        SYSTEM,
        *[pair for i in range(5) for pair in (("user", f"Text: example {i}"),)],
        QUESTION,
    ]


def test_nearest_shots_differ_by_case_and_the_nearest_stands_last() -> None:
    pool = [
        {"input": "green apples", "expected": "a"},
        {"input": "my money is gone", "expected": "b"},
        {"input": "a strange red bill came", "expected": "c"},
    ]
    made = plan(make_evalset(make_arm("few_shot", examples=pool, select="nearest", k=2)))
    assert said(made, "few_shot", "c1")[-3] == ("user", "Text: my money is gone")
    assert said(made, "few_shot", "c2")[-3] == ("user", "Text: a strange red bill came")


def test_shots_without_any_likeness_keep_the_pools_order() -> None:
    pool = [{"input": f"zz{i}", "expected": "a"} for i in range(4)]
    made = plan(make_evalset(make_arm("few_shot", examples=pool, select="nearest", k=2)))
    assert [text for _, text in said(made, "few_shot")[1:5:2]] == ["Text: zz1", "Text: zz0"]


def test_shots_with_objects_and_messages() -> None:
    examples = [
        {"input": {"a": 1}, "expected": {"total": 1.5, "ok": True}},
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]},
        {"messages": [{"role": "user", "content": "hi"}], "expected": "he"},
        {"input": "x", "expected": "y", "hint": "unused"},
    ]
    shots = said(plan(make_evalset(make_arm("few_shot", examples=examples))), "few_shot")[1:-1]
    assert shots == [
        ("user", 'Text: {"a": 1}'),
        ("assistant", '{"total": 1.5, "ok": true}'),
        ("user", "hi"),
        ("assistant", "ho"),
        ("user", "hi"),
        ("assistant", "he"),
        ("user", "Text: x"),
        ("assistant", "y"),
    ]


@pytest.mark.parametrize(
    "call",
    [
        {"name": "pay", "arguments": {"sum": 3}},
        {"name": "pay", "arguments": '{"sum": 3}'},
        {"function": {"name": "pay", "arguments": '{"sum": 3}'}},
        {"pay": {"sum": [3, 4], "note": ["a", ""]}},
    ],
)
@pytest.mark.parametrize("is_list", [True, False])
def test_expected_tool_calls_are_shown_as_calls_with_their_answers(call: Any, is_list: bool) -> None:
    expected = [call] if is_list else call
    evalset = make_evalset(
        make_arm("few_shot", examples=[{"input": "pay 3", "expected": expected}]),
        graders=[GraderSpec(name="tool-call")],
    )
    _, _, asked, answered, _ = trials_of(plan(evalset), "few_shot")[0].request.messages
    (shown,) = asked["tool_calls"]
    assert (shown["function"]["name"], json.loads(shown["function"]["arguments"])) == ("pay", {"sum": 3})
    assert asked["content"] is None
    assert (answered["role"], answered["tool_call_id"]) == ("tool", shown["id"])


def test_a_conversation_stands_in_place_of_the_question() -> None:
    talk = (
        {"role": "user", "content": "{{ a }}"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    )
    own = ({"role": "system", "content": "own"}, *talk)
    evalset = make_evalset(
        make_arm("few_shot", examples=EXAMPLES, k=1),
        cases=[make_case("c1", None, messages=talk), make_case("c2", None, "charge", messages=own)],
    )
    made = plan(evalset)
    shown = [("user", "{{ a }}"), ("assistant", "b"), ("user", "c")]
    assert said(made, "as_is") == [SYSTEM, *shown]
    assert said(made, "as_is", "c2") == [("system", "own"), *shown]
    assert said(made, "few_shot") == [SYSTEM, *SHOTS[:2], *shown]
    assert said(made, "few_shot", "c2") == [("system", "own"), *SHOTS[:2], *shown]


def test_a_shot_that_lacks_what_the_prompt_names_is_told() -> None:
    prompt = ({"role": "user", "content": "{{ tone }} {{ input }}"},)
    evalset = make_evalset(
        make_arm("few_shot", examples=EXAMPLES), prompt=prompt, cases=[make_case(vars={"tone": "x"})]
    )
    with pytest.raises(EvalsetError, match="example 1 does not fit the prompt: undefined name 'tone'"):
        plan(evalset)


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        ((), "needs `examples`"),
        (({"expected": "x"},), "example 1 has no `input`"),
        (({"input": "x"},), "example 1 has no `expected`"),
        (("x",), "example 1 must be a mapping"),
        (({"messages": [{"role": "user", "content": "q"}]},), "must end with the assistant"),
        (({"input": "  WHERE is my\nmoney", "expected": "x"},), "example 1 = case c1"),
        (({"input": "ｗｈｅｒｅ is my money", "expected": "x"},), "example 1 = case c1"),
    ],
)
def test_unusable_shots_are_refused(examples: Any, words: str) -> None:
    with pytest.raises(EvalsetError) as caught:
        plan(make_evalset(make_arm("few_shot", examples=examples)))
    assert words in str(caught.value)


def test_repair_is_the_same_trial_judged_tolerantly() -> None:
    made = plan(make_evalset(make_arm("repair")), repeats=2)
    for source, again in zip(trials_of(made, "as_is"), trials_of(made, "repair"), strict=True):
        assert (again.request, again.request_hash, again.draw) == (
            source.request,
            source.request_hash,
            source.draw,
        )
        assert (again.source_arm, again.tolerant, again.key.arm) == ("as_is", True, "repair")


def test_reask_asks_as_the_other_arm_and_may_follow_up() -> None:
    made = plan(
        make_evalset(make_arm("few_shot", examples=EXAMPLES), make_arm("reask", of="few_shot", max_turns=2))
    )
    assert said(made, "reask") == said(made, "few_shot")
    (first, _) = trials_of(made, "reask")
    assert (first.max_turns, first.source_arm, first.tolerant) == (2, None, False)


def test_reask_can_borrow_from_an_arm_that_does_not_run() -> None:
    evalset = make_evalset(make_arm("few_shot", examples=EXAMPLES), make_arm("reask", of="few_shot"))
    made = plan(evalset, arms=("reask",))
    assert said(made, "reask") == [SYSTEM, *SHOTS, QUESTION]
    assert not trials_of(made, "few_shot")


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (
            [make_arm("repair", of="few_shoot"), make_arm("few_shot", examples=EXAMPLES)],
            "Did you mean 'few_shot'",
        ),
        ([make_arm("repair", of="repair")], "names the arm itself"),
        ([make_arm("reask"), make_arm("repair", of="reask")], "itself borrows"),
        ([make_arm("repair", prompt=PROMPT)], "takes no `prompt`"),
        ([make_arm("reask", of="as_is", prompt=PROMPT)], "both `of` and `prompt`"),
        ([make_arm("other", kind="prompt")], "needs a `prompt`"),
    ],
)
def test_arms_that_cannot_be_built_are_refused(arms: list[Any], words: str) -> None:
    with pytest.raises(EvalsetError) as caught:
        plan(make_evalset(*arms))
    assert words in str(caught.value)


def test_structured_uses_the_json_graders_schema() -> None:
    graders = [GraderSpec(name="is-json", options={"schema": SCHEMA})]
    (trial, _) = trials_of(plan(make_evalset(make_arm("structured"), graders=graders)), "structured")
    assert trial.request.response_format == {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": SCHEMA, "strict": True},
    }
    assert trial.extract is None


def test_structured_turns_stated_labels_into_an_enum_that_graders_read() -> None:
    graders = [GraderSpec(name="label", options={"labels": ["refund", "charge"]})]
    (trial, _) = trials_of(plan(make_evalset(make_arm("structured"), graders=graders)), "structured")
    schema = trial.request.response_format["json_schema"]["schema"]
    assert schema["properties"] == {"label": {"type": "string", "enum": ["refund", "charge"]}}
    assert (schema["required"], schema["additionalProperties"]) == (["label"], False)
    assert trial.extract == "/label"


def test_structured_lets_a_choice_be_one_of_its_letters() -> None:
    graders = [GraderSpec(name="choice", options={"letters": "ABC"})]
    cases = [make_case(expected="A"), make_case("c2", "b", "B")]
    (trial, _) = trials_of(
        plan(make_evalset(make_arm("structured"), graders=graders, cases=cases)), "structured"
    )
    schema = trial.request.response_format["json_schema"]["schema"]
    assert schema["properties"]["label"]["enum"] == ["A", "B", "C"]


LABEL_SCHEMA = {"type": "object", "properties": {"a/b": {"enum": ["x"]}}}


@pytest.mark.parametrize(
    ("given", "graders", "wanted", "extract"),
    [
        ("json_object", ["label"], {"type": "json_object"}, None),
        ({"type": "json_object"}, ["is-json"], {"type": "json_object"}, None),
        (
            {"schema": LABEL_SCHEMA, "name": "a b!", "strict": False},
            ["label"],
            {"type": "json_schema", "json_schema": {"name": "a_b", "schema": LABEL_SCHEMA, "strict": False}},
            "/a~1b",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
            ["label"],
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
            None,
        ),
        (None, ["is-json"], {"type": "json_object"}, None),
    ],
)
def test_structured_formats(given: Any, graders: list[str], wanted: Any, extract: str | None) -> None:
    arm = make_arm("structured", **({"response_format": given} if given is not None else {}))
    made = plan(make_evalset(arm, graders=[GraderSpec(name=name) for name in graders]))
    (trial, _) = trials_of(made, "structured")
    assert (trial.request.response_format, trial.extract) == (wanted, extract)


def test_structured_without_any_schema_does_not_apply() -> None:
    made = plan(make_evalset(make_arm("structured")))
    (_, arm) = made.arms
    assert (arm.status, made.multiplicity) == ("skipped", 1)
    assert "no schema" in arm.reason


def test_an_unreadable_response_format_is_refused() -> None:
    with pytest.raises(EvalsetError, match="`response_format` must be"):
        plan(make_evalset(make_arm("structured", response_format={"shape": 1})))


def test_context_stands_before_the_question_where_the_prompt_does_not_name_it() -> None:
    cases = [make_case(context="Refunds take 3 days."), make_case("c2", "a strange bill", "charge")]
    made = plan(make_evalset(make_arm("context"), cases=cases))
    assert said(made, "context") == [
        SYSTEM,
        (
            "user",
            "Use this context to answer.\n\n<context>\nRefunds take 3 days.\n</context>\n\n"
            "Text: where is my money",
        ),
    ]
    assert said(made, "context", "c2") == said(made, "as_is", "c2")


def test_context_forms() -> None:
    cases = [make_case(context=["a", "b"])]
    own = ({"role": "user", "content": "{{ context }} :: {{ input }}"},)
    parts = ({"role": "user", "content": [{"type": "text", "text": "{{ input }}"}]},)
    evalset = make_evalset(
        make_arm("context", template="[{{ context }}] "),
        make_arm("own", kind="context", prompt=own),
        make_arm("parts", kind="context", prompt=parts, template="{{ context }}"),
        cases=cases,
    )
    made = plan(evalset)
    assert said(made, "context")[-1] == ("user", "[a\n\nb] Text: where is my money")
    assert said(made, "own") == [("user", "a\n\nb :: where is my money")]
    assert said(made, "parts") == [
        ("user", [{"type": "text", "text": "a\n\nb"}, {"type": "text", "text": "where is my money"}])
    ]


def test_context_does_not_apply_without_any_or_where_it_ships_already() -> None:
    shipping = ({"role": "user", "content": "{{ context }} {{ input }}"},)
    for evalset, words in (
        (make_evalset(make_arm("context")), "no case has context"),
        (make_evalset(make_arm("context"), prompt=shipping, cases=[make_case(context="x")]), "already has"),
    ):
        arm = plan(evalset).arms[1]
        assert (arm.status, arm.question) == ("skipped", 2)
        assert words in arm.reason


def test_a_question_1_arm_whose_prompt_adds_the_context_answers_question_2() -> None:
    arm = make_arm("v2", kind="prompt", prompt=({"role": "user", "content": "{{ context }} {{ input }}"},))
    assert plan(make_evalset(arm, cases=[make_case(context="x")])).arms[1].question == 2


@pytest.mark.parametrize("template", ["nothing", "{{ context }} {{ expected }}"])
def test_a_context_template_must_show_the_context_and_nothing_secret(template: str) -> None:
    with pytest.raises(EvalsetError, match="`template`"):
        plan(make_evalset(make_arm("context", template=template), cases=[make_case(context="x")]))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "o.md").write_text("outside")
    tmp_path = tmp_path / "project"
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "evals").mkdir()
    (tmp_path / "docs" / "refunds.md").write_text("# Refunds\n\nA refund of money takes 3 days.")
    (tmp_path / "docs" / "deep" / "bills.html").write_text(
        "<title>Bills</title><script>strange bill</script><p>A strange bill &amp; its story</p>"
    )
    (tmp_path / "docs" / "picture.png").write_bytes(b"\x89PNG")
    return tmp_path


def test_retrieval_finds_the_documents_and_names_their_source(project: Path) -> None:
    made = plan(make_evalset(make_arm("retrieval", docs="../docs/**/*", k=1)), rootdir=str(project))
    content = said(made, "retrieval")[-1][1]
    assert "[docs/refunds.md]\n# Refunds\n\nA refund of money takes 3 days." in content
    assert content.endswith("Text: where is my money")
    bills = said(made, "retrieval", "c2")[-1][1]
    assert "[docs/deep/bills.html]" in bills
    assert "A strange bill & its story" in bills
    assert "<script>" not in bills
    assert made.knowledge_tokens == made.retrievals[0].tokens == 24


def test_retrieval_sees_changed_documents(project: Path) -> None:
    evalset = make_evalset(make_arm("retrieval", docs=["../docs/*.md"]))
    plan(evalset, rootdir=str(project))
    (project / "docs" / "refunds.md").write_text("Money comes back in 5 days now.")
    assert "5 days now" in said(plan(evalset, rootdir=str(project)), "retrieval")[-1][1]


@pytest.mark.parametrize(
    ("docs", "words"),
    [("nothing/*.md", "matches no"), ("/etc/*.txt", "no relative glob"), ("../../elsewhere/*.md", "outside")],
)
def test_retrieval_refuses_documents_it_cannot_use(project: Path, docs: str, words: str) -> None:
    evalset = make_evalset(make_arm("retrieval", docs=docs))
    with pytest.raises(EvalsetError) as caught:
        plan(evalset, rootdir=str(project))
    assert words in str(caught.value)
    assert str(caught.value).count("arm 'retrieval'") == 1
    if words == "outside":
        assert plan(evalset, rootdir=str(project), allow_outside_files=True).arms[1].status == "run"


@pytest.mark.parametrize("arm", ["as_is", "few_shot", "context", "structured", "reask", "repair", "v2"])
def test_no_arm_shows_the_expected_output(arm: str) -> None:
    secret = "the-gold-answer-7351"
    evalset = make_evalset(
        make_arm("few_shot", examples=EXAMPLES),
        make_arm("context"),
        make_arm("structured", response_format="json_object"),
        make_arm("reask"),
        make_arm("repair"),
        make_arm(
            "v2", kind="prompt", prompt=({"role": "user", "content": "{{ input }} {{ vars }} {{ tags }}"},)
        ),
        cases=[make_case(expected=secret, context="fact", tags=("t",), vars={"a": 1})],
    )
    (trial,) = trials_of(plan(evalset), arm)
    assert secret not in repr(trial.request)


def test_expected_in_a_prompt_is_refused() -> None:
    with pytest.raises(EvalsetError, match="a prompt never sees it"):
        plan(make_evalset(prompt=({"role": "user", "content": "{{ expected }}"},)))
