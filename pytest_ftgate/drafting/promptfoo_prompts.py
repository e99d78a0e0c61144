"""Prompts of promptfoo: texts, chat messages, files of either; Nunjucks templates as Jinja2."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_ftgate.drafting.example_rows import read_source
from pytest_ftgate.drafting.promptfoo_source import FILE, PromptfooSource, each, is_code
from pytest_ftgate.drafting.promptfoo_templates import convert_templates, find_faults
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.loading.json_text import JsonTextError, parse_json
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.prompts import ROLES
from pytest_ftgate.loading.yaml_marks import parse_yaml
from pytest_ftgate.model.evalset import Json

_TEXT_FILES = (".txt", ".md", ".j2", ".json", ".jsonl", ".yaml", ".yml", ".csv")
_BETWEEN = re.compile(r"^---\s*$", re.MULTILINE)
_CODE = "code that builds prompts is not run: write a template, and what the code computes into vars"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A text or a list of messages, under promptfoo's label."""

    label: str
    content: Json


def read_prompts(source: PromptfooSource) -> list[Prompt]:
    """All prompts that have an equal; the others are remarked."""
    written = source.config.get("prompts")
    if isinstance(written, dict):  # the older form {file: label}
        items: list[Json] = [{"id": name, "label": label} for name, label in written.items()]
    else:
        items = list(each(written))
    found: list[Prompt] = []
    for index, item in enumerate(items):
        where = f"prompts[{index}]"
        for prompt in _read_prompt(item, where, source):
            fault = _find_fault(prompt.content) or find_faults(prompt.content)
            if fault:
                source.remark("no_equal", where, fault)
            else:
                found.append(prompt)
    return found


def _find_fault(content: Json) -> str:
    """A sentence about a prompt that asks nothing or is no chat, '' for a good one."""
    if isinstance(content, str):
        return "" if content.strip() else "the prompt is empty"
    for message in content:
        asked = message.get("content")
        if message["role"] not in ROLES or not (isinstance(asked, str) or message.get("tool_calls")):
            return f"a message of the chat is not one of {', '.join(ROLES)} with a text"
    return ""


def _read_prompt(item: Json, where: str, source: PromptfooSource) -> Iterator[Prompt]:
    label, text = "", item
    if isinstance(item, dict):
        label = str(item.get("label") or item.get("display") or "")
        text = item.get("raw", item.get("id"))
        if item.get("config"):
            source.remark("no_equal", f"{where}.config", "a prompt has no params of its own; a model has")
    if not isinstance(text, str):
        source.remark("no_equal", where, "neither a text nor a file")
    elif text.startswith(("exec:", "langfuse:", "portkey:", "helicone:", "http://", "https://")):
        source.remark("no_equal", where, f"{text[:80]}: prompts come from files; save it as one")
    elif text.startswith(FILE) or _names_file(text):
        if is_code(text):
            source.remark("no_equal", where, f"{text}: {_CODE}")
            return
        for path in source.find(text):
            yield from _read_file(path, label, where, source)
    else:
        yield Prompt(label=label, content=convert_templates(_read_messages(text)))


def _names_file(text: str) -> bool:
    return "\n" not in text and "{{" not in text and text.lower().endswith(_TEXT_FILES)


def _read_file(path: Path, label: str, where: str, source: PromptfooSource) -> Iterator[Prompt]:
    if is_code(path.name):
        source.remark("no_equal", where, f"{path.name}: {_CODE}")
        return
    text = read_source(path)
    if path.suffix.lower() == ".csv":
        for row in csv.DictReader(io.StringIO(text, newline="")):
            name = row.get("label") or label or path.stem
            yield Prompt(label=name, content=convert_templates(row.get("prompt") or ""))
        return
    is_chat = path.suffix.lower() in (".json", ".yaml", ".yml")
    parts = [text] if is_chat else [part.strip() for part in _BETWEEN.split(text) if part.strip()]
    for part in parts:
        yield Prompt(label=label or path.stem, content=convert_templates(_read_messages(part)))


def _read_messages(text: str) -> Json:
    """The messages that a text holds as JSON or YAML, else the text."""
    stripped = text.strip()
    value: Json = None
    if stripped.startswith("["):
        try:
            value = parse_json(stripped)
        except JsonTextError:
            return text
    elif re.match(r"-\s*(role|content)\s*:", stripped):
        document = parse_yaml(stripped, "prompt", Problems("prompt"))
        value = None if document is None else document.value
    is_chat = isinstance(value, list) and value and all(isinstance(m, dict) and "role" in m for m in value)
    return value if is_chat else text


def require_prompts(prompts: list[Prompt], source: PromptfooSource) -> list[Prompt]:
    """The prompts. Raises SettingsError where none has an equal."""
    if prompts:
        return prompts
    said = "; ".join(f"{r.where}: {r.what}" for r in source.remarks if r.where.startswith("prompts"))
    raise SettingsError(f"{source.path}: no prompt has an equal here ({said or 'there is no `prompts`'})")
