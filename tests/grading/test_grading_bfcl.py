"""The `tool-call` grader on calls derived from all 150 BFCL cases: each right one passes, each wrong one
fails with its own signature.

The verdicts on these 5,759 calls were held against BFCL's own checker (bfcl-eval 2026.3.23): all agree. Of
19,500 calls with random faults five differ, each an integer in a list of numbers, which BFCL refuses.
"""

from __future__ import annotations

import json
import keyword

import pytest
from grading_world import judge, read_rows, spec, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftgate.model.response import ToolCall

ROWS = read_rows("bfcl_cases.jsonl")
CALLING = [row for row in ROWS if row["expected"]]
SILENT = [row for row in ROWS if not row["expected"]]
GRADER = spec("tool-call")
SAMPLES = ("certainly not this", 7, 2.5, True, None, {"no": ["such"]}, [{"no": ["such"]}])
EACH_CALLING = pytest.mark.parametrize("row", CALLING, ids=lambda row: row["id"])


# Calls as [name, arguments], how they are written, and what the grader says.


def native(calls):
    made = tuple(ToolCall(name=name, arguments=json.dumps(given)) for name, given in calls)
    return {"calls": made, "text": None if made else "Let me think."}


def as_list(calls):
    return {"text": json.dumps([{"name": name, "arguments": given} for name, given in calls])}


def as_openai(calls):
    entries = [
        {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
        for name, given in calls
    ]
    return {"text": json.dumps({"tool_calls": entries})}


def as_map(calls):
    return {"text": json.dumps([{name: given} for name, given in calls], ensure_ascii=False)}


def as_blocks(calls):
    blocks = [json.dumps({"name": name, "arguments": given}) for name, given in calls]
    return {"text": "I call.\n" + "\n".join(f"<tool_call>\n{block}\n</tool_call>" for block in blocks)}


def write_python(name, given):
    plain = {key: value for key, value in given.items() if key.isidentifier() and not keyword.iskeyword(key)}
    parts = [f"{key}={value!r}" for key, value in plain.items()]
    rest = {key: value for key, value in given.items() if key not in plain}
    return f"{name}({', '.join([*parts, f'**{rest!r}'] if rest else parts)})"


def as_python(calls):
    return {"text": f"[{', '.join(write_python(*call) for call in calls)}]"}


def as_lines(calls):
    return {"text": "\n".join(write_python(*call) for call in calls)}


WRITINGS = [native, as_list, as_openai, as_map, as_blocks, as_python, as_lines]


def check(row, calls, write=native):
    written = write(calls)
    record = judge(
        written.get("text"),
        GRADER,
        expected=row["expected"],
        tools=row["tools"],
        calls=written.get("calls", ()),
    )
    return verdict(record)


# What BFCL's expected values allow.


def list_values(allowed):
    """Every concrete value allowed; objects come with one list of allowed values a key."""
    return [concrete for value in allowed if value != "" for concrete in spell_out(value)]


def spell_out(value):
    if isinstance(value, list):
        return [[spell_out(item)[0] for item in value]]
    if not isinstance(value, dict):
        return [value]
    first = {key: list_values(inner)[0] for key, inner in value.items() if list_values(inner)}
    fewer = {key: given for key, given in first.items() if "" not in value[key]}
    others = [
        {**first, key: other}
        for key, inner in value.items()
        for other in (*list_values(inner)[1:], *blank(inner))
    ]
    return [first, *others, *([fewer] if fewer != first else [])]


def blank(allowed):
    return [""] if "" in allowed else []


def list_arguments(row):
    """(index of the call, name of the argument, allowed values, schema)."""
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in row["tools"]}
    for index, entry in enumerate(row["expected"]):
        ((function, arguments),) = entry.items()
        for name, allowed in arguments.items():
            yield index, name, allowed, schemas[function]["properties"][name]


def first_calls(row):
    calls = []
    for entry in row["expected"]:
        ((function, arguments),) = entry.items()
        values = {name: list_values(allowed) for name, allowed in arguments.items()}
        calls.append((function, {name: found[0] for name, found in values.items() if found}))
    return calls


def put(calls, index, name, value):
    """The calls with one argument changed."""
    function, given = calls[index]
    return [*calls[:index], (function, {**given, name: value}), *calls[index + 1 :]]


def leave_out(calls, index, names):
    function, given = calls[index]
    kept = {key: value for key, value in given.items() if key not in names}
    return [*calls[:index], (function, kept), *calls[index + 1 :]]


