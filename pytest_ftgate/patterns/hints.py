"""The cheapest thing to try against a pattern, in one line: an arm, or a step."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ftgate.model.grade import kind_of

_CALL = {
    "call": "Mend the request before judging the model.",
    "call:truncated": "Raise max_tokens, or ask for a shorter answer: the output was cut off.",
    "call:context_overflow": "Shorten the input, or use a model with a longer context.",
    "call:exception": "Mend the application: it raised where an answer was due.",
    "call:param_dropped": "Choose a parameter that the vendor takes: one of the request was not used.",
    "call:schema_not_enforced": "Use a vendor or mode that enforces the schema: this one did not.",
    "call:slow": "Ask for a shorter answer, use a faster model or endpoint, or raise the limit.",
    "call:fast": "Check that an answer slower than this is what is wanted: it came within the limit.",
    "call:cheap": "Check that an answer dearer than this is what is wanted: it stayed within the limit.",
    "call:expensive": "Shorten prompt and answer, cache the prompt, use a cheaper model, or raise the limit.",
}

_FORMAT = {
    "format": "Use structured output (arm `structured`), or a tolerant parser (arm `repair`).",
    "format:fenced": "Strip the code fence: arm `repair` does it without a further call.",
    "format:prose_before": "Ask for the answer alone, or cut what stands before it (arm `repair`).",
    "format:prose_after": "Ask for the answer alone, or cut what stands after it (arm `repair`).",
    "format:two_documents": "Ask for one document, or for one list (arm `structured` allows only one).",
    "format:python_literal": "Use a tolerant parser (arm `repair`), or ask for true, false and null.",
    "format:trailing_comma": "Use a tolerant parser: arm `repair` drops the comma without a call.",
    "format:single_quotes": "Use a tolerant parser (arm `repair`), or show an example in double quotes.",
    "format:unquoted_key": "Use a tolerant parser (arm `repair`), or show quoted keys in an example.",
    "format:unclosed": "Look at stop sequences and max_tokens; arm `repair` closes what was left open.",
    "format:nan": "Say what to write for a missing number (null): JSON has no NaN and no Infinity.",
    "format:schema_echo": "Show the model an example in place of the schema: it repeats the schema.",
    "format:not_json": "Use structured output (arm `structured`), or show an example (arm `few_shot`).",
    "format:too_deep": "Ask for a flatter document, or limit its depth by a schema (arm `structured`).",
    "format:too_large": "Ask for a shorter document, or cap it with max_tokens.",
    "format:no_choice": "Ask for the letter alone, in a fixed form, with an example (arm `few_shot`).",
    "format:no_label": "Ask for the label alone, and list the labels (arm `few_shot` or `structured`).",
    "format:spelling": "List the labels as they are spelled, or allow only these (arm `structured`).",
    "format:no_match": "Show the form wanted by an example (arm `few_shot`); check the pattern as well.",
    "format:no_code": "Ask for one fenced block of code and nothing else, with an example (arm `few_shot`).",
    "format:syntax_error": "Show the error to the model (arm `reask`); check max_tokens.",
}

_SCHEMA = {
    "schema": "Send the schema (arm `structured`), or show the validation error (arm `reask`).",
    "schema:required": "Send the schema (arm `structured`), and say what to write where nothing is known.",
    "schema:type": "Send the schema (arm `structured`), or show a value of the right type (arm `few_shot`).",
    "schema:enum": "List the allowed values in the prompt, or send the schema (arm `structured`).",
    "schema:const": "State the fixed value in the prompt, or send the schema (arm `structured`).",
    "schema:additionalProperties": "Name the only keys allowed, or send the schema (arm `structured`).",
    "schema:pattern": "Show an example of the form wanted (arm `few_shot`): few vendors enforce patterns.",
    "schema:format": "Show an example of the form wanted (arm `few_shot`): few vendors enforce formats.",
}

_TOOL = {
    "tool": "Describe the arguments in the tool's schema, and show an example call.",
    "tool:no_call": "Force a call (tool_choice), or say in the prompt when to call.",
    "tool:unneeded_call": "Say in the prompt when not to call, or leave the tool out.",
    "tool:wrong_name": "Sharpen the tools' descriptions, or offer fewer tools.",
    "tool:missing_arg": "Mark the argument as required in the tool's schema, and say where it comes from.",
    "tool:unknown_arg": "Set additionalProperties to false in the tool's schema, or its strict mode.",
    "tool:arg_type": "State the argument's type in the tool's schema, or use its strict mode.",
    "tool:arg_value": "Describe the argument's values (unit, format, an example) in the tool's schema.",
    "tool:count": "Say in the prompt how many calls are wanted, and whether in parallel, with an example.",
}

_TEXT = {
    "label": "Define the labels that are confused in the prompt, with an example of each (arm `few_shot`).",
    "label:out_of_taxonomy": "List the labels in the prompt, or allow only them by a schema with an enum.",
    "style": "Name the required and forbidden words in the prompt, with an example.",
    "style:too_long": "State the limit in the prompt, with an example of that length.",
    "style:too_short": "State the least length in the prompt, with an example of that length.",
    "style:extra_text": "Ask for the answer alone, with an example.",
    "style:missing:citation": "Ask for quotes in your own words (`cite:` of the arm), with an example.",
    "style:forbidden:false_citation": "Ask for quotes copied word for word (`cite:` of the arm), short ones.",
    "style:forbidden": "Name the words to avoid in the prompt, and what to write in their place.",
    "style:missing": "Name the words that must be there in the prompt, with an example (arm `few_shot`).",
    "style:instruction": "State the instruction last, with an answer that follows it (arm `few_shot`).",
    "style:rubric": "Put the rubric's words into the prompt, with an answer that meets it (arm `few_shot`).",
    "refusal": "Say in the prompt why the request is legitimate, or choose a model that answers it.",
    "filtered": "Talk to the vendor about its content filter: tuning does not remove it.",
    "empty": "Look at stop sequences and token limits before anything else.",
}

_VALUE = {
    "value": "Give the model what it needs to know (arm `context`); check these expected values first.",
    "value:no_number": "Ask for the number last and by itself, with an example (arm `few_shot`).",
    "value:numeric": "Ask for the steps before the number; check its unit and the tolerance as well.",
    "value:rubric": "Put the rubric's own words into the prompt; read some of the judge's reasons first.",
    "value:similar": "Show an answer of that kind (arm `few_shot`); check the threshold on good answers.",
    "value:code": "Show the library's manual (arm `context`), or a solved problem (arm `few_shot`).",
    "value:code:assertion": "Show a solved problem (arm `few_shot`); check the tests themselves first.",
    "value:code:timeout": "State the input sizes and the time limit in the prompt; check the limit as well.",
    "value:code:memory": "State the memory limit in the prompt, and ask for a solution that streams.",
    "value:code:processes": "Say in the prompt that the code must not start processes.",
    "value:code:network": "Say in the prompt that there is no network, and pass in what the code needs.",
    "value:code:forbidden_write": "Say in the prompt where the code may write, or that it must not.",
    "value:code:exit": "Say in the prompt that the code must not end the process by itself.",
    "value:code:killed": "Say in the prompt that the code must not end other processes.",
    "value:code:crash": "Say in the prompt which packages may be used: the interpreter itself crashed.",
    "value:code:no_entry_point": "Give the signature of the function that is wanted in the prompt.",
    "value:code:NameError": "Ask for all imports in the answer, with an example (arm `few_shot`).",
    "value:code:ImportError": "List in the prompt the packages that may be imported.",
    "value:code:ModuleNotFoundError": "List in the prompt the packages that may be imported.",
}

HINTS: Mapping[str, str] = {**_CALL, **_FORMAT, **_SCHEMA, **_TOOL, **_TEXT, **_VALUE}
"""Kind, `kind:detail` or a whole signature → its remedy."""


_VALUE_KNOWN = (
    "Show solved examples of it (arm `few_shot`), and more of them; check the expected values first."
)
"""For a wrong value that no knowledge from outside would have mended."""


def find_hint(signature: str, *, knowledge_needed: bool = True) -> str:
    """The cheapest remedy for a signature: that of the longest beginning of it that is known.

    `knowledge_needed`: False where the evalset says that its answers need no knowledge from outside.
    """
    hint = _find_known(signature)
    return _VALUE_KNOWN if hint == _VALUE["value"] and not knowledge_needed else hint


def _find_known(signature: str) -> str:
    parts = signature.split(":", 3)
    for length in (3, 2):
        hint = HINTS.get(":".join(parts[:length]))
        if hint:
            return hint
    return HINTS.get(kind_of(signature), "")
