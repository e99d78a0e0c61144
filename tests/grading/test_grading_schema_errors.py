"""One signature for each root cause: no cascades, and of alternatives the one that was meant."""

from __future__ import annotations

import json

import pytest
from grading_world import judge, spec

from pytest_ftgate.grading import schema_errors

CARD = {
    "type": "object",
    "properties": {
        "kind": {"const": "card"},
        "number": {"type": "string"},
        "exp": {"type": "object", "properties": {"month": {"type": "integer"}}, "required": ["month"]},
    },
    "required": ["kind", "number", "exp"],
    "additionalProperties": False,
}
CASH = {
    "type": "object",
    "properties": {"kind": {"const": "cash"}, "amount": {"type": "number"}},
    "required": ["kind", "amount"],
    "additionalProperties": False,
}
PAY = {"oneOf": [CARD, CASH]}
REFERRED = {
    "$defs": {"card": CARD, "cash": CASH},
    "properties": {"pay": {"anyOf": [{"$ref": "#/$defs/card"}, {"$ref": "#/$defs/cash"}, {"type": "null"}]}},
    "required": ["pay"],
}
NODE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["value"],
        }
    },
    "$ref": "#/$defs/node",
}


def tagged(name, *fields):
    return {"type": "object", "properties": {"k": {"const": name}}, "required": ["k", *fields]}


def maybe(schema):
    return {"properties": {"a": {"anyOf": [{"type": "null"}, schema]}}}


MONTH, DEEP = "type:/pay/exp/month:string", "type:/kids/*/kids/*/value:string"
SHUT = {"additionalProperties": False, "unevaluatedProperties": False}
SPLIT = {"anyOf": [{"allOf": [tagged("a"), {"required": ["p"]}]}, tagged("b", "q")]}
NESTED = {"anyOf": [{"anyOf": [tagged("a", "p"), tagged("b", "q")]}, tagged("c", "r", "s")]}
ADDRESS = {
    "if": {"properties": {"country": {"const": "US"}}, "required": ["country"]},
    "then": {"required": ["zip"]},
    "else": {"required": ["post"], "properties": {"post": {"type": "string"}}},
}
CLOSED = {
    "allOf": [
        {"properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"properties": {"b": {"type": "integer"}}},
    ],
    "unevaluatedProperties": False,
}
SEVEN = {"$schema": "http://json-schema.org/draft-07/schema#"}
MAPS = {"properties": {"name": {"type": "object", "additionalProperties": {"type": "integer"}}}}


@pytest.mark.parametrize(
    ("schema", "value", "signatures"),
    [
        # a union told apart by a field
        (PAY, {"kind": "card", "number": "1"}, ["required:/exp"]),
        (PAY, {"kind": "card", "number": 1, "exp": {}}, ["required:/exp/month", "type:/number:integer"]),
        (PAY, {"kind": "cash", "amount": 1, "x": 1}, ["additionalProperties:/"]),
        (PAY, {"kind": "crypto", "amount": 1}, ["enum:/kind"]),
        (PAY, {"kind": "crypto"}, ["enum:/kind"]),
        (PAY, {}, ["required:/kind"]),
        (PAY, {"amount": 3}, ["required:/kind"]),
        (PAY, [], ["type:/:array"]),
        ({"items": PAY}, [{"kind": "cash"}, {"kind": "cash"}], ["required:/*/amount"]),
        (REFERRED, {"pay": {"kind": "card", "number": "1", "exp": {"month": "x"}}}, [MONTH]),
        (REFERRED, {"pay": 5}, ["type:/pay:integer"]),
        (REFERRED, {"pay": {"kind": "cash", "amount": "x"}}, ["type:/pay/amount:string"]),
        # unions in unions
        (NESTED, {"k": "c"}, ["required:/r", "required:/s"]),
        (NESTED, {"k": "b"}, ["required:/q"]),
        (NESTED, {"k": "z"}, ["enum:/k"]),
        (NESTED, {}, ["required:/k"]),
        (SPLIT, {"k": "a"}, ["required:/p"]),
        # or null, or one of several spelled out
        (maybe({"type": "string"}), {"a": 5}, ["type:/a:integer"]),
        (maybe(CASH), {"a": {"kind": "cash"}}, ["required:/a/amount"]),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, "c", ["enum:/"]),
        ({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}, 3, ["type:/:integer"]),
        ({"anyOf": [False, {"type": "string"}]}, 3, ["type:/:integer"]),
        ({"anyOf": [False]}, 3, ["false:/"]),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": 1, "b": 2}, ["oneOf:/"]),
        # references that come back
        (NODE, {"value": 1, "kids": [{"value": 2, "kids": [{"value": "x"}]}]}, [DEEP]),
        (NODE, {"value": 1, "kids": [{}, {}]}, ["required:/kids/*/value"]),
        # conditions and dependencies
        (ADDRESS, {"country": "US"}, ["required:/zip"]),
        (ADDRESS, {"country": "DE"}, ["required:/post"]),
        (ADDRESS, {"post": 1}, ["type:/post:integer"]),
        ({"dependentRequired": {"a": ["zip", "b"]}}, {"a": 1, "b": 2}, ["dependentRequired:/zip"]),
        ({"dependentSchemas": {"card": {"required": ["zip"]}}}, {"card": 1}, ["required:/zip"]),
        ({**SEVEN, "dependencies": {"card": ["zip"]}}, {"card": 1}, ["dependentRequired:/zip"]),
        # what closes an object
        (CLOSED, {"a": 1, "b": 2}, ["type:/a:integer"]),
        (CLOSED, {"a": "x", "zz": 1}, ["unevaluatedProperties:/"]),
        (CLOSED, {"a": 1, "zz": 1}, ["type:/a:integer"]),
        (SHUT, {"x": 1}, ["additionalProperties:/"]),
        # one error hides what follows from it
        ({"type": "object", "required": ["a", "b"], "minProperties": 2}, [], ["type:/:array"]),
        ({"type": "string", "enum": ["a"], "minLength": 1}, 5, ["type:/:integer"]),
        ({"enum": ["a", "b"], "pattern": "^[ab]$", "minLength": 1}, "", ["enum:/"]),
        ({"type": "integer", "minimum": 1, "enum": [1, 2]}, 0, ["enum:/"]),
        ({"allOf": [{"required": ["a"]}, {"required": ["a", "b"]}]}, {}, ["required:/a", "required:/b"]),
        # lists
        ({"contains": {"type": "integer"}}, ["a"], ["contains:/"]),
        ({"contains": {"required": ["x"]}, "minContains": 2}, [{"x": 1}, {}], ["minContains:/"]),
        ({"contains": {"type": "integer"}, "maxContains": 1}, [1, 2], ["maxContains:/"]),
        ({"prefixItems": [{"type": "string"}, {"type": "integer"}]}, ["a", "b"], ["type:/*:string"]),
        ({"prefixItems": [{}], "items": False}, [1, 2], ["items:/"]),
        ({"prefixItems": [{}], "unevaluatedItems": False}, [1, 2], ["unevaluatedItems:/"]),
        # keys of a map are values, whatever they are called
        (MAPS, {"name": {"name": "x", "other": "y"}}, ["type:/name/*:string"]),
        ({"patternProperties": {"^i-": {"required": ["sku"]}}}, {"i-1": {}, "i-2": {}}, ["required:/*/sku"]),
        ({"propertyNames": {"pattern": "^[a-z]+$"}}, {"A1": 1, "B2": 2}, ["propertyNames:/"]),
        ({"properties": {"properties": {"type": "object", "properties": {"x": {"type": "null"}}}}},
         {"properties": {"x": 1}}, ["type:/properties/x:integer"]),
    ],
)  # fmt: skip
def test_one_signature_for_each_root_cause(schema, value, signatures):
    record = judge(json.dumps(value), spec("is-json", schema=schema))
    assert [record.signature, *record.secondary] == [f"schema:{entry}" for entry in signatures]


