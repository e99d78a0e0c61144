"""`pytest-ftgate doctor`: what is there for a run, and that no key is ever shown."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Call, ChatServer, Reply, error

from pytest_ftgate.cli.main import main

KEY = "planted-8Jw2Kq5Xz/+=Vt3"


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status = main(["doctor", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def write(folder: Path, **more: Any) -> Path:
    (folder / "pytest.ini").write_text("[pytest]\n")
    path = folder / "t.evalset.yaml"
    evalset = {
        "name": "t",
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "cases": [{"input": "a", "expected": "b"}],
    }
    path.write_text(json.dumps({**evalset, **more}))
    return path


def at(address: str, **more: Any) -> dict[str, Any]:
    return {"candidate": {"model": "openai/scripted", "params": {"api_base": address}, **more}}


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def follow_schema(call: Call) -> Reply:
    """A server that enforces what it is sent."""
    schema = call["response_format"]["json_schema"]["schema"]
    found = {key: each["enum"][0] for key, each in schema["properties"].items()}
    return Reply(json.dumps(found))


def test_this_machine_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = doctor(capsys, "--dir", str(tmp_path / "deep" / ".ftgate"))
    assert (status, found["is_well"], found["models"], found["problems"]) == (0, True, [], [])
    assert {"python", "pytest-ftgate", "pytest", "litellm"} <= set(found["versions"])
    assert found["extras"]["metrics"] is True
    assert not (tmp_path / "deep").exists()
    assert main(["doctor"]) == 0
    assert "no model was named" in capsys.readouterr().out


def test_a_key_is_named_and_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ChatServer("fine") as server:
        path = write(tmp_path, models=at(server.base_url))
        for arguments in ([], ["--json"]):
            assert main(["doctor", str(path), *arguments]) == 0
            told = capsys.readouterr()
            assert "OPENAI_API_KEY" in told.out
            assert KEY not in told.out + told.err
        assert server.count == 0


def test_a_missing_key_and_a_closed_port_are_problems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    monkeypatch.setenv("GEMINI_BASE_URL", "https://127.0.0.1:1/x")
    status, found = doctor(capsys, str(write(tmp_path, models=at(address))), "--model", "gemini/no-such")
    assert (status, found["is_well"]) == (1, False)
    gemini, here = found["models"]
    assert here["used_by"] == ["t: candidate"]
    # No key is needed for a server of this machine.
    assert len(here["problems"]) == 1
    assert "cannot be reached" in here["problems"][0]
    assert here["endpoint"] == gemini["endpoint"] == "unreachable"
    assert gemini["keys"] == {"GEMINI_API_KEY": False, "GOOGLE_API_KEY": False}

    monkeypatch.delenv("GEMINI_BASE_URL")
    monkeypatch.setattr("socket.getaddrinfo", _no_names)
    _, found = doctor(capsys, "--model", "gemini/no-such")
    assert found["models"][0]["problems"][0] == (
        "no key: set GEMINI_API_KEY or GOOGLE_API_KEY in the environment"
    )


def _no_names(*arguments: Any, **_: Any) -> Any:
    raise OSError("no names here")


def test_an_endpoint_gets_only_so_much_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], silent: str
) -> None:
    path = write(tmp_path, models=at(f"https://{silent}/v1"))
    status, found = doctor(capsys, str(path), "--timeout", "0.2")
    assert status == 1
    assert found["models"][0]["endpoint_note"] == "no answer within 0.2 s"


def test_prices_and_schemas_come_from_the_evalset_and_the_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ChatServer("fine") as server:
        stated = {"input_usd_per_m": 1.5, "output_usd_per_m": 2}
        path = write(tmp_path, models=at(server.base_url, price=stated))
        _, found = doctor(capsys, str(path), "--model", "openai/gpt-4o-mini", "--model", "local/smollm2")
    known, local, here = found["models"]
    assert (here["price"], here["schema"]) == ([1.5, 2.0], "unknown")
    assert (known["price"], known["schema"]) == ([0.15, 0.6], "listed")
    assert (local["price"], local["problems"], local["endpoint_note"]) == (
        [0, 0],
        [],
        "served on this machine",
    )


@pytest.mark.parametrize(
    ("script", "schema", "status"),
    [
        (follow_schema, "enforced", 0),
        ("The sky is blue.", "unverified", 0),
        (lambda _: error(400, "no response_format here"), "unsupported", 0),
        (lambda call: error(401, f"wrong key: {call.headers['authorization']}"), "unverified", 1),
    ],
)
def test_asking_proves_it(
    script: Any,
    schema: str,
    status: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ChatServer(script) as server:
        path = write(tmp_path, models=at(server.base_url))
        main_status = main(["doctor", str(path), "--ask", "--json"])
    told = capsys.readouterr()
    (model,) = json.loads(told.out)["models"]
    assert (model["schema"], main_status) == (schema, status), model
    assert KEY not in told.out + told.err
    assert server.count == 2


def test_what_cannot_be_read_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = doctor(capsys, str(write(tmp_path, graders=["labl"])))
    assert status == 1
    assert "unknown grader 'labl'" in found["problems"][0]
    assert main(["doctor", str(tmp_path / "gone.evalset.yaml")]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["doctor", "--timeout", "x"])


def test_a_strange_host_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", _no_names)
    _, found = doctor(capsys, str(write(tmp_path, models=at("https://evil.example/v1"))))
    assert any("ftgate_api_hosts" in note for note in found["models"][0]["notes"])


def test_a_role_without_a_model_is_told_and_not_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path)
    status, found = doctor(capsys, str(path))
    assert (status, found["models"]) == (1, [])
    assert "no model is named for role candidate" in found["problems"][0]
    assert "--ftgate-use-model candidate=vendor/name" in found["problems"][0]
    _, given = doctor(capsys, str(path), "--model", "local/tiny")
    assert [model["model"] for model in given["models"]] == ["local/tiny"]
    assert given["problems"] == []