def derive_right(row):
    first = first_calls(row)
    yield first
    yield first[::-1]
    yield [(name, dict(reversed(given.items()))) for name, given in first]
    for index, name, allowed, _ in list_arguments(row):
        for value in list_values(allowed)[1:]:
            yield put(first, index, name, value)
        if "" in allowed:
            yield leave_out(first, index, {name})
    fewest = first
    for index, entry in enumerate(row["expected"]):
        ((_, arguments),) = entry.items()
        fewest = leave_out(fewest, index, {name for name, allowed in arguments.items() if "" in allowed})
    yield fewest


def kind(value):
    if isinstance(value, bool) or value is None:
        return "boolean" if value is not None else "null"
    kinds = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def fits(value, kinds):
    return kind(value) in kinds or (kind(value) == "integer" and "number" in kinds)


def list_wrong_types(allowed, schema):
    """Values of types that neither the schema nor an allowed value has; `""` for an optional non-text."""
    kinds = {schema["type"], *(kind(value) for value in list_values(allowed))}
    wrong = [value for value in (*SAMPLES, "") if not fits(value, kinds)]
    items = {schema.get("items", {}).get("type")} - {None}
    lists = [value for value in list_values(allowed) if isinstance(value, list)]
    items |= {kind(item) for value in lists for item in value}
    if schema["type"] == "array" and items:
        wrong += [[*lists[0], value] for value in SAMPLES if lists and not fits(value, items)]
    return wrong


def list_wrong_values(allowed, schema):
    """Values of the right type that are not allowed."""
    right = list_values(allowed)
    wrong = []
    for value in right[:1]:
        if isinstance(value, bool):
            wrong = [not value]
        elif isinstance(value, str):
            wrong = [f"{value} zz", f"zz{value}"]
        elif isinstance(value, int | float):
            wrong = [max(right) + 1, -1 - max(right)] + (
                [max(right) + 0.5] if schema["type"] == "number" else []
            )
        elif isinstance(value, list):
            wrong = [[], [*value, value[0]], value[1:]]
        elif isinstance(value, dict):
            wrong = [{**value, "zz": 1}, *({**value, key: {"no": "such"}} for key in value)]
            needed = [key for key in value if "" not in allowed[0][key]]
            wrong += [{key: value[key] for key in value if key != gone} for gone in needed]
    return [value for value in wrong if value not in right]


def derive_wrong(row):
    """(calls, the signature they must fail with)."""
    first = first_calls(row)
    rest, last = first[:-1], first[-1]
    yield [("no_such_tool", first[0][1]), *first[1:]], "tool:wrong_name"
    yield [*first, first[0]], "tool:count"
    yield rest, "tool:count" if rest else "tool:no_call"
    yield [*rest, (last[0], {**last[1], "zz": 1})], "tool:unknown_arg:zz"
    for index, name, allowed, schema in list_arguments(row):
        if "" not in allowed:
            yield leave_out(first, index, {name}), f"tool:missing_arg:{name}"
        for value in list_wrong_types(allowed, schema):
            yield put(first, index, name, value), f"tool:arg_type:{name}"
        for value in list_wrong_values(allowed, schema):
            yield put(first, index, name, value), f"tool:arg_value:{name}"


def test_the_cases_are_all_there():
    assert (len(ROWS), len(CALLING), len(SILENT)) == (150, 130, 20)
    assert sum(len(list(derive_right(row))) for row in CALLING) > 700
    assert sum(len(list(derive_wrong(row))) for row in CALLING) > 4_000


@EACH_CALLING
def test_every_right_call_passes(row):
    for index, calls in enumerate(derive_right(row)):
        writings = WRITINGS if index == 0 else (native, WRITINGS[1 + index % (len(WRITINGS) - 1)])
        for write in writings:
            assert check(row, calls, write) == "passed", (calls, write.__name__)