def test_a_wrong_discriminator_names_all_that_would_do():
    reason = judge('{"kind": "crypto"}', spec("is-json", schema=PAY)).grades[0].reason
    assert reason == "/kind: 'crypto' is none of 'card', 'cash'"
    reason = judge('{"k": "z"}', spec("is-json", schema=NESTED)).grades[0].reason
    assert reason == "/k: 'z' is none of 'a', 'b', 'c'"


def test_the_order_does_not_depend_on_the_order_of_the_answer():
    schema = {"properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "required": ["c"]}
    records = [judge(text, spec("is-json", schema=schema)) for text in ('{"a":1,"b":1}', '{"b":1,"a":1}')]
    assert [records[0].signature, *records[0].secondary] == [records[1].signature, *records[1].secondary]


def test_a_value_too_deep_for_a_schema_that_refers_to_itself_is_the_answers_failure():
    deep = "[" * 120 + "1" + "]" * 120
    wrapped = {"allOf": [{"anyOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#"}}]}]}
    record = judge(deep, spec("is-json", schema=wrapped))
    assert (record.outcome, record.signature) == ("failed", "format:too_deep")
    endless = judge("1", spec("is-json", schema={"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}))
    assert endless.outcome == "error"
    assert "refers to itself" in endless.error


def test_a_union_over_a_long_list_is_judged_in_time():
    schema = {"anyOf": [{"items": {"type": "string"}}, {"items": {"type": "object", "required": ["a"]}}]}
    record = judge(json.dumps([{}] * 20_000), spec("is-json", schema=schema))
    assert record.signature in ("schema:type:/*:object", "schema:required:/*/a")


BY_PATTERN = {"patternProperties": {"^x": {"type": "string"}}, "unevaluatedProperties": False}


def test_long_keys_of_answers_are_not_kept():
    schema_errors._steps_known.clear()
    for number in range(20):
        key = f"x{number}" + "y" * 4_000
        record = judge(json.dumps({key: 1}), spec("is-json", schema=BY_PATTERN))
        assert record.signature == "schema:type:/*:integer"
    assert sum(len(str(path)) for path in schema_errors._steps_known) < 50_000


@pytest.mark.parametrize(
    ("chars", "signature"), [(9_000, "schema:type:/*:integer"), (900_000, "format:too_large")]
)
def test_a_key_that_repeats_itself_is_held_against_patterns_in_time(chars, signature):
    """`regex` would take hours before it looks for such a text."""
    key = "x" + "y" * chars
    assert judge(json.dumps({key: 1}), spec("is-json", schema=BY_PATTERN)).signature == signature
    assert judge(json.dumps({key: "a"}), spec("is-json", schema=BY_PATTERN)).outcome == (
        "passed" if chars < 10_000 else "failed"
    )
