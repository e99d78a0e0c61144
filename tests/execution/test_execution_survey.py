"""What a plan reads: the response store, without a change, and litellm's price map, without litellm."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from trials import make_trial

from pytest_ftgate.execution.endpoints import endpoint_of
from pytest_ftgate.execution.litellm_provider import load_litellm
from pytest_ftgate.execution.price_map import find_price
from pytest_ftgate.execution.store import SqliteStore, store_key
from pytest_ftgate.execution.store_survey import key_of, survey_store
from pytest_ftgate.model.response import Response, Usage
from pytest_ftgate.model.trial import Trial


def fill(path: Path, pairs: list[tuple[Trial, Response]]) -> None:
    store = SqliteStore(path)

    async def put() -> None:
        for trial, response in pairs:
            await store.put(store_key(trial, endpoint_of(trial.request)), response)

    asyncio.run(put())
    store.close()


def answer(**more: object) -> Response:
    fields = {"finish_reason": "stop", "latency_s": 1.5, "model": "gpt-x-2024-07-18", **more}
    return Response(text="a", usage=Usage(prompt_tokens=9, completion_tokens=4), **fields)  # type: ignore[arg-type]


def test_an_absent_store_is_not_made(tmp_path: Path) -> None:
    survey = survey_store(tmp_path / "responses.sqlite", [make_trial()])
    assert (survey.answered, survey.fault) == ({}, None)
    assert not list(tmp_path.iterdir())


def test_what_a_run_would_be_served_is_found(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    kept, cut, absent = (make_trial(prompt) for prompt in ("kept", "cut", "absent"))
    fill(path, [(kept, answer()), (cut, answer(finish_reason="length"))])
    before = path.read_bytes()
    survey = survey_store(path, [kept, cut, absent])
    assert list(survey.answered) == [key_of(kept)]
    assert survey.answered[key_of(kept)].usage == Usage(prompt_tokens=9, completion_tokens=4)
    assert path.read_bytes() == before


def test_another_repeat_and_another_address_are_other_answers(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    fill(path, [(make_trial("p"), answer())])
    others = [make_trial("p", repeat=2), make_trial("p", base_url="http://127.0.0.1:9/v1")]
    assert survey_store(path, others).answered == {}


def test_latencies_are_those_of_the_model(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    rows = [(make_trial(f"p{i}"), answer(latency_s=float(i))) for i in (3, 1, 2)]
    fill(path, [*rows, (make_trial("other"), answer(model="gpt-x-mini", latency_s=99.0))])
    survey = survey_store(path, [make_trial("new", model="openai/gpt-x")])
    assert survey.latencies_s == {"openai/gpt-x": [1.0, 2.0, 3.0]}


def test_a_model_name_is_no_pattern(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    fill(path, [(make_trial("p"), answer())])
    survey = survey_store(path, [make_trial("new", model="openai/*")])
    assert survey.latencies_s == {"openai/*": []}


@pytest.mark.parametrize("content", [b"", b"no database" * 500])
def test_a_store_that_cannot_be_read_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "responses.sqlite"
    path.write_bytes(content)
    survey = survey_store(path, [make_trial()])
    assert survey.fault is not None
    assert "responses.sqlite cannot be read" in survey.fault
    assert path.read_bytes() == content


def test_prices() -> None:
    mini = find_price("openai/gpt-4o-mini")
    assert mini is not None
    assert (mini.input_usd_per_m, mini.output_usd_per_m) == pytest.approx((0.15, 0.60))
    assert find_price("gpt-4o-mini") == mini
    # Another vendor's model of the same name has another price.
    assert find_price("groq/gpt-4o-mini") is None
    assert find_price("openai/no-such-model") is None
    assert find_price("") is None
    free = find_price("local/smollm2")
    assert free is not None
    assert free.output_usd_per_m == 0


def test_prices_of_all_vendors_are_read_as_litellm_reads_them() -> None:
    litellm = load_litellm()
    for model in ("azure/gpt-4o", "openai/gpt-4o", "openai/text-embedding-3-small"):
        price = find_price(model)
        assert price is not None
        assert price.input_usd_per_m == pytest.approx(
            1e6 * litellm.get_model_info(model)["input_cost_per_token"]
        )