@EACH_CALLING
def test_every_wrong_call_fails_with_its_signature(row):
    for index, (calls, signature) in enumerate(derive_wrong(row)):
        assert check(row, calls) == signature, calls
        if calls and index % 5 == 0:
            write = WRITINGS[1 + index // 5 % (len(WRITINGS) - 1)]
            assert check(row, calls, write) == signature, (calls, write.__name__)


@EACH_CALLING
def test_an_answer_in_prose_makes_no_call(row):
    wanted = {"expected": row["expected"], "tools": row["tools"]}
    for text in ("I would call a tool here.", '{"answer": 42, "unit": "km"}', '{"name": "Ann", "age": 3}'):
        assert verdict(judge(text, GRADER, **wanted)) == "tool:no_call"


@pytest.mark.parametrize("row", SILENT, ids=lambda row: row["id"])
def test_where_no_call_must_be_made_every_call_is_unneeded(row):
    for tool in row["tools"]:
        for write in WRITINGS:
            assert check(row, [(tool["function"]["name"], {})], write) == "tool:unneeded_call"
    for text in (
        "None of the tools fits.",
        "[]",
        '{"answer": 42, "unit": "km"}',
        '{"name": "Ann", "age": 3}',
        "",
    ):
        assert verdict(judge(text, GRADER, expected=[], tools=row["tools"])) == "passed"


LOOSE = str.maketrans({" ": "", ",": ", ", "-": "_", ".": " ", "/": "-"})


@st.composite
def right_calls(draw, row):
    """Any allowed value of each argument, optional ones left out, keys and calls in any order."""
    calls = []
    for entry in row["expected"]:
        ((function, arguments),) = entry.items()
        given = {}
        for name in draw(st.permutations(list(arguments))):
            values = list_values(arguments[name])
            if not values or ("" in arguments[name] and draw(st.booleans())):
                continue
            value = draw(st.sampled_from(values))
            is_loose = isinstance(value, str) and draw(st.booleans())
            given[name] = f" {value.translate(LOOSE).upper()}." if is_loose and value.isascii() else value
        calls.append((function, given))
    return calls


@given(st.data(), st.sampled_from(CALLING), st.sampled_from(WRITINGS))
@settings(max_examples=120, deadline=None)
def test_right_calls_in_any_combination_pass(data, row, write):
    calls = data.draw(right_calls(row))
    assert check(row, data.draw(st.permutations(calls)), write) == "passed"


@given(st.data(), st.sampled_from(CALLING), st.sampled_from(WRITINGS))
@settings(max_examples=120, deadline=None)
def test_one_fault_in_right_calls_fails_as_that_fault(data, row, write):
    first = first_calls(row)
    faults = list(derive_wrong(row))
    calls, signature = data.draw(st.sampled_from([fault for fault in faults if fault[0]]))
    assert len(calls) == len(first) or signature == "tool:count"
    assert check(row, data.draw(st.permutations(calls)), write) == signature


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from(CALLING),
)
@settings(max_examples=120, deadline=None)
def test_any_value_in_place_of_an_argument_is_judged_on_that_argument(value, row):
    calls = first_calls(row)
    index, name, _, _ = next(entry for entry in list_arguments(row) if entry[1] in calls[entry[0]][1])
    result = check(row, put(calls, index, name, value))
    assert result in ("passed", f"tool:arg_type:{name}", f"tool:arg_value:{name}")


# The rules one by one, with tools of our own.


def tool(**properties):
    parameters = {"type": "object", "properties": properties, "required": []}
    return [{"type": "function", "function": {"name": "f", "parameters": parameters}}]


@pytest.mark.parametrize(
    ("schema", "allowed", "value", "result"),
    [
        ({"type": "number"}, [2.0], 2, "passed"),
        ({"type": "float"}, [2.0], 2, "passed"),
        ({"type": "integer"}, [2], 2.0, "tool:arg_type:x"),
        ({"type": "integer"}, [2.0], 2.0, "passed"),
        ({"type": "integer"}, [1], True, "tool:arg_type:x"),
        ({"type": "boolean"}, [True], 1, "tool:arg_type:x"),
        ({"type": "number"}, [1], True, "tool:arg_type:x"),
        ({"type": "integer"}, [5, ""], "", "tool:arg_type:x"),
        ({"type": "string"}, ["a", ""], "", "passed"),
        ({"type": "string"}, ["April 1, 2024"], "april 1,2024", "passed"),
        ({"type": "string"}, ["it's"], 'IT"S', "passed"),
        ({"type": "string"}, ["a(b)"], "ab", "tool:arg_value:x"),
        ({"type": "string"}, [3], 3, "passed"),
        ({"type": "string"}, [3], "3", "tool:arg_value:x"),
        ({"type": "string"}, [None, ""], None, "passed"),
        ({"type": "array", "items": {"type": "integer"}}, [[1]], ["1"], "tool:arg_type:x"),
        ({"type": "array", "items": {"type": "integer"}}, [[1]], [True], "tool:arg_type:x"),
        ({"type": "array", "items": {"type": "number"}}, [[1.0, 2.0]], [1, 2], "passed"),
        ({"type": "array", "items": {"type": "string"}}, [["a", "b"]], ["b", "a"], "tool:arg_value:x"),
        ({"type": "array", "items": {"type": "string"}}, [["New York"]], ["new-york"], "passed"),
        ({"type": "tuple"}, [[1, 2]], [1, 2], "passed"),
        ({"type": "any"}, ["a"], "a", "passed"),
        ({"type": "dict"}, [{"a": [1, 2]}], {"a": 2}, "passed"),
        ({"type": "object"}, [{"a": [1], "b": ["", 3]}], {"a": 1}, "passed"),
        ({"type": "object"}, [{"a": [1]}], {"a": True}, "tool:arg_value:x"),
        ({"type": "object"}, [{"a": [1]}], {}, "tool:arg_value:x"),
        ({"type": "object"}, [{"a": [1, 2]}], {"a": [1, 2]}, "tool:arg_value:x"),
        ({"type": "object"}, [{"a": [{"b": [1, 2]}]}], {"a": {"b": [1, 2]}}, "passed"),
        ({"type": "object"}, [{"a": [{"b": [1, 2]}]}], {"a": {"b": 2}}, "passed"),
        ({}, [2], 2.0, "passed"),
    ],
)
def test_rules_of_values(schema, allowed, value, result):
    row = {"expected": [{"f": {"x": allowed}}], "tools": tool(x=schema)}
    assert check(row, [("f", {"x": value})]) == result


