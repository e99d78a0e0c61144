"""The card of a training set: README.md beside the data, which dataset libraries read too."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pytest_ftgate.model.training import Reason, TokenCount, TrainingSet
from pytest_ftgate.reports.markdown_text import escape_code, escape_text
from pytest_ftgate.reports.numbers import format_count
from pytest_ftgate.reports.training_files import Format

TRAIN, HELD_OUT, REMOVED, CARD = "train.jsonl", "held_out.json", "removed.jsonl", "README.md"

REASONS: Mapping[Reason, str] = {
    "is_case": "asks the same as an evaluation case",
    "near_case": "asks nearly the same as an evaluation case",
    "same_group": "belongs to the group of an evaluation case",
    "no_answer": "has no answer to learn",
    "rejected": "its answer fails its own graders",
    "no_tools": "calls tools that it does not list",
    "copy": "repeats an earlier row",
    "contradiction": "asks what an earlier row asks, and answers otherwise",
}

_LOADING: Mapping[Format, str] = {
    "trl": """\
from datasets import load_dataset  # 4.7 or newer where rows call tools

train = load_dataset("json", data_files="train.jsonl", split="train")
# SFTTrainer(model=..., train_dataset=train, args=SFTConfig(assistant_only_loss=True))""",
    "openai": """\
from openai import OpenAI

file = OpenAI().files.create(file=open("train.jsonl", "rb"), purpose="fine-tune")
# OpenAI().fine_tuning.jobs.create(training_file=file.id, model=...)""",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What a card says beside the rows themselves.

    `files` are those that the rows were read from; `sha256` is that of train.jsonl; `notes` are cautions.
    """

    evalset: str
    path: str
    run: str
    decision: str
    model: str
    form: Format
    files: Sequence[str]
    sha256: str
    created: str
    notes: Sequence[str] = ()


def render_card(facts: CardFacts, training: TrainingSet, tokens: TokenCount) -> str:
    """The card in Markdown, with the head that Hugging Face's hub reads. Names in it are escaped."""
    return "\n\n".join(_blocks(facts, training, tokens)) + "\n"


def _blocks(facts: CardFacts, training: TrainingSet, tokens: TokenCount) -> Iterator[str]:
    yield _head()
    yield f"# Training data of {escape_text(facts.evalset)}"
    yield (
        f"Made by `pytest-ftgate export --format {facts.form}` on {facts.created} from run "
        f"{escape_code(facts.run)} of {escape_code(facts.path)} (verdict: {escape_text(facts.decision)}; "
        f"model: {escape_code(facts.model)})."
    )
    yield "\n".join(f"- {escape_text(note)}" for note in facts.notes)
    yield "## Rows"
    yield _table(("from", "rows"), sorted(Counter(row.source for row in training.rows).items()))
    yield _describe_rows(training, tokens)
    yield f"SHA-256 of {TRAIN}: `{facts.sha256}`"
    yield f"```python\n{_LOADING[facts.form]}\n```"
    yield "## Held out"
    yield _describe_held_out(facts, training)
    yield "## Removed"
    yield _describe_removed(training)
    yield "## Licence"
    yield _describe_licence(facts)


def _head() -> str:
    files = json.dumps([{"split": "train", "path": TRAIN}])
    return f"---\nlicense: unknown\nconfigs:\n- config_name: default\n  data_files: {files}\n---"


def _table(head: tuple[str, str], rows: Sequence[tuple[str, int]]) -> str:
    if not rows:
        return "None."
    lines = [f"| {head[0]} | {head[1]} |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {escape_text(name)} | {count:,} |" for name, count in rows)])


def _describe_rows(training: TrainingSet, tokens: TokenCount) -> str:
    unchecked = sum(not row.is_checked for row in training.rows)
    lines = [
        "Each row is the prompt of arm `as_is`, rendered, with the expected answer as the assistant's turn"
        + ("." if not unchecked else f"; of {unchecked:,} no grader could read the answer without a model.")
    ]
    if tokens.by_row:
        counts = sorted(tokens.by_row)
        lines.append(
            f"Tokens, prompt and answer: {sum(counts):,} in all; {counts[0]:,} to {counts[-1]:,} a row, "
            f"median {median(counts):,.0f} ({tokens.method})."
        )
    return "\n".join(lines)


def _describe_held_out(facts: CardFacts, training: TrainingSet) -> str:
    held = Counter(case.evalset for case in training.held_out)
    counts = ", ".join(f"{count:,} of {escape_text(name)}" for name, count in sorted(held.items()))
    text = (
        f"The cases that judge are no training data, and no row is like one of them: {counts or 'none'}. "
        f"{HELD_OUT} lists them with digests, to check other training data against. Keep it so: the tuned "
        "model is judged by them."
    )
    if training.spent:
        text += (
            f"\n\n{format_count(len(training.spent), 'case')} of {escape_text(facts.evalset)} were taken for "
            f"training (`--train-share`) and may no longer judge: mark them `split: dev` in the evalset. "
            f"Their ids are in {HELD_OUT} under `no_longer_judging`."
        )
    return text


def _describe_removed(training: TrainingSet) -> str:
    counts = Counter(one.reason for one in training.removed)
    ranked = [(REASONS[reason], counts[reason]) for reason in REASONS if counts[reason]]
    table = _table(("why", "examples"), ranked)
    return f"{table}\n\nEach with its name: {REMOVED}." if ranked else table


def _describe_licence(facts: CardFacts) -> str:
    files = ", ".join(escape_code(name) for name in facts.files)
    return (
        "Not known to the tool that made this. The rows are made of the texts of these files, under whatever "
        f"terms those have: {files}. State the licence here before you pass the data on. A vendor's terms "
        "may forbid training on answers of its models."
    )
