"""Strict and lenient reading of JSON, its graders, and real models' answers."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from grading_world import judge, read_rows, spec, verdict

from pytest_ftgate.grading.grades import GraderError
from pytest_ftgate.grading.parsed import TextOutput
from pytest_ftgate.grading.schema import CompiledSchema

OBJECT = {"a": 1}
ENDLESS = "^(a|a)*$"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize(
    ("text", "kinds", "value"),
    [
        ('```json\n{"a": 1}\n```', ("fenced",), OBJECT),
        ('```{"a": 1}```', ("fenced",), OBJECT),
        ('```json\n{"a": 1}', ("fenced",), OBJECT),
        ("```\n42\n```", ("fenced",), 42),
        ('Sure:\n```json\n{"a": 1}\n```\nDone.', ("fenced", "prose_before", "prose_after"), OBJECT),
        ('Here it is: {"a": 1}', ("prose_before",), OBJECT),
        ('As in [1], the result is {"a": 1}', ("prose_before",), OBJECT),
        ('{"a": 1}\n\n[Note] the value is one', ("prose_after",), OBJECT),
        ('{"a": 1} {"a": 2}', ("two_documents",), OBJECT),
        ('{"a": 1}\nor rather\n{"a": 2}', ("two_documents",), OBJECT),
        (
            "{'a': 1, 'b': True, 'c': None}",
            ("python_literal", "single_quotes"),
            {"a": 1, "b": True, "c": None},
        ),
        ('{"a": ("x", 1)}', ("python_literal",), {"a": ["x", 1]}),
        ("('x', 1)", ("python_literal", "single_quotes"), ["x", 1]),
        ("None", ("python_literal",), None),
        ('{"a": 1,}', ("trailing_comma",), OBJECT),
        ("{'a': 1}", ("single_quotes",), OBJECT),
        ("{'a': 'it\\'s \"b\"'}", ("single_quotes",), {"a": 'it\'s "b"'}),
        ("{a: 1}", ("unquoted_key",), OBJECT),
        ('{"a": [1, 2', ("unclosed",), {"a": [1, 2]}),
        ('{"a": 1, "b": "cut he', ("unclosed",), {"a": 1, "b": "cut he"}),
        ('{"a": NaN}', ("nan",), {"a": None}),
        ('{"a": -Infinity}', ("nan",), {"a": None}),
        ("{'a': 1,}", ("single_quotes", "trailing_comma"), OBJECT),
        ('{"a": 1, // one\n "b": 2}', ("not_json",), {"a": 1, "b": 2}),
    ],
)
def test_each_defect_is_named_and_the_value_recovered(text, kinds, value):
    diagnosis = TextOutput(text).diagnosis
    assert diagnosis.kinds == kinds
    assert diagnosis.has_value
    assert diagnosis.value == value
    record = judge(text, spec("is-json"), finish_reason="stop")
    assert (record.signature, record.secondary) == (
        f"format:{kinds[0]}",
        tuple(f"format:{k}" for k in kinds[1:]),
    )
    assert record.flags == ("recovered",)
    assert judge(text, spec("is-json"), tolerant=True).outcome == "passed"


@pytest.mark.parametrize("text", ["The answer is 42", "hello", "{...}", "[Note] see below", "\\frac{a}{b}"])
def test_text_without_json_is_not_json_and_nothing_is_invented(text):
    diagnosis = TextOutput(text).diagnosis
    assert diagnosis.kinds == ("not_json",)
    assert not diagnosis.has_value


@pytest.mark.parametrize("text", ['{"a": 1}', " [1, 2] \n", '"x"', "3.5", "null", "\ufeff{}"])
def test_strict_json_passes(text):
    assert judge(text, spec("is-json")).outcome == "passed"


def test_duplicate_keys_pass_and_are_flagged():
    record = judge('{"a": 1, "a": 2}', spec("is-json"))
    assert (record.outcome, record.flags) == ("passed", ("duplicate_keys",))


def test_reasoning_is_cut_off_first():
    assert judge('<think>{"no": </think>\n{"a": 1}', spec("is-json")).outcome == "passed"
    assert judge('so I think...</think>{"a": 1}', spec("is-json")).outcome == "passed"
    assert judge('{"a": "</think>"}', spec("is-json")).outcome == "passed"
    assert verdict(judge("<think>never ends", spec("is-json"))) == "empty:blank"


def test_recorded_answers_of_local_models():
    """Every recorded failure has a typed signature, `not_json` never; every valid answer passes."""
    seen = Counter()
    for row in read_rows("json_outputs.jsonl"):
        record = judge(row["output"], spec("is-json", schema=row["schema"]))
        assert (record.outcome == "passed") == (row["label"] == "valid"), row["case"]
        if record.signature is not None:
            assert record.signature.startswith(("format:", "schema:"))
            assert record.signature != "format:not_json"
            signatures = {record.signature, *record.secondary}
            wanted = {
                "python_tuple": {"format:python_literal"},
                "markdown_fence": {"format:fenced"},
                "markdown_fence+python_tuple": {"format:fenced", "format:python_literal"},
                "prose_around_json": {"format:prose_after"},
            }[row["failure"]]
            assert wanted <= signatures, row["case"]
        seen[row["label"]] += 1
        assert judge(row["output"], spec("is-json"), tolerant=True).outcome == "passed"
    assert seen == {"format_failure": 112, "valid": 74}


TOTAL, EXTRA = "schema:required:/total", "schema:additionalProperties:/"
SCHEMA = {
    "type": "object",
    "properties": {
        "total": {"type": "number"},
        "currency": {"enum": ["EUR", "USD"]},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]},
        },
        "map": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
    "required": ["total"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("text", "signature", "secondary"),
    [
        ('{"total": "12"}', "schema:type:/total:string", ()),
        ('{"currency": "EUR"}', "schema:required:/total", ()),
        ('{"total": 1, "currency": "GBP"}', "schema:enum:/currency", ()),
        ('{"total": 1, "x": 1, "y": 2}', "schema:additionalProperties:/", ()),
        ('{"total": 1, "items": [{}, {"sku": "a"}, {}]}', "schema:required:/items/*/sku", ()),
        ('{"total": 1, "map": {"inv-1": "x", "inv-2": "y"}}', "schema:type:/map/*:string", ()),
        ("[]", "schema:type:/:array", ()),
        ('{"x": 1, "items": [{}]}', "schema:additionalProperties:/", (TOTAL, "schema:required:/items/*/sku")),
        ('```\n{"total": "12"}\n```', "format:fenced", ("schema:type:/total:string",)),
        ('{"type": "object", "properties": {"total": 3}}', "format:schema_echo", (EXTRA, TOTAL)),
    ],
)  # fmt: skip
def test_schema_errors_become_signatures(text, signature, secondary):
    record = judge(text, spec("is-json", schema=SCHEMA))
    assert (record.signature, record.secondary) == (signature, secondary)


def test_alternatives_are_reduced_to_the_branch_meant():
    schema = {
        "oneOf": [
            {
                "properties": {"kind": {"const": "card"}, "number": {"type": "string"}},
                "required": ["kind", "number"],
            },
            {
                "properties": {"kind": {"const": "cash"}, "amount": {"type": "number"}},
                "required": ["kind", "amount"],
            },
        ]
    }
    assert verdict(judge('{"kind": "cash"}', spec("is-json", schema=schema))) == "schema:required:/amount"
    assert verdict(judge('{"kind": "card", "number": 1}', spec("is-json", schema=schema))) == (
        "schema:type:/number:integer"
    )
    both = {"oneOf": [{"type": "integer"}, {"minimum": 2}]}
    assert verdict(judge("3", spec("is-json", schema=both))) == "schema:oneOf:/"


def test_remote_references_are_never_fetched():
    record = judge("{}", spec("is-json", schema={"$ref": "http://127.0.0.1:9/x.json"}))
    assert record.outcome == "error"
    assert "never fetched" in record.error


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^(a|a)*$"},
        {"type": "object", "patternProperties": {"^(a|a)*$": {}}, "additionalProperties": False},
        {"type": "object", "patternProperties": {"^(a|a)*$": {}}, "unevaluatedProperties": False},
    ],
)
def test_a_catastrophic_pattern_is_cut_off_and_is_the_graders_error(schema):
    text = '"' + "a" * 60 + 'b"'
    record = judge(text if schema["type"] == "string" else f"{{{text}: 1}}", spec("is-json", schema=schema))
    assert record.outcome == "error"
    assert "cut off" in record.error


@pytest.mark.parametrize("keyword", [{"patternProperties": {"^never$": {}}}, {}])
@pytest.mark.parametrize("inner", [{"$ref": "#/$defs/text"}, {"$schema": DRAFT_7, "pattern": ENDLESS}])
def test_a_part_that_names_its_draft_is_guarded_like_the_rest(keyword, inner):
    """jsonschema would hold it against keywords of its own, whose patterns nothing stops."""
    schema = {
        "$schema": DRAFT_7,
        "$defs": {"text": {"pattern": ENDLESS}},
        "properties": {"next": {"$ref": "#"}, "text": inner},
        **keyword,
    }
    record = judge(json.dumps({"next": {"text": "a" * 60 + "b"}}), spec("is-json", schema=schema))
    assert record.outcome == "error"
    assert "cut off" in record.error


def test_a_stack_used_up_in_compiled_code_is_no_crash():
    """rpds, under jsonschema, then raises what is no `Exception`; the depth says where the stack ends."""
    compiled = CompiledSchema({"if": {"type": "object"}, "else": {"$ref": "#"}})

    def judge_at(depth):
        return judge_at(depth - 1) if depth else compiled.problems(1)

    for depth in range(12):
        with pytest.raises(GraderError, match="refers to itself without end"):
            judge_at(depth)


def test_unevaluated_properties_see_pattern_properties():
    schema = {"allOf": [{"patternProperties": {"^x-": {}}}], "unevaluatedProperties": False}
    assert judge('{"x-a": 1}', spec("is-json", schema=schema)).outcome == "passed"
    assert verdict(judge('{"y": 1}', spec("is-json", schema=schema))) == "schema:unevaluatedProperties:/"


def test_an_unusable_schema_is_the_graders_error():
    record = judge("{}", spec("is-json", schema={"type": "nonsense"}))
    assert record.outcome == "error"
    assert "not a valid JSON Schema" in record.error


def test_contains_json_finds_a_valid_document_in_prose():
    schema = {"type": "object", "required": ["b"]}
    grader = spec("contains-json", schema=schema)
    assert judge('First {"a": 1}, then {"b": 2}.', grader).outcome == "passed"
    assert verdict(judge('Only {"a": 1}.', grader)) == "schema:required:/b"
    assert verdict(judge("nothing", grader)) == "format:not_json"
    assert judge('say {"a": 1', spec("contains-json")).signature == "format:prose_before"


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        ('{"total": 12.5, "items": [{"sku": "A"}], "notes": "whatever", "more": 1}', "passed"),
        ('{"total": 12.51, "items": [{"sku": "A"}]}', "passed"),
        ('{"total": 12.7, "items": [{"sku": "A"}]}', "value:/total"),
        ('{"total": "12.5", "items": [{"sku": "A"}]}', "schema:type:/total:string"),
        ('{"total": null, "items": [{"sku": "A"}]}', "value:/total"),
        ('{"total": true, "items": [{"sku": "A"}]}', "schema:type:/total:boolean"),
        ('{"items": [{"sku": "A"}]}', "schema:required:/total"),
        ('{"total": 12.5, "items": [{"sku": "B"}]}', "value:/items/*/sku"),
        ('{"total": 12.5, "items": []}', "value:/items"),
        ('{"total": 12.5, "items": {}}', "schema:type:/items:object"),
        ("[]", "schema:type:/:array"),
        ('```json\n{"total": 12.5, "items": [{"sku": "A"}]}\n```', "format:fenced"),
        ('{"total": NaN, "items": [{"sku": "A"}]}', "format:nan"),
    ],
)
def test_json_fields(text, signature):
    expected = {"total": 12.5, "items": [{"sku": "A"}], "notes": "x"}
    record = judge(text, spec("json-fields", ignore=["notes"], numeric_tolerance=0.01), expected=expected)
    assert verdict(record) == signature


def test_json_fields_reports_every_field_and_options_name_fields():
    options = {"sets": ["tags"], "case_insensitive": ["/name"], "extra": "fail"}
    expected = {"tags": ["a", "b"], "name": "Ann", "age": 3}
    good = judge(
        '{"tags": ["b", "a"], "name": "ANN", "age": 3.0}', spec("json-fields", **options), expected=expected
    )
    assert good.outcome == "passed"
    bad = judge(
        '{"tags": ["b"], "name": "ann", "x": 1, "age": 4}', spec("json-fields", **options), expected=expected
    )
    assert bad.grades[0].fields == {"/tags": False, "/name": True, "/age": False, "/": False}
    assert {bad.signature, *bad.secondary} == {"schema:additionalProperties:/", "value:/tags", "value:/age"}
    assert bad.signature == "schema:additionalProperties:/"
    lost = judge("no", spec("json-fields", **options), expected=expected)
    assert lost.grades[0].fields == {"/tags": False, "/name": False, "/age": False}