def test_in_the_exact_form_an_empty_string_is_a_value_and_not_permission_to_leave_out():
    expected = {"name": "f", "arguments": {"x": ""}}
    row = {"expected": expected, "tools": tool(x={"type": "string"})}
    assert check(row, [("f", {"x": ""})]) == "passed"
    assert check(row, [("f", {})]) == "tool:missing_arg:x"


def test_a_dot_in_a_name_is_an_underscore_for_the_vendor_and_its_schema_still_holds():
    tools = tool(x={"type": "integer"})
    tools[0]["function"]["name"] = "math_f"
    row = {"expected": [{"math.f": {"x": [1]}}], "tools": tools}
    assert check(row, [("math_f", {"x": 1})]) == "passed"
    assert check(row, [("math.f", {"x": 1})], as_python) == "passed"
    assert check(row, [("math_f", {"x": 1.0})]) == "tool:arg_type:x"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("f(x=1), f(x=2)", "tool:count"),
        ("f(x=1)\nf(x=1)", "tool:count"),
        ("f(x=true)", "tool:arg_type:x"),
        ("f(x=2 * 3)", "tool:arg_type:x"),
        ("f(x={1, 2})", "tool:arg_type:x"),
        ('f(x=b"1")', "tool:arg_type:x"),
        ("f(x=1j)", "tool:arg_type:x"),
        ("f(x=...)", "tool:arg_type:x"),
        ("f(x={(1, 2): 3})", "tool:arg_type:x"),
        ("f(x={[]: 1})", "tool:arg_type:x"),
        ("f(x=1e999)", "tool:arg_type:x"),
        ("f(1)", "passed"),
        ('f(**{"x": 1})', "passed"),
        ("f(x=1, **{'zz': 2})", "tool:unknown_arg:zz"),
        ("f(**y)", "tool:no_call"),
        ("get-f(x=1)", "tool:wrong_name"),
        ("y = f(x=1)", "tool:no_call"),
        ("f(1)(x=1)", "tool:wrong_name"),
        ('{"name": "f", "arguments": null}', "tool:missing_arg:x"),
        ('{"name": "f", "arguments": "{\'x\': 1}"}', "format:single_quotes"),
        ('{"name": "f", "arguments": "[1]"}', "format:not_json"),
        ("<tool_call>{'name': 'f', 'arguments': {'x': 1}}</tool_call>", "format:single_quotes"),
    ],
)
def test_calls_written_in_odd_ways(text, result):
    row = {"expected": [{"f": {"x": [1]}}], "tools": tool(x={"type": "integer"})}
    assert verdict(judge(text, GRADER, **row)) == result


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>{'name': 'f', 'arguments': {'x': 1}}</tool_call>",
        '{"name": "f", "arguments": "{\'x\': 1}"}',
        "```python\nf(x=1)\n```",
    ],
)
def test_the_repair_arm_accepts_what_the_tolerant_parser_recovers(text):
    assert judge(text, GRADER, expected=[{"f": {"x": [1]}}], tolerant=True).outcome == "passed"


def test_a_name_with_hyphens_in_python_syntax():
    assert judge("get-x-y(a=1)", GRADER, expected=[{"get-x-y": {"a": [1]}}]).outcome == "passed"


@pytest.mark.parametrize("write", [native, as_list, as_blocks, as_python])
def test_more_calls_than_can_be_wanted_are_too_many(write):
    row = {"expected": [{"f": {"x": [1]}}] * 50, "tools": tool(x={"type": "integer"})}
    assert check(row, [("f", {"x": 1})] * 50, write) == "passed"
    assert check(row, [("f", {"x": 1})] * 60, write) == "tool:count"
    many = {**row, "expected": row["expected"] * 2}
    assert check(many, [("f", {"x": 1})], write) == "error"
