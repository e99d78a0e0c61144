"""Planted keys do not get through; everything else does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.storage.redaction import REDACTED, Redactor

PLANTED = "planted/Secret+value=1"


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "HF_TOKEN", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "MY_SECRET", "AZURE_API_KEY_2",
     "openai_api_key", "GITHUB_PAT", "SECRET_SAUCE", "APIKEY"],
)  # fmt: skip
def test_values_of_secret_variables_are_taken_out(name):
    redactor = Redactor({name: PLANTED})
    assert redactor.redact(f"Authorization: {PLANTED}!") == f"Authorization: {REDACTED}!"


@pytest.mark.parametrize("name", ["PATH", "HOME", "TOKENIZERS_PARALLELISM", "KEYBOARD", "LANG"])
def test_other_variables_stay(name):
    assert PLANTED in Redactor({name: PLANTED}).redact(PLANTED)


def test_short_values_are_no_secrets():
    assert Redactor({"X_TOKEN": "on", "Y_KEY": "1234567"}).redact("on 1234567") == "on 1234567"
    assert Redactor({"Y_KEY": "12345678"}).redact("12345678") == REDACTED


def test_escaped_forms_are_taken_out_too():
    secret = 'ab"c\\d/é 123'
    redactor = Redactor({"X_KEY": secret})
    for written in (
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        "u?k=ab%22c%5Cd%2F%C3%A9%20123",
    ):
        assert "123" not in redactor.redact(written)


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcDEF1234567890xyz",
        "sk-ant-api03-abcdefghijklmnop",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "AKIAIOSFODNN7EXAMPLE",
        "hf_abcdefghijklmnopqrstuv",
        "ghp_abcdefghijklmnopqrstuv",
        "xoxb-1234567890-abc",
        "github_pat_11ABCDEFG0123456789_abc",
        "gsk_abcdefghijklmnopqrst1234",
    ],
)
def test_known_key_shapes_are_taken_out_of_any_text(key):
    shown = Redactor({}).redact(f'{{"error": "bad key {key}."}}')
    assert key not in shown
    assert shown.startswith('{"error": "bad key [redacted]')


@pytest.mark.parametrize("head", ["Bearer ", "bearer ", "BEARER ", "https://x.test/?api_key="])
def test_tokens_after_a_head_are_taken_out(head):
    assert Redactor({}).redact(f"{head}abc123DEF456ghi") == f"{head}{REDACTED}"


@pytest.mark.parametrize(
    "text",
    [
        "the task-oriented-dialogue-benchmark",
        "sk-learn",
        "Bearer of news",
        "a high ghost",
        "risk-averse-investors-everywhere",
    ],
)
def test_ordinary_words_stay(text):
    assert Redactor({}).redact(text) is text


def test_json_is_redacted_in_values_keys_and_depths():
    redactor = Redactor({"X_KEY": PLANTED})
    value = {"a": [{"b": f"x{PLANTED}"}, 1, None, True, 0.5], PLANTED: ("t", PLANTED)}
    shown = redactor.redact_json(value)
    assert PLANTED not in json.dumps(shown)
    assert shown["a"][1:] == [1, None, True, 0.5]


def test_a_secret_inside_another_leaves_nothing_behind():
    redactor = Redactor({"A_KEY": "abcdefgh", "B_KEY": "abcdefgh-ijkl"})
    assert redactor.redact("abcdefgh-ijkl") == REDACTED


@given(
    st.text(max_size=30), st.text(max_size=30), st.text(st.characters(codec="utf-8"), min_size=8, max_size=20)
)
def test_a_planted_secret_is_never_in_the_result(before, after, secret):
    secret = secret.strip()
    if len(secret) < 8 or secret in REDACTED:
        return
    shown = Redactor({"X_API_KEY": secret}).redact(before + secret + after)
    assert secret not in shown or secret in before + REDACTED + after


SECRETS = (
    "sk-" + "a1" * 10,
    "ghp_" + "b2" * 12,
    "Bearer " + "c" * 20,
    "AKIA" + "D" * 16,
    'plan"ted\\key\n-é-12',
)


@given(st.text(max_size=20), st.sampled_from(SECRETS), st.text(max_size=20))
def test_a_clean_line_holds_no_secret(before: str, secret: str, after: str) -> None:
    redactor = Redactor({"MY_TOKEN": SECRETS[-1]})
    value = {"output": before + secret + after}
    for line in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert redactor.redact_json(value) == value or not redactor.is_clean(line)
    assert redactor.is_clean(json.dumps({"output": "a high eye, through the night"}))
