"""`split: dev | holdout`: dev chooses the arm, the other cases judge it; by HTTP, by `-n 2`, judged again."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from e2e_world import World, comparable
from servers import Call, ChatServer, Reply
from verdict_world import PROMPT, cases, chance, evalset, script, served_by, truth, wrong

from pytest_ftgate.cli.main import main

DEV, HOLDOUT = 20, 50


def split_cases(**more: Any) -> list[dict[str, Any]]:
    made = cases(DEV + HOLDOUT, **more)
    return [{**case, "split": "dev" if place < DEV else "holdout"} for place, case in enumerate(made)]


def is_dev(number: int) -> bool:
    return number < DEV


def poor(arm: str, number: int, repeat: int) -> str:
    """Right in half of the trials."""
    draw = chance("poor", arm, number, repeat)
    return truth(number) if draw < 0.5 else wrong(number, chance("label", arm, number, repeat))


def lucky(arm: str, number: int, repeat: int) -> str:
    """`few_shot` is perfect where it is not judged, and poor where it is; `rewritten` the other way round."""
    is_right = {"few_shot": is_dev(number), "rewritten": not is_dev(number)}.get(arm, False)
    return truth(number) if is_right else poor(arm, number, repeat)


def helped(arm: str, number: int, repeat: int) -> str:
    """`few_shot` helps everywhere, `rewritten` a little."""
    share = {"few_shot": 1.0, "rewritten": 0.7}.get(arm, 0.4)
    return truth(number) if chance(arm, number, repeat) < share else poor(arm, number, repeat)


def with_split(server: ChatServer, **more: Any) -> dict[str, Any]:
    made = evalset(0, arms=["few_shot"], repeats=2, cases=split_cases(context="nothing of use"), **more)
    made["arms"] |= {"rewritten": {"prompt": f"Think. {PROMPT}"}, "context": {}}
    return {**made, "models": served_by(server)}


def arm(world: World, name: str) -> dict[str, Any]:
    return next(each for each in world.entry()["arms"] if each["arm"] == name)


def test_what_dev_chose_is_judged_on_the_other_cases(world: World) -> None:
    with world.serve(script(helped)) as server:
        world.write("tickets", with_split(server))
        result = world.run("--ftgate-report", "markdown=r.md")
    verdict, split = world.verdict(), world.entry()["split"]
    assert (verdict["decision"], verdict["recommended_arm"], result.ret) == ("improve_prompt", "few_shot", 1)
    assert split == {"dev": DEV, "holdout": HOLDOUT, "shown": "holdout", "chosen": ["few_shot"]}
    assert verdict["m_arms"] == 2, "one claim a question: prompts and context"
    assert world.entry()["cases"] == {"total": DEV + HOLDOUT, "judged": HOLDOUT}
    assert arm(world, "few_shot")["accuracy"]["cases"] == HOLDOUT
    assert arm(world, "context")["status"] == "not_run"
    assert "chosen on dev, is proven at the bar on holdout" in arm(world, "context")["reason"]
    assert "another prompt is proven at the bar (the one that dev chose)" in json.dumps(verdict["steps"])
    assert "arm few_shot, chosen on dev, reaches the bar of 80 % on holdout" in verdict["reason"]
    written = (world.path / "r.md").read_text().replace("\\", "")
    for shown in (result.stdout.str(), written):
        text = " ".join(shown.split())
        assert "70 cases (20 dev) x 2 repeats" in text
        assert "20 cases of dev compare the arms and judge none" in text
        assert "on dev as_is" in text
        assert "few_shot 100 % (chosen)" in text


def test_a_prompt_that_only_dev_likes_is_not_proven_and_one_that_only_holdout_likes_no_proof(
    world: World,
) -> None:
    """Without the split both would be called good on the same cases that they were looked at."""
    with world.serve(script(lucky)) as server:
        world.write("tickets", with_split(server))
        world.run()
    verdict = world.verdict()
    assert verdict["decision"] == "inconclusive"
    assert arm(world, "rewritten")["accuracy_test"]["lower_m"] >= 0.8
    assert (arm(world, "rewritten")["chosen"], arm(world, "few_shot")["chosen"]) == (False, True)
    assert "rewritten reaches the bar on holdout, but dev chose another arm" in verdict["reason"]


@pytest.mark.slow
def test_workers_one_process_and_judging_again_agree(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.serve(script(helped)) as server:
        world.write("tickets", with_split(server))
        world.run()
        alone = comparable(world.entry())
        server.reset()
        world.run("-n", "2", "--ftgate-refresh", subprocess=True)
        assert comparable(world.entry())["verdict"] == alone["verdict"]
        assert comparable(world.entry())["arms"] == alone["arms"]
    monkeypatch.chdir(world.path)
    main(["judge", "latest"])
    judged = comparable(world.entry())
    assert (judged["verdict"], judged["split"]) == (alone["verdict"], alone["split"])


@pytest.mark.slow
def test_merged_shards_decide_as_one_process(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards run every arm, `context` too, which one process does not need."""
    monkeypatch.chdir(world.path)
    with world.serve(script(helped)) as server:
        world.write("tickets", with_split(server))
        world.run()
        alone, folders = comparable(world.entry()), []
        server.reset()
        for index in (1, 2):
            shutil.rmtree(world.path / ".ftgate")
            assert world.run("--ftgate-shard", f"{index}/2").ret == 0
            folders.append(str(world.path / f"shard-{index}"))
            shutil.copytree((world.path / ".ftgate" / "runs" / "latest").resolve(), folders[-1])
    assert main(["merge", *folders]) == 1
    merged = comparable(world.entry())
    assert merged["verdict"]["reason"] == alone["verdict"]["reason"]
    assert merged["split"] == {**alone["split"], "chosen": ["few_shot", "context"]}
    for before, after in zip(alone["arms"][:-1], merged["arms"][:-1], strict=True):
        assert (after["accuracy"], after["dev_accuracy"]) == (before["accuracy"], before["dev_accuracy"])


