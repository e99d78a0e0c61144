"""The fast YES for a schema never says it where the validator that names the errors does not."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from grading_world import JSON_VALUES, judge, read_rows, spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_ftgate.grading.fast_schema import build_fast_check
from pytest_ftgate.grading.grades import GraderError
from pytest_ftgate.grading.schema import CompiledSchema
from pytest_ftgate.grading.timed_regex import PatternBudget

SEVEN = "http://json-schema.org/draft-07/schema#"
NINETEEN = "https://json-schema.org/draft/2019-09/schema"


def compare(schema, values):
    """(has a fast check, how often it said YES), after holding it against the slow judgement."""
    compiled = CompiledSchema(json.loads(json.dumps(schema)))
    fast = compiled._fast
    if fast is None:
        return False, 0
    said = 0
    for value in values:
        quick = judged(compiled, value)
        compiled._fast = None
        slow = judged(compiled, value)
        compiled._fast = fast
        assert quick == slow, (schema, value)
        compiled.budget.reset()
        said += fast.locate(value) == []
    return True, said


def judged(compiled, value):
    """The problems, signatures and reasons in order; or the error of a schema that cannot judge."""
    try:
        return compiled.problems(value)
    except GraderError as error:
        return str(error)


SUITE = [row for row in read_rows("grader_vectors.jsonl") if row["grader"] == "json_schema"]


def test_the_test_suites_vectors_agree_and_most_take_the_fast_way():
    """Every value of the suite under every schema of the suite, under each draft."""
    values = [json.loads(row["output"]) for row in SUITE]
    fast = yes = 0
    for row in SUITE:
        schema = row["params"]["schema"]
        for draft in (None, SEVEN, NINETEEN) if isinstance(schema, dict) else (None,):
            drafted = schema if draft is None else {**schema, "$schema": draft}
            is_fast, said = compare(drafted, values)
            fast, yes = fast + is_fast, yes + said
    assert fast >= len(SUITE)
    assert yes > 100


NAMES = st.sampled_from(["a", "b", "c"])
SMALL = st.integers(0, 3)
LIMITS = st.integers(-3, 6) | st.sampled_from([0.0, 1.0, 1.5, 0.1, 0.3, 2**53])
NUMBERS = LIMITS | st.sampled_from(
    [-0.0, 2**53 + 1, float(2**53), 10**30, 10**400, -(10**400), 1e300, 5e-324, float("inf")]
)
SCALARS = st.none() | st.booleans() | st.sampled_from(["", "a", "ab", "é", "👍", "\ud800", "1"])


def nest(leaves, most):
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=most,
    )


VALUES = nest(SCALARS | NUMBERS, 8)
STATED = nest(st.none() | st.booleans() | LIMITS | st.sampled_from(["", "a"]), 4)
TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"]
PLAIN = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from([*TYPES, ["string", "null"], ["integer", "object"]]),
        "required": st.lists(NAMES, unique=True, max_size=2),
        "enum": st.lists(STATED, min_size=1, max_size=3),
        "const": STATED,
        **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), LIMITS),
        **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), SMALL),
        **dict.fromkeys(("minProperties", "maxProperties", "minContains", "maxContains"), SMALL),
        "uniqueItems": st.booleans(),
        "pattern": st.sampled_from(["^a", "b$", r"\d", "", r"\p{L}"]),
        "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, unique=True, max_size=2), max_size=2),
        "format": st.sampled_from(["date", "email", "regex"]),
        "default": STATED,
        "$ref": st.sampled_from(["#/$defs/x", "#/$defs/y"]),
    },
)


def _grow(inner):
    inner = inner | st.booleans()
    named, listed = st.dictionaries(NAMES, inner, max_size=3), st.lists(inner, min_size=1, max_size=3)
    ones = ("additionalProperties", "propertyNames", "contains", "items", "not", "if", "then", "else")
    optional = {
        **dict.fromkeys(("properties", "dependentSchemas"), named),
        **dict.fromkeys(("prefixItems", "allOf", "anyOf", "oneOf"), listed),
        **dict.fromkeys(ones, inner),
    }
    return st.builds(
        lambda *parts: {**parts[0], **parts[1]}, PLAIN, st.fixed_dictionaries({}, optional=optional)
    )


PARTS = st.recursive(PLAIN, _grow, max_leaves=6)
SCHEMAS = st.builds(
    lambda root, x, y, draft: {**root, "$defs": {"x": x, "y": y}, **({"$schema": draft} if draft else {})},
    PARTS,
    PARTS,
    PARTS,
    st.sampled_from([None, None, SEVEN, NINETEEN]),
)


def hold_against_each_other(schema, values):
    try:
        compare(schema, values)
    except GraderError as error:
        # No schema at all, or one that no validator can finish.
        assert "not a valid JSON Schema" in str(error)  # noqa: PT017


@given(SCHEMAS, st.lists(VALUES, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_schema_and_any_value(schema, values):
    hold_against_each_other(schema, values)


@pytest.mark.slow
@given(SCHEMAS, st.lists(VALUES, min_size=1, max_size=8))
@settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_schema_and_any_value_at_length(schema, values):
    hold_against_each_other(schema, values)


INFINITE = st.sampled_from([float("inf"), -float("inf"), 1e308 * 10, float("nan"), -float("nan")])


@given(
    st.dictionaries(
        st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), LIMITS, min_size=1
    )
    | st.fixed_dictionaries({"type": st.sampled_from([*TYPES, ["integer", "null"]])})
    | st.fixed_dictionaries({"enum": st.lists(st.none() | LIMITS, min_size=1)})
    | st.fixed_dictionaries({"not": st.fixed_dictionaries({"type": st.sampled_from(TYPES)})}),
    INFINITE,
    LIMITS,
)
@settings(max_examples=200, deadline=None)
def test_no_infinity_takes_the_fast_way(limit, infinite, number):
    for schema, value in (
        (limit, infinite),
        ({"items": limit}, [number, infinite]),
        ({"properties": {"a": limit}}, {"a": infinite, "b": number}),
        ({"additionalProperties": limit}, {"a": {"c": [infinite]}, "b": infinite}),
    ):
        is_fast, said = compare(schema, [value])
        assert is_fast
        assert not said


def test_a_number_beyond_all_floats_breaks_its_limit():
    schema = {"properties": {"score": {"maximum": 1}}}
    assert judge('{"score": 1e999}', spec("is-json", schema=schema)).signature == "schema:maximum:/score"
    assert judge('{"score": 0.5}', spec("is-json", schema=schema)).outcome == "passed"


@given(JSON_VALUES, JSON_VALUES)
@settings(max_examples=60, deadline=None)
def test_a_value_is_its_own_constant(value, other):
    if "NaN" not in json.dumps(value):
        hold_against_each_other({"const": value}, [value, other])
        hold_against_each_other(
            {"enum": [value], "uniqueItems": True}, [value, [value, value], [value, other]]
        )


@pytest.mark.parametrize(
    "schema",
    [
        {"multipleOf": 0.01},
        {"patternProperties": {"^a": {}}},
        {"unevaluatedProperties": False},
        {"unevaluatedItems": False},
        {"$dynamicRef": "#x"},
        {"$anchor": "x"},
        {"properties": {"a": {"$id": "http://example.com/a"}}},
        {"$ref": "http://127.0.0.1:9/x.json"},
        {"$ref": "file:///etc/hostname"},
        {"$ref": "other.json"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#"},
        {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$schema": "http://json-schema.org/draft-04/schema#"},
        {"$schema": "http://example.com/own"},
        {"$schema": SEVEN, "contentEncoding": "base64"},
        {"$schema": SEVEN, "items": [{}]},
        {"maximum": 10**30},
        {"const": [2**53 + 1]},
        {"nullable": True},
        {"$defs": {"name": {"maxLength": 3}}, "propertyNames": {"$ref": "#/$defs/name"}},
        True,
    ],
)
def test_schemas_on_which_libraries_may_differ_never_take_the_fast_way(schema):
    assert build_fast_check(schema, PatternBudget()) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": ["string", "null"], "format": "date"}}},
        {
            "$id": "https://example.com/x",
            "$schema": SEVEN,
            "$ref": "#/definitions/a",
            "definitions": {"a": {}},
        },
        {
            "properties": {"next": {"$ref": "#"}, "name": {"pattern": "^[a-z]+$"}},
            "additionalProperties": False,
        },
    ],
)
def test_everyday_schemas_take_the_fast_way(schema):
    assert build_fast_check(schema, PatternBudget()).locate({}) == []


def test_names_of_properties_held_against_a_part_by_reference():
    part = {"propertyNames": {"$ref": "#/$defs/name"}, "properties": {"long": {"type": "string"}}}
    schema = {
        "$defs": {"name": {"maxLength": 3}, "part": part},
        "properties": {"p": {"$ref": "#/$defs/part"}},
    }
    record = judge('{"p": {"long": 1}}', spec("is-json", schema=schema))
    assert [record.signature, *record.secondary] == ["schema:propertyNames:/p", "schema:type:/p/long:integer"]


def test_nothing_is_ever_fetched():
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/x.json"
        for schema in (
            {"$ref": url},
            {"properties": {"a": {"$ref": url}}},
            {"$schema": url},
            {"$id": url, "$ref": "y.json"},
            {"$id": url, "properties": {"a": {"type": "string"}}},
            {"default": {"$ref": url}},
        ):
            judge('{"a": 1}', spec("is-json", schema=schema))
        server.shutdown()
        thread.join()
    assert asked == []


def test_a_pattern_cut_off_is_never_a_yes():
    schema = {"not": {"pattern": "^(a|a)*$"}}
    record = judge('"' + "a" * 60 + 'b"', spec("is-json", schema=schema))
    assert record.outcome == "error"
    assert "cut off" in record.error


def test_duplicate_keys_lone_surrogates_and_numbers_beyond_floats():
    schema = {"type": "object", "properties": {"a": {"type": "number", "minimum": 0}}}
    grader = spec("is-json", schema=schema)
    assert judge('{"a": "x", "a": 1}', grader).flags == ("duplicate_keys",)
    assert judge('{"a": 1, "a": "x"}', grader).signature == "schema:type:/a:string"
    for text in (
        '{"b": "\\ud800"}',
        '{"\\ud800": 1}',
        '{"a": 1e999}',
        '{"a": 1' + "0" * 400 + "}",
        '{"a": 1.0}',
    ):
        assert judge(text, grader).outcome == "passed", text
    assert judge('{"a": -1e999}', grader).signature == "schema:minimum:/a"
    whole = spec("is-json", schema={"type": "integer"})
    assert [judge(text, whole).outcome for text in ("1", "1.0", "1.5", "true")] == [
        "passed",
        "passed",
        "failed",
        "failed",
    ]


SIMPLE = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from([*TYPES, ["string", "null"], ["integer", "object"]]),
            "required": st.lists(NAMES, unique=True, max_size=2),
            "enum": st.lists(STATED, min_size=1, max_size=3),
            "const": STATED,
            **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), LIMITS),
            **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), SMALL),
            **dict.fromkeys(("minProperties", "maxProperties"), SMALL),
            "pattern": st.sampled_from(["^a", "b$", r"\d"]),
            "additionalProperties": st.just(False),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {"properties": st.dictionaries(NAMES, inner, min_size=1, max_size=3), "items": inner},
        optional={
            "type": st.sampled_from(TYPES),
            "required": st.lists(NAMES, unique=True, max_size=2),
            "additionalProperties": st.just(False),
        },
    ),
    max_leaves=8,
)


@given(SIMPLE, st.lists(VALUES, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_errors_at_simple_places_are_those_that_the_whole_schema_names(schema, values):
    hold_against_each_other(schema, values)


def test_errors_are_named_where_the_compiled_validator_finds_them(monkeypatch):
    """Nothing else of the schema is tried: the validator's own descent from the root is never used."""
    row = {"type": "object", "properties": {"n": {"minimum": 3}}, "required": ["n"]}
    schema = {
        "$defs": {"row": {"allOf": [row, {"maxProperties": 2}]}},
        "properties": {
            "a": {"items": {"$ref": "#/$defs/row"}},
            "b": {"anyOf": [{"type": "string", "minLength": 2}, {"type": "null"}]},
            "m": {"additionalProperties": {"const": 1}},
            "o": {"if": {"type": "string"}, "then": {"maxLength": 2}},
            "p": {
                "prefixItems": [{"type": "string"}],
                "contains": {"type": "boolean"},
                "items": {"minimum": 9},
            },
            "u": {"uniqueItems": True, "not": {"maxItems": 2}},
        },
        "required": ["c"],
    }
    value = {
        "a": [{"n": 1}, {}, {"n": 3, "x": 0, "y": 0}],
        "b": "x",
        "m": {"k1": 1, "k2": 2},
        "o": "abc",
        "p": [1, 10, 2],
        "u": [1, 1],
    }
    compiled = CompiledSchema(schema)
    fast, compiled._fast = compiled._fast, None
    wanted = compiled.problems(value)
    compiled._fast = fast
    assert [problem.signature for problem in wanted] == [
        "schema:required:/c",
        "schema:contains:/p",
        "schema:maxLength:/o",
        "schema:minLength:/b",
        "schema:not:/u",
        "schema:uniqueItems:/u",
        "schema:const:/m/*",
        "schema:maxProperties:/a/*",
        "schema:minimum:/p/*",
        "schema:required:/a/*/n",
        "schema:type:/p/*:integer",
        "schema:minimum:/a/*/n",
    ]
    monkeypatch.setattr(CompiledSchema, "_choose_validator", lambda *_: pytest.fail("the slow way was taken"))
    assert compiled.problems(value) == wanted
    with pytest.raises(pytest.fail.Exception):
        CompiledSchema({"properties": {"a": False}}).problems({"a": 1})
