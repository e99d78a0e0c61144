"""Templates: what they may name, what they must not reach, and how their faults read."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_ftgate.model.evalset import Case
from pytest_ftgate.planning.templates import (
    MAX_RENDERED_CHARS,
    TemplateUseError,
    case_names,
    grader_names,
    mentions,
    render_deep,
    render_messages,
    render_text,
    render_value,
)

CASE = Case(
    id="c1",
    input={"text": "hello", "items": [1, 2], "n": 3},
    expected="SECRET",
    has_expected=True,
    context="the facts",
    tags=("eu", "vip"),
    vars={"tone": "kind", "expected": "no", "id": "shadow"},
)
NAMES = case_names(CASE)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain { text }", "plain { text }"),
        ("{{ input.text }} {{ input['text'] }}", "hello hello"),
        ("{{ input.items }}", "[1, 2]"),
        ("{{ input }}", '{"text": "hello", "items": [1, 2], "n": 3}'),
        ("{{ context }}/{{ id }}/{{ tags | join('+') }}", "the facts/c1/eu+vip"),
        ("{{ tone }} {{ vars.tone }} {{ vars.id }}", "kind kind shadow"),
        ("{{ true }} {{ none }}", "true null"),
        ("{{ '<b>&' }}{{ '<' | tojson }}", '<b>&"<"'),
        ("{% for i in range(3) %}{{ loop.index }},{% endfor %}\n", "1,2,3,\n"),
        ("{% if nothing is defined %}x{% endif %}y", "y"),
        ("{# note #}z", "z"),
    ],
)
def test_templates_render(source: str, text: str) -> None:
    assert render_text(source, NAMES) == text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ inptu }}", ["'inptu'", "Did you mean 'input'", "Known:", "tone"]),
        ("{{ expected }}", ["a prompt never sees it"]),
        ("{{ input.missing }}", ["missing"]),
        ("{% if %}", ["Jinja2", "raw"]),
        ("{{ 1 / 0 }}", ["division"]),
        ("{{ 'a' + 1 }}", ["Known:"]),
        ("{{ input.keys }}", ["cannot print"]),
        ("{{ tags | map('upper') }}", ["generator", "| list"]),
        ("{% include 'x' %}", ["loader"]),
    ],
)
def test_faults_say_what_and_what_is_known(source: str, words: list[str]) -> None:
    with pytest.raises(TemplateUseError) as caught:
        render_text(source, NAMES)
    assert [word for word in words if word not in caught.value.text] == []


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ input['__class__'] }}",
        "{{ input.__init__.__globals__ }}",
        "{{ (input | attr('__class__')) }}",
        "{{ range.__func__ }}",
        "{{ range.__self__.globals }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ input.items.append(3) }}",
        "{{ input.update({'a': 1}) }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ 'a' * 10000000000 }}",
        "{{ 10 ** 100000000 }}",
        "{{ (9 ** 1000) * (9 ** 1000) * (9 ** 1000) }}",
        "{{ '%10000000000d' % 1 }}",
        "{{ 'a'.ljust(10000000000) }}",
        "{{ 'a' | center(10000000000) }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ lipsum(n=100000) }}",
    ],
)
def test_the_sandbox_holds(source: str) -> None:
    with pytest.raises(TemplateUseError):
        render_text(source, NAMES)
    assert CASE.input == {"text": "hello", "items": [1, 2], "n": 3}


def test_a_text_longer_than_the_cap_is_refused() -> None:
    with pytest.raises(TemplateUseError, match="longer than"):
        render_text("{% for i in range(90000) %}{{ big }}{% endfor %}", {"big": "x" * 1000})
    assert MAX_RENDERED_CHARS < 90_000_000


def test_the_loop_budget_starts_anew_for_each_rendering() -> None:
    for _ in range(5):
        assert render_text("{% for i in range(90000) %}{% endfor %}ok", {}) == "ok"


def test_a_value_nested_too_deep_is_a_fault_not_a_crash() -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TemplateUseError, match="too deep"):
        render_text("{{ input }}", {"input": deep})


def test_prompts_never_see_expected_and_graders_do() -> None:
    assert "SECRET" not in json.dumps(NAMES)
    assert grader_names(CASE)["expected"] == "SECRET"
    without = Case(id="c", input="x")
    assert "expected" not in grader_names(without)
    assert "context" not in case_names(without)


def test_input_is_unknown_where_the_case_has_messages() -> None:
    with pytest.raises(TemplateUseError, match="undefined name 'input'"):
        render_text("{{ input }}", case_names(Case(id="c", messages=({"role": "user", "content": "q"},))))


def test_parts_of_a_content_are_rendered_and_faults_point_to_the_message() -> None:
    parts = [{"type": "text", "text": "{{ tone }}"}, {"type": "image_url", "image_url": {"url": "{{ id }}"}}]
    (message,) = render_messages([{"role": "user", "content": parts}], NAMES)
    assert message["content"] == [
        {"type": "text", "text": "kind"},
        {"type": "image_url", "image_url": {"url": "c1"}},
    ]
    with pytest.raises(TemplateUseError) as caught:
        render_messages([{"role": "system", "content": "a"}, {"role": "user", "content": "{{ b }}"}], {})
    assert caught.value.pointer == "/1/content"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ n }}", 3),
        (" {{ xs }} ", [1, 2]),
        ("{{ n }}{{ n }}", "33"),
        ("n={{ n }}", "n=3"),
        ("{{ n }}{% if true %}{% endif %}", "3"),
        ("{{ n | string }}", "3"),
    ],
)
def test_a_single_expression_keeps_its_type(source: str, value: object) -> None:
    assert render_value(source, {"n": 3, "xs": [1, 2]}) == value
    assert render_deep([{"k": source}], {"n": 3, "xs": [1, 2]}, keep_types=True) == [{"k": value}]


@pytest.mark.parametrize("source", ["{{ nope }}", "{{ n.__class__ }}", "{{ range }}"])
def test_a_single_expression_is_guarded_too(source: str) -> None:
    with pytest.raises(TemplateUseError):
        render_value(source, {"n": 3})


def test_mentions_reads_the_template_not_the_text() -> None:
    assert mentions([{"content": "{{ context }}"}], "context")
    assert mentions("{% if context is defined %}{% endif %}", "context")
    assert not mentions("the context is here", "context")
    assert not mentions("{{ vars.context }}", "context")


@given(st.text(), st.text())
@example("\r\n", "\r\n")
@example("a\r", "\n{{ input }}\r")
def test_data_is_never_read_as_a_template(before: str, data: str) -> None:
    """Jinja2 writes every line break of a template as \\n; what is filled in stays as it is."""
    before = before.replace("{", "")
    rendered = render_text(before + "{{ input }}", {"input": data})
    assert rendered == re.sub("\r\n|\r", "\n", before) + data


def test_importing_the_stage_imports_no_heavy_library() -> None:
    code = (
        "import sys, pytest_ftgate.planning.plan, pytest_ftgate.planning.builtin, "
        "pytest_ftgate.planning.faults, pytest_ftgate.planning.probe, pytest_ftgate.planning.reask\n"
        "heavy = {'jinja2', 'bm25s', 'numpy', 'scipy', 'litellm', 'yaml', 'jsonschema', 'aiohttp'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