@pytest.mark.parametrize("selection", [("-k", "split:dev"), ("-m", "ftgate(split='dev')")])
def test_authors_iterate_on_dev_alone(world: World, selection: tuple[str, str]) -> None:
    """Nothing of holdout is asked or shown; nothing is judged."""
    with world.serve(script(helped)) as server:
        world.write("tickets", with_split(server))
        result = world.run(*selection)
        asked = {call.prompt[-4:] for call in server.calls}
    assert asked == {f"c{number:03d}" for number in range(DEV)}
    assert (world.verdict()["decision"], result.ret) == ("not_asked", 0)
    assert world.entry()["split"]["shown"] == "dev"
    assert arm(world, "as_is")["accuracy"]["cases"] == DEV
    assert "only dev was selected, so all rates are of its 20 cases" in " ".join(result.stdout.str().split())


def test_examples_of_failures_are_shown_from_dev(world: World) -> None:
    """Who looks at them changes the prompt: holdout stays unseen where dev shows the same."""

    def answer(arm: str, number: int, repeat: int) -> str:
        return "charge" if chance(arm, number, repeat) < 0.6 else truth(number)

    with world.serve(script(answer)) as server:
        world.write("tickets", with_split(server))
        world.run()
    examples = [e for p in world.entry()["patterns"] for e in p["examples"]]
    seen = [p["signature"] for p in world.entry()["patterns"] if p["cases"] > 0]
    assert seen
    from_dev = sum(int(example["case"][1:]) < DEV for example in examples)
    assert from_dev > 0.9 * len(examples)
    [family] = [p for p in world.entry()["patterns"] if p["signature"] == "label:confusion:*→charge"]
    assert all(int(example["case"][1:]) < DEV for example in family["examples"])
    assert family["rate"]["cases"] == HOLDOUT


def test_tuning_is_justified_by_holdout_alone(world: World) -> None:
    """The same wrong label under every arm on holdout, and a perfect model on dev."""

    def answer(arm: str, number: int, repeat: int) -> str:
        if is_dev(number):
            return truth(number)
        return "charge" if chance(number) < 0.5 or chance(arm, number, repeat) < 0.1 else truth(number)

    with world.serve(script(answer)) as server:
        made = with_split(server)
        made["decision"] = {"knowledge": "none", "waive": {"structured": "no such vendor"}}
        world.write("tickets", made)
        result = world.run()
    verdict = world.verdict()
    assert (verdict["decision"], result.ret) == ("fine_tune_justified", 0)
    assert arm(world, "as_is")["dev_accuracy"]["value"] == 1


def test_only_cases_that_judge_count_towards_fifty(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.serve(script(poor)) as server:
        made = with_split(server)
        made["cases"] = made["cases"][:-1]
        world.write("tickets", made)
        world.run()
    assert world.verdict()["decision"] == "not_ready"
    assert "Only 49 judged cases" in world.verdict()["reason"]
    [few] = [f for f in world.entry()["findings"] if f["rule"] == "too-few-cases"]
    assert "49 different cases can be judged" in few["what"]
    assert "20 more are `split: dev`" in few["what"]
    [told] = [f for f in world.entry()["findings"] if f["rule"] == "undecidable-range"]
    assert "49 cases" in told["what"]
    made["cases"] = [{**case, "split": "dev"} for case in made["cases"]]
    world.write("tickets", made)
    monkeypatch.chdir(world.path)
    assert main(["check", "."]) == 1
    assert "none judges" in " ".join(capsys.readouterr().out.split())


def test_cases_without_a_split_beside_others_and_groups_in_both_are_told(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = split_cases()
    del mine[30]["split"]
    for place in (3, 40):
        mine[place]["group"] = "customer 7"
    for place in (41, 42):
        mine[place]["group"] = "customer 8"
    world.write("tickets", evalset(0, cases=mine, models={"candidate": "openai/m"}))
    monkeypatch.chdir(world.path)
    main(["check", ".", "--json"])
    [found] = json.loads(capsys.readouterr().out)
    [note] = [f for f in found["findings"] if f["rule"] == "unmarked-split"]
    assert note["cases"] == ["c030"]
    [note] = [f for f in found["findings"] if f["rule"] == "group-in-both-splits"]
    assert (note["severity"], note["cases"]) == ("warning", ["c003", "c040"])


def test_prompts_tried_on_dev_are_not_counted_as_tried_on_holdout(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six drafts looked at on dev, then one judged: it was chosen by none of the cases that judge it."""

    def notes() -> list[str]:
        return [f["what"] for f in world.entry()["findings"] if f["rule"] == "tuned-on-cases"]

    def answer(call: Call) -> Reply | str:
        return script(poor)(call)

    with world.serve(answer) as server:
        for draft in range(6):
            made = evalset(0, repeats=1, cases=split_cases(), prompt=f"Draft {draft}. {PROMPT}")
            world.write("tickets", {**made, "models": served_by(server)})
            world.run("-k", "split:dev and c000")
        world.run()
        assert notes() == []
        for draft in range(6, 12):
            made = evalset(0, repeats=1, cases=split_cases(), prompt=f"Draft {draft}. {PROMPT}")
            world.write("tickets", {**made, "models": served_by(server)})
            world.run()
        [said] = notes()
    assert "7 prompts were tried on these 50 cases" in said
    monkeypatch.chdir(world.path)
    main(["judge", "latest"])
    assert notes() == [said], "judging again counts them too, and counts none twice"
