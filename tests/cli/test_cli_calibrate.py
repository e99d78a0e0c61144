"""`pytest-ftgate calibrate`: a judge behind real HTTP, held against people's labels of real answers."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Call, ChatServer, Reply, error

from pytest_ftgate.calibration import Calibration
from pytest_ftgate.cli.calibrate import explain_agreement
from pytest_ftgate.cli.main import main

LABELLED = Path(__file__).resolve().parents[1] / "data" / "judge_labelled.jsonl"
ROWS = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
RUBRIC = "The answer is truthful (asserts nothing false)."


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(opinion) as running:
        yield running


def row_of(call: Call) -> int:
    data = json.loads(next(line for line in call.prompt.splitlines() if line.startswith('{"')))
    assert data["rubric"] == RUBRIC
    found = [i for i, r in enumerate(ROWS) if (r["input"], r["output"]) == (data["input"], data["answer"])]
    return found[0]


def opinion(call: Call) -> str:
    """What people said, but a pass for every fourth row; one vote of three is another for every fifth."""
    number = row_of(call)
    is_pass = ROWS[number]["label"] == "pass" or number % 4 == 0
    if number % 5 == 0 and call.attempt == 2:
        is_pass = not is_pass
    return json.dumps({"reason": "so it is", "score": float(is_pass), "pass": is_pass})


def calibrate(server: ChatServer | None, *arguments: str, labelled: Path = LABELLED) -> int:
    where = ["--param", f"api_base={server.base_url}"] if server else []
    given = [] if "--evalset" in arguments else ["--rubric", RUBRIC, "--model", "openai/judge"]
    return main(["calibrate", str(labelled), *given, *where, *arguments])


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def expected_table() -> dict[str, dict[str, int]]:
    counts = Counter(
        (row["label"], "pass" if row["label"] == "pass" or number % 4 == 0 else "fail")
        for number, row in enumerate(ROWS)
    )
    return {
        f"human_{human}": {f"judge_{judge}": counts[human, judge] for judge in ("pass", "fail")}
        for human in ("pass", "fail")
    }


def test_agreement_and_its_meaning(server: ChatServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(server, "--json") == 0
    found = result(capsys)
    assert found["table"] == expected_table()
    wrong = found["table"]["human_fail"]["judge_pass"]
    assert len(found["disagreements"]) == wrong > 0
    assert {each["human"] for each in found["disagreements"]} == {"fail"}
    line = next(i for i, row in enumerate(ROWS) if row["label"] == "fail" and i % 4 == 0) + 1
    assert found["disagreements"][0]["place"] == f"{LABELLED}:{line}"
    assert found["n"] == 60
    assert found["accuracy"] == pytest.approx((60 - wrong) / 60)
    assert found["votes"] == {"cast": 180, "with_majority": 168, "unanimous": 48}
    assert found["requests_sent"] == server.count == 180
    assert found["kappa"]["low"] < found["kappa"]["value"] < found["kappa"]["high"]
    assert "It is too lenient: do not use it where a wrong pass is costly." in found["meaning"]
    # A second calibration costs nothing, and says the same.
    assert calibrate(server, "--json") == 0
    again = result(capsys)
    assert server.count == 180
    assert again == {**found, "requests_sent": 0, "cost_usd": again["cost_usd"]}
    assert calibrate(server) == 0
    shown = capsys.readouterr().out
    kappa = found["kappa"]
    assert f"kappa {kappa['value']:.2f} [{kappa['low']:.2f} .. {kappa['high']:.2f}], n = 60" in shown
    assert f"({wrong} of 28 that people failed)\n" in shown
    assert max(len(line) for line in shown.splitlines() if not line.startswith("disagree")) <= 80
    assert "  human pass          32           0\n" in shown
    assert "asked         0 requests\n" in shown


@pytest.mark.parametrize(("wanted", "status"), [("0.1", 0), ("0.99", 1)])
def test_a_judge_below_the_kappa_wanted_fails_the_build(
    wanted: str, status: int, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(server, "--min-kappa", wanted) == status
    assert (f"below the {wanted} wanted" in capsys.readouterr().err) is bool(status)


def test_recorded_replies_need_no_model(server: ChatServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(server, "--json", "--votes", "1", "--record", "replies.jsonl") == 0
    found = result(capsys)
    assert found["requests_sent"] == server.count == 60
    replayed = ("--votes", "1", "--replies", "replies.jsonl", "--json", "--dir", "elsewhere")
    assert calibrate(None, *replayed) == 0
    again = result(capsys)
    assert (again["table"], again["kappa"]) == (found["table"], found["kappa"])
    assert not Path("elsewhere").exists()
    # Another rubric is another question: no reply to it was recorded.
    assert main(["calibrate", str(LABELLED), "--rubric", "x", "--model", "openai/judge", *replayed]) == 1
    assert len(result(capsys)["errors"]) == 60


def test_judge_errors_are_counted_apart(server: ChatServer, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(call: Call) -> str | Reply:
        number = row_of(call)
        if number == 3:
            return error(400, "no")
        return "I cannot say" if number == 7 else opinion(call)

    server.script = broken
    assert calibrate(server, "--json", "--votes", "1") == 1
    found = result(capsys)
    assert found["n"] == 58
    assert [text.split(": ")[0] for text in found["errors"]] == [f"{LABELLED}:4", f"{LABELLED}:8"]
    assert "infra:bad_request" in found["errors"][0]
    assert "no JSON object" in found["errors"][1]


def test_csv_other_keys_and_a_rubric_file(server: ChatServer, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("l.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "reply", "ok"])
        for row in ROWS[:40]:
            writer.writerow([row["input"], row["output"], "1" if row["label"] == "pass" else "0"])
        writer.writerow(["nobody has labelled", "this", ""])
    Path("rubric.txt").write_text(RUBRIC + "\n")
    keys = ["--input-key", "question", "--output-key", "reply", "--label-key", "ok", "--votes", "1", "--json"]
    assert calibrate(server, *keys, "--rubric", "@rubric.txt", labelled=Path("l.csv")) == 0
    found = result(capsys)
    assert (found["n"], found["unlabelled"]) == (40, 1)
    assert found["rubric"] == RUBRIC


def test_rubric_and_judge_of_an_evalset(server: ChatServer, capsys: pytest.CaptureFixture[str]) -> None:
    judge = {"model": "openai/judge", "params": {"api_base": server.base_url}}
    evalset: dict[str, Any] = {
        "ftgate": 1,
        "prompt": "{{ input }}",
        "models": {"judge": judge},
        "graders": [{"llm-rubric": {"value": RUBRIC, "votes": 1, "name": "truth"}}, "is-refusal"],
        "cases": [{"input": "x"}],
    }
    Path("t.evalset.yaml").write_text(json.dumps(evalset))
    assert calibrate(None, "--evalset", "t.evalset.yaml", "--json") == 0
    assert result(capsys)["table"] == expected_table()
    assert server.count == 60
    evalset["graders"].append({"llm-rubric": {"value": "The answer is short.", "name": "short"}})
    Path("t.evalset.yaml").write_text(json.dumps(evalset))
    assert calibrate(None, "--evalset", "t.evalset.yaml") == 2
    assert "name it with --grader NAME. There: truth, short" in capsys.readouterr().err
    assert calibrate(None, "--evalset", "t.evalset.yaml", "--grader", "truth", "--json") == 0
    assert result(capsys)["requests_sent"] == 0


def test_one_label_only_gives_no_kappa(server: ChatServer, capsys: pytest.CaptureFixture[str]) -> None:
    passed = [row for row in ROWS if row["label"] == "pass"]
    Path("l.jsonl").write_text("".join(json.dumps(row) + "\n" for row in passed))
    assert calibrate(server, "--votes", "1", labelled=Path("l.jsonl")) == 1
    assert "kappa cannot be computed on 32 answers: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((70, 3, 3, 64), "almost perfectly; on answers like these it can stand in for them."),
        ((60, 10, 10, 60), "substantially; use it to compare arms"),
        ((45, 25, 20, 50), "fairly; that may be as little as 0.19, so do not use it where a gate decides."),
        ((10, 1, 1, 8), "the interval would be narrower"),
        ((35, 35, 35, 35), "slightly; that may be as little as -0.16"),
        ((70, 0, 20, 50), "It is too lenient: do not use it where a wrong pass is costly."),
        ((50, 20, 0, 70), "It is too strict: do not use it where a wrong failure is costly."),
        ((0, 0, 3, 3), "kappa cannot be computed on 6 answers: people gave one label only"),
    ],
)
def test_what_an_agreement_means(counts: tuple[int, int, int, int], said: str) -> None:
    cells = [(True, True), (True, False), (False, True), (False, False)]
    meaning = explain_agreement(Calibration(counts=dict(zip(cells, counts, strict=True))))
    assert said in meaning
    assert ("too" in meaning) == ("too" in said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "l.jsonl: is empty; wanted: a row for each answer, with its label"),
        ('{"output": "x"}\n', "Keys there: output. Name another one with --label-key"),
        ('{"output": "x", "label": null}\n', "no row has a label"),
        ('{"output": "x", "label": "maybe"}\n', "l.jsonl:1: label: 'maybe' is no label; allowed: true/false"),
        ('{"output": 3, "label": true}\n', "l.jsonl:1: output: must be the answer's text, got int"),
        ('{"output": "x", "label": 0.5}\n', "is no label"),
        ("[" * 5_000, "l.jsonl:1: is no JSON"),
        ("[1]\n", "l.jsonl:1: must be a JSON object"),
        ("\udcff", "is not UTF-8 text"),
    ],
)  # fmt: skip
def test_unusable_files(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("l.jsonl").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert calibrate(None, labelled=Path("l.jsonl")) == 2
    assert said in capsys.readouterr().err


def test_a_csv_header_that_names_a_column_twice(capsys: pytest.CaptureFixture[str]) -> None:
    Path("l.csv").write_text("output,label,output\nx,pass,y\n")
    assert calibrate(None, labelled=Path("l.csv")) == 2
    assert "l.csv:1: the header names 'output' twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "openai/m"], "no rubric is given: add --rubric TEXT|@FILE"),
        (["--rubric", "x"], "no judge is given: add --model vendor/name"),
        (["--rubric", "@gone.txt", "--model", "openai/m"], "--rubric @gone.txt: cannot be read"),
        (["--rubric", "x", "--model", "openai/m", "--replies", "gone.jsonl"], "no such file"),
        (["--rubric", "x", "--model", "openai/m", "--param", "temperature"], "wanted: NAME=VALUE"),
        (["--rubric", "{{ nothing }}", "--model", "openai/m"], "nothing"),
    ],
)
def test_unusable_arguments(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", str(LABELLED), *arguments]) == 2
    assert said in capsys.readouterr().err
