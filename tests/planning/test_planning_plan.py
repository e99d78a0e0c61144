"""The plan as a whole: what runs, in which order, by whom, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning_builders import (
    EXAMPLES,
    make_arm,
    make_case,
    make_evalset,
    make_registries,
    make_settings,
    plan,
    trials_of,
)

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.evalset import ArmSpec, Case, GateSpec, GraderSpec, Location, ModelSpec, Price
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.planning.plan import build_plan


def shown(evalset: Any, **settings: Any) -> list[tuple[str, str]]:
    return [(arm.name, arm.status) for arm in plan(evalset, **settings).arms]


def error_of(evalset: Any, **settings: Any) -> str:
    with pytest.raises(EvalsetError) as caught:
        plan(evalset, **settings)
    return str(caught.value)


def test_the_ladder_goes_from_cheap_to_dear_and_question_1_to_2() -> None:
    long = ({"role": "user", "content": "long " * 500 + "{{ input }}"},)
    evalset = make_evalset(
        make_arm("context"),
        make_arm("long", kind="prompt", prompt=long),
        make_arm("few_shot", examples=EXAMPLES),
        make_arm("mend", kind="repair", of="few_shot"),
        make_arm("reask"),
        make_arm("repair"),
        cases=[make_case(context="x")],
    )
    made = plan(evalset)
    names = [arm.name for arm in made.arms]
    assert names == ["as_is", "repair", "reask", "few_shot", "mend", "long", "context"]
    assert list(dict.fromkeys(item.arm for item in made.items)) == names
    assert made.multiplicity == 7
    assert [arm.question for arm in made.arms] == [1, 1, 1, 1, 1, 1, 2]


def test_repairing_a_question_2_arm_answers_question_2() -> None:
    evalset = make_evalset(
        make_arm("context"), make_arm("mend", kind="repair", of="context"), cases=[make_case(context="x")]
    )
    assert [(arm.name, arm.question) for arm in plan(evalset).arms] == [
        ("as_is", 1),
        ("context", 2),
        ("mend", 2),
    ]


def test_arms_left_out_by_the_user_are_not_run_and_not_counted() -> None:
    evalset = make_evalset(make_arm("few_shot", examples=EXAMPLES), make_arm("reask"), make_arm("context"))
    made = plan(evalset, arms=("few_shot",))
    assert [(arm.name, arm.status) for arm in made.arms] == [
        ("as_is", "run"),
        ("few_shot", "run"),
        ("reask", "not_run"),
        ("context", "skipped"),
    ]
    assert made.multiplicity == 2


def test_what_judges_an_arm_that_does_not_run_does_not_run_either() -> None:
    evalset = make_evalset(
        make_arm("few_shot", examples=EXAMPLES), make_arm("mend", kind="repair", of="few_shot")
    )
    made = plan(evalset, arms=("mend",))
    assert {arm.name: arm.status for arm in made.arms} == {
        "as_is": "run",
        "mend": "not_run",
        "few_shot": "not_run",
    }
    assert made.multiplicity == 1


def test_waived_arms_are_listed_with_their_reason_even_where_the_evalset_lacks_them() -> None:
    evalset = make_evalset(
        make_arm("few_shot", examples=EXAMPLES), waive={"few_shot": "too slow", "context": "no documents"}
    )
    made = plan(evalset)
    assert [(arm.name, arm.status, arm.reason) for arm in made.arms[1:]] == [
        ("few_shot", "waived", "too slow"),
        ("context", "waived", "no documents"),
    ]
    assert ("few_shot", "run") in shown(evalset, arms=("few_shot",))


@pytest.mark.parametrize(
    ("arms", "waive", "words"),
    [
        (
            ("as_is", "few_shoot"),
            {},
            "--ftgate-arms names no arm of this evalset: 'few_shoot'. Did you mean 'few_shot'",
        ),
        (None, {"contxt": "x"}, "unknown arm 'contxt'. Did you mean 'context'"),
        (None, {"as_is": "x"}, "cannot be waived"),
    ],
)
def test_names_of_arms_that_do_not_exist(arms: Any, waive: dict[str, str], words: str) -> None:
    assert words in error_of(make_evalset(make_arm("few_shot", examples=EXAMPLES), waive=waive), arms=arms)


def test_a_registered_arm_that_this_evalset_lacks_may_be_named() -> None:
    assert shown(make_evalset(), arms=("few_shot",)) == [("as_is", "run")]


def test_compared_roles_answer_as_is_only_and_serving_roles_nothing() -> None:
    models = {name: ModelSpec(model=f"v/{name}") for name in ("teacher", "judge", "embedder", "candidate")}
    made = plan(make_evalset(make_arm("reask"), models=models), models={"base": "v/base"})
    assert made.roles == ("candidate", "base", "teacher")
    assert {(item.arm, item.role) for item in made.items} == {
        ("as_is", "candidate"),
        ("as_is", "base"),
        ("as_is", "teacher"),
        ("reask", "candidate"),
    }
    assert trials_of(made, "as_is", "base")[0].request.model == "v/base"
    assert made.multiplicity == 2


def test_the_command_lines_model_wins_and_keeps_what_still_holds() -> None:
    stated = ModelSpec(
        model="local/a",
        params={"temperature": 0.5, "api_base": "http://127.0.0.1:1"},
        price=Price(input_usd_per_m=1, output_usd_per_m=2),
    )
    evalset = make_evalset(models={"candidate": stated})
    same_vendor = plan(evalset, models={"candidate": "local/b"}).evalset.models["candidate"]
    assert same_vendor == ModelSpec(model="local/b", params=stated.params)
    other_vendor = plan(evalset, models={"candidate": "openai/b"}).evalset.models["candidate"]
    assert other_vendor == ModelSpec(model="openai/b", params={"temperature": 0.5})
    assert plan(evalset, models={"candidate": "local/a"}).evalset.models["candidate"] == stated


def test_without_a_model_replay_still_works_and_all_else_is_told_how() -> None:
    evalset = make_evalset(models={})
    assert "--ftgate-use-model vendor/name" in error_of(evalset)
    made = plan(evalset, replay=("cassette.jsonl",))
    assert trials_of(made, "as_is")[0].request.model == "recorded"
    assert "Did you mean 'teacher'" in error_of(make_evalset(), models={"techer": "v/x"})


@pytest.mark.parametrize(("stated", "given", "used"), [(None, None, 5), (3, None, 3), (3, 2, 2)])
def test_repeats(stated: int | None, given: int | None, used: int) -> None:
    made = plan(make_evalset(repeats=stated), repeats=given)
    assert made.repeats == used
    assert [trial.key.repeat for trial in made.items[0].trials] == list(range(1, used + 1))


def test_repeats_of_an_item_share_one_request() -> None:
    trials = plan(make_evalset(), repeats=4).items[0].trials
    assert len({id(trial.request) for trial in trials}) == 1
    assert [trial.draw for trial in trials] == ["1", "2", "3", "4"]


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=12), st.integers(1, 3))
def test_no_two_trials_of_an_arm_are_the_same_draw_of_the_same_request(
    texts: list[str], repeats: int
) -> None:
    cases = [make_case(f"c{i}", text) for i, text in enumerate(texts)]
    made = plan(make_evalset(make_arm("few_shot", examples=EXAMPLES), cases=cases), repeats=repeats)
    for arm in ("as_is", "few_shot"):
        draws = [(trial.request_hash, trial.draw) for trial in trials_of(made, arm)]
        assert len(set(draws)) == len(draws) == len(texts) * repeats
    assert len({trial.key for item in made.items for trial in item.trials}) == 2 * len(texts) * repeats


def test_adding_a_case_behind_changes_no_other_cases_identity() -> None:
    cases = [make_case("c1", "same"), make_case("c2", "same"), make_case("c3", "other")]
    before = plan(make_evalset(cases=cases))
    after = plan(make_evalset(cases=[*cases, make_case("c4", "same")]))
    assert after.items[:3] == before.items


def test_knowledge_is_the_distinct_contexts() -> None:
    cases = [
        make_case("c1", context="one two three four"),
        make_case("c2", context="one two three four"),
        make_case("c3", context="hello world"),
    ]
    assert plan(make_evalset(cases=cases)).knowledge_tokens == 4 + 2
    assert plan(make_evalset()).knowledge_tokens is None


def test_the_settings_hash_moves_with_what_decides_and_with_nothing_else() -> None:
    base = make_evalset(make_arm("reask"))
    reference = plan(base).settings_hash
    assert plan(replace(base, cases=base.cases[:1], files=("x",))).settings_hash == reference
    changed = [
        replace(base, bar=0.9),
        replace(base, decision=replace(base.decision, alpha=0.01)),
        replace(base, gates=(GateSpec(name="accuracy", options={"min": 0.8}),)),
        make_evalset(make_arm("reask", max_turns=2)),
        make_evalset(),
    ]
    hashes = {reference, plan(base, repeats=3).settings_hash, plan(base, arms=("as_is",)).settings_hash}
    assert len(hashes | {plan(evalset).settings_hash for evalset in changed}) == 3 + len(changed)


def test_all_problems_are_told_at_once_and_a_shared_one_once() -> None:
    cases = [make_case(f"c{i}", vars={"tone": "x"} if i else {}) for i in range(9)]
    evalset = make_evalset(
        ArmSpec(
            name="v2",
            kind="prompt",
            prompt=({"role": "user", "content": "{{ oops }}"},),
            where=Location(file="evals/x.evalset.yaml", line=12, pointer="/arms/v2"),
        ),
        cases=cases,
        prompt=({"role": "system", "content": "hi"}, {"role": "user", "content": "{{ tone }} {{ input }}"}),
    )
    with pytest.raises(EvalsetError) as caught:
        plan(evalset)
    (first, second) = caught.value.problems
    assert str(first[0]) == "evals/x.evalset.yaml: /prompt/1/content"
    assert first[1].startswith("undefined name 'tone'.")
    assert first[1].endswith("(case c0)")
    assert str(second[0]) == "evals/x.evalset.yaml:12: /arms/v2"
    assert "Known:" in second[1]
    assert second[1].endswith("(case c0)") or "and 4 more)" in second[1]


def test_nothing_to_ask_is_a_problem() -> None:
    assert "there is nothing to ask" in error_of(make_evalset(prompt=()))


def test_a_tool_list_nested_too_deep_is_a_problem_of_its_case() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    message = error_of(make_evalset(cases=[make_case(), make_case("bad", tools=({"x": deep},))]))
    assert "nested too deep (case bad)" in message


def test_grader_values_are_rendered_and_may_see_expected() -> None:
    common = GraderSpec(name="contains", has_value=True, value="{{ expected }} by {{ vars.who }}")
    own = GraderSpec(
        name="json-fields",
        has_value=True,
        value={"sum": "{{ vars.sum }}", "note": "{{ input }}!"},
        options={"ignore": ["{{ who }}"], "schema": {"pattern": "{{ literal }}"}},
    )
    plain = GraderSpec(name="label")
    cases = [
        make_case(vars={"who": "Ann", "sum": 3}, graders=(own, plain)),
        make_case("c2", vars={"who": "Bo"}),
    ]
    graders = plan(make_evalset(cases=cases, graders=[common])).graders
    first, second, third = graders["c1"]
    assert first.value == "refund by Ann"
    assert second.value == {"sum": 3, "note": "where is my money!"}
    assert second.options == {"ignore": ["Ann"], "schema": {"pattern": "{{ literal }}"}}
    assert third is plain
    assert [grader.value for grader in graders["c2"]] == ["refund by Bo"]


def test_a_grader_value_with_an_unknown_name_is_a_problem_with_its_place() -> None:
    grader = GraderSpec(
        name="equals", negated=True, has_value=True, value="{{ nope }}", where=Location(file="f", line=7)
    )
    message = error_of(make_evalset(graders=[grader]))
    assert "f:7: /: grader 'not-equals': undefined name 'nope'" in message
    assert message.count("nope") == 1


def test_graders_without_templates_are_shared_not_copied() -> None:
    made = plan(make_evalset())
    assert made.graders["c1"] is made.graders["c2"] is made.evalset.graders


class EchoArm:
    """A third party's arm."""

    question = 1
    options: Mapping[str, Any] = {}

    def problems(self, spec: Any, evalset: Any) -> Iterable[str]:
        return ["echo is broken"] if spec.options.get("broken") else []

    def inapplicable(self, spec: Any, evalset: Any) -> str | None:
        return "no echo here" if spec.options.get("mute") else None

    def trials(self, task: ArmTask, case: Case) -> Iterable[Trial]:
        messages = task.render(
            [{"role": "user", "content": "{{ input }} {{ echo }}"}], case, {"echo": case.id}
        )
        for repeat in range(1, task.repeats + 1):
            yield task.make(case, repeat, messages)


def test_a_third_partys_arm_is_planned_like_any_other() -> None:
    registries = make_registries()
    registries.arms.register("echo", EchoArm())  # type: ignore[arg-type]
    evalset = make_evalset(make_arm("echo"), make_arm("mute", kind="echo", mute=True))
    made = build_plan(evalset, make_settings(repeats=2), registries)
    assert [trial.request.messages[0]["content"] for trial in trials_of(made, "echo")] == [
        "where is my money c1",
        "where is my money c1",
        "a strange bill c2",
        "a strange bill c2",
    ]
    assert made.arms[-1].reason == "no echo here"
    with pytest.raises(EvalsetError, match="echo is broken"):
        build_plan(make_evalset(make_arm("b", kind="echo", broken=True)), make_settings(), registries)


def test_an_unknown_kind_is_told() -> None:
    assert "unknown arm 'few_shots'. Did you mean 'few_shot'" in error_of(make_evalset(make_arm("few_shots")))


def test_an_evalset_without_cases_has_an_empty_plan() -> None:
    made = plan(replace(make_evalset(make_arm("reask"), make_arm("repair")), cases=()))
    assert made.items == ()
    assert made.graders == {}
