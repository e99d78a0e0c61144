"""A draft as the text of a `*.evalset.yaml`, with a comment at every key."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_ftgate.drafting.draft import Draft, Kind, Remark
from pytest_ftgate.loading.yaml_scalars import ScalarError, read_plain
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.reports.hostile_text import cut_text, show_text

if TYPE_CHECKING:
    import yaml

WIDTH = 100
MAX_REMARK = 400
_FLOW_CHARS = 110
_TITLES: dict[Kind, str] = {
    "no_equal": "Without an equal here, so not in this file:",
    "differs": "Taken over in a form that differs:",
    "note": "To know:",
}
_ARMS = (
    "Cheaper remedies than tuning, tried on the same cases: docs/evalset.md, \"Arms\". Uncomment what fits.",
    ("few_shot: {examples: {file: shots.jsonl}, k: 4}", "solved examples that are no cases"),
    ("rewritten: {prompt: {file: prompts/v2.md}}", "another prompt"),
    ("structured: {}", "a JSON schema that the vendor enforces"),
    ("repair: {}", "the same answers, read by a tolerant parser; costs no call"),
    ("context: {from: case}", "the context that each case holds"),
)  # fmt: skip


def render_draft(draft: Draft, path: str) -> str:
    """The text of the file that will stand at `path`. What it holds reads back as it was given."""
    return "\n".join(_sections(draft, path)) + "\n"


def _sections(draft: Draft, path: str) -> Iterator[str]:
    made = f", made from {draft.source}" if draft.source else ""
    yield _comment(f"An evalset of pytest-ftgate{made}.")
    yield _comment(f"Check it (no model is asked): pytest-ftgate check {path}")
    yield _comment(f"Run it: pytest --ftgate {path}")
    yield from _remark_lines(draft.remarks)
    yield "ftgate: 1"
    yield _write({"name": draft.name})
    yield ""
    yield _comment(
        "Who answers: a litellm model id (vendor/name) and its params. Keys come from the environment only."
    )
    if draft.models:
        yield _write({"models": draft.models})
    else:
        yield "# models: {candidate: {model: openai/gpt-4o-mini, params: {temperature: 0.7}}}"
    yield ""
    yield _comment(
        "What is asked: one user message, chat messages, or {file: prompt.md}; Jinja2 over the case's input, "
        "context and vars. It never sees `expected`."
    )
    yield _write({"prompt": draft.prompt})
    yield ""
    yield _comment('Every grader must pass for an answer to pass. All there are: docs/evalset.md, "Graders".')
    yield _write({"graders": list(draft.graders)}) if draft.graders else "# graders: each case has its own"
    yield ""
    yield _comment("The accuracy wanted, and the independent answers asked for each case.")
    yield _write({"bar": 0.8 if draft.bar is None else draft.bar})
    yield _write({"repeats": 5 if draft.repeats is None else draft.repeats})
    yield ""
    yield from _arm_lines(draft)
    yield ""
    yield _comment("Rules for the build; `accuracy` (at least the bar) and `complete` are always there.")
    yield "# gates: {format_failures: {max: 0.05}, latency: {p95_s: 2.0}}"
    yield ""
    yield _comment(
        "The examples. At least 50 with an expected output for a verdict on tuning; 100 recommended."
    )
    yield "cases:"
    yield from (_write_item(case) for case in draft.cases)


def _remark_lines(remarks: Sequence[Remark]) -> Iterator[str]:
    for kind, title in _TITLES.items():
        found = [remark for remark in remarks if remark.kind == kind]
        if found:
            yield "#"
            yield _comment(title)
        for remark in found:
            text = cut_text(show_text(f"{remark.where}: {remark.what}", unicode=True), MAX_REMARK)
            yield textwrap.fill(
                text, WIDTH, initial_indent="#   - ", subsequent_indent="#     ", break_on_hyphens=False
            )


def _arm_lines(draft: Draft) -> Iterator[str]:
    title, *samples = _ARMS
    yield _comment(str(title))
    if draft.arms:
        yield _write({"arms": draft.arms})
        samples = [sample for sample in samples if sample[0].partition(":")[0] not in draft.arms]
    else:
        yield "# arms:"
    width = max(len(sample[0]) for sample in samples)
    yield from (f"#   {text:<{width}}  # {why}" for text, why in samples)


def _comment(text: str) -> str:
    return textwrap.fill(
        show_text(text, unicode=True), WIDTH, initial_indent="# ", subsequent_indent="# ",
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip


def _write_item(value: Json) -> str:
    """One item of a list: on one line where it is short."""
    flat = _dump([value], flow=True)
    if len(flat) <= _FLOW_CHARS and "\n" not in flat:
        return f"  - {flat[1:-1]}"
    return textwrap.indent(_dump([value], flow=False), "  ", lambda line: bool(line.strip()))


def _write(value: Json) -> str:
    return _dump(value, flow=False)


def _dump(value: Json, *, flow: bool) -> str:
    import yaml

    # Without a width the emitter folds long texts, and its folded quoted texts are hard to read.
    text = yaml.dump(
        value,
        Dumper=_make_dumper(),
        sort_keys=False,
        allow_unicode=True,
        width=10**9,
        default_flow_style=flow,
    )
    return str(text).removesuffix("\n").removesuffix("\n...")


@cache
def _make_dumper() -> type[yaml.SafeDumper]:
    """A dumper that quotes what our reader, or a YAML 1.1 reader, would not read as text."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
            super().increase_indent(flow, False)

    def represent_text(dumper: Any, text: str) -> Any:
        style = None
        if "\n" in text and _is_block_safe(text):
            style = "|"
        elif not text.isprintable() or _is_read_otherwise(text):
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent_text)
    return Dumper


def _is_read_otherwise(text: str) -> bool:
    try:
        return bool(read_plain(text) != text)
    except ScalarError:
        return True


def _is_block_safe(text: str) -> bool:
    """Whether a literal block shows the text as it is and is read back so."""
    lines = text.split("\n")
    return (
        not text[0].isspace()
        and all(line.isprintable() or not line for line in lines)
        and not any(line != line.rstrip() for line in lines)
    )
