"""A run that is killed: every answer it had paid for is on disk, and the next run pays for the rest only."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from servers import ChatServer, Reply

from pytest_ftgate.execution.store import SqliteStore

TRIALS, CONCURRENCY = 200, 10

RUN = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
import asyncio, json
from trials import make_trial
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.litellm_provider import LitellmProvider
from pytest_ftgate.execution.store import SqliteStore
from pytest_ftgate.model.response import Response

class Raw:
    "A client without litellm's import, so that a run can be killed often."
    async def complete(self, trial, request, timeout_s):
        host, port = request.params["api_base"].split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = json.dumps({{"messages": list(request.messages)}}).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
        writer.write(head + body)
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        size = int(head.lower().partition(b"content-length:")[2].split()[0])
        choice = json.loads(await reader.readexactly(size))["choices"][0]
        writer.close()
        return Response(text=choice["message"]["content"], finish_reason="stop")
    async def close(self):
        pass

provider = LitellmProvider() if sys.argv[3] == "litellm" else Raw()
limits = dict(concurrency={CONCURRENCY}, timeout_s=30, max_attempts=1)
engine = Engine(lambda t: provider, store=SqliteStore(Path(sys.argv[1])), **limits)
trials = [make_trial(f"p{{n}}", base_url=sys.argv[2], case=f"c-{{n}}") for n in range({TRIALS})]
engine.submit(trials)
answers = [engine.wait(trial.key).text for trial in trials]
engine.close()
print(json.dumps(answers))
"""


def kill_and_resume(store: Path, client: str, kill_at: int) -> None:
    with ChatServer(lambda call: Reply(f"answer to {call.prompt}", delay_s=0.01)) as server:
        command = [sys.executable, "-c", RUN, str(store), server.base_url, client]
        victim = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while server.completed < kill_at:
            assert victim.poll() is None
            time.sleep(0.001)
        victim.kill()
        victim.wait()
        resumed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        sent = Counter(call.prompt for call in server.calls)
    assert resumed.stdout.strip() == str([f"answer to p{n}" for n in range(TRIALS)]).replace("'", '"')
    assert set(sent) == {f"p{n}" for n in range(TRIALS)}
    again = [prompt for prompt, times in sent.items() if times > 1]
    assert len(again) <= CONCURRENCY, f"killed after {kill_at} answers: {len(again)} were paid again"
    assert max(sent.values()) <= 2
    check = SqliteStore(store)
    assert check.notices == []
    rows = check._file._connection().execute("SELECT count(*) FROM responses").fetchone()[0]
    assert rows == TRIALS
    check.close()


@pytest.mark.slow
def test_killed_once_with_litellm(tmp_path):
    kill_and_resume(tmp_path / "r.sqlite", "litellm", TRIALS // 2)


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_a_random_moment(seed, tmp_path):
    kill_and_resume(tmp_path / "r.sqlite", "raw", random.Random(seed).randrange(1, TRIALS - CONCURRENCY))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 20))
def test_killed_at_more_random_moments(seed, tmp_path):
    kill_and_resume(tmp_path / "r.sqlite", "raw", random.Random(seed).randrange(1, TRIALS - CONCURRENCY))
