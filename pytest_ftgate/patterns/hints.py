"""The cheapest thing to try against a pattern, in one line."""

from __future__ import annotations

from pytest_ftgate.model.grade import kind_of

_BY_SIGNATURE = {
    "call:truncated": "Raise max_tokens, or ask for a shorter answer: the output was cut off.",
    "call:context_overflow": "Shorten the input, or use a model with a longer context.",
    "call:param_dropped": "A parameter of the request was not used: choose one that the vendor takes.",
    "call:schema_not_enforced": "The schema was not enforced: use a vendor or mode that does.",
    "format:fenced": "Strip the code fence: arm `repair` does it without a further call.",
    "format:prose_before": "Ask for the answer alone, or cut what stands before it (arm `repair`).",
    "format:prose_after": "Ask for the answer alone, or cut what stands after it (arm `repair`).",
    "format:schema_echo": "The model repeats the schema: show it an example in place of the schema.",
    "tool:no_call": "Force a call (tool_choice), or say in the prompt when to call.",
    "tool:unneeded_call": "Say in the prompt when not to call, or leave the tool out.",
    "tool:wrong_name": "Sharpen the tools' descriptions, or offer fewer tools.",
    "style:too_long": "State the limit in the prompt, with an example of that length.",
    "style:extra_text": "Ask for the answer alone, with an example.",
    "label:out_of_taxonomy": "List the labels in the prompt, or allow only them by a schema with an enum.",
}

_BY_KIND = {
    "refusal": "Say in the prompt why the request is legitimate, or choose a model that answers it.",
    "filtered": "Talk to the vendor about its content filter: tuning does not remove it.",
    "empty": "Look at stop sequences and token limits before anything else.",
    "format": "Use structured output (arm `structured`), or a tolerant parser (arm `repair`).",
    "schema": "Send the schema (arm `structured`), or show the validation error (arm `reask`).",
    "tool": "Describe the arguments in the tool's schema, and show an example call.",
    "label": "Define the labels that are confused in the prompt, with an example of each (arm `few_shot`).",
    "style": "Name the required and forbidden words in the prompt, with an example.",
    "value": "Give the model what it needs to know (arm `context`); check these expected values first.",
    "call": "Mend the request before judging the model.",
}


def find_hint(signature: str) -> str:
    """The cheapest remedy for a signature; by its detail where one is known, else by its kind."""
    detail = ":".join(signature.split(":", 2)[:2])
    return _BY_SIGNATURE.get(detail) or _BY_KIND.get(kind_of(signature), "")
