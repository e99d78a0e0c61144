"""Passages as a prompt shows them, and how it asks for citations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset, Message
from pytest_ftgate.model.grade import CITATIONS
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.retrieval import Passage
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.planning.conversation import append_text, prepend_text
from pytest_ftgate.planning.gold import list_passages
from pytest_ftgate.planning.templates import case_names, mentions, render_text

DEFAULT_TEMPLATE = "Use this context to answer.\n\n<context>\n{{ context }}\n</context>\n\n"
DEFAULT_CITE = (
    "\n\nGive the answer first. Then write a line with the word Sources: and under it, for each passage that "
    "the answer rests on, the words it rests on, copied exactly, in double quotes, and the passage's number "
    'in square brackets, as in:\nSources:\n"words copied from the passage" [1]'
)
"""Asks for citations, at the end of the prompt, in the form that the grader reads."""


def wants_citations(evalset: Evalset) -> bool:
    """Whether answers have to quote what they rest on."""
    return evalset.decision.knowledge.citations or has_citation_grader(evalset)


def has_citation_grader(evalset: Evalset) -> bool:
    """Whether the evalset itself grades citations, so that its own prompts ask for them."""
    specs = (*evalset.graders, *(spec for case in evalset.cases for spec in case.graders))
    return any(spec.name == CITATIONS and not spec.negated for spec in specs)


def find_template_problems(spec: ArmSpec) -> Iterable[str]:
    """What is wrong with an arm's `template` for the context, or with its `cite`."""
    template = spec.options.get("template", DEFAULT_TEMPLATE)
    if not mentions(template, "context"):
        yield f"arm {spec.name!r}: `template` must contain {{{{ context }}}}"
    for name in ("template", "cite"):
        if mentions(spec.options.get(name, ""), "expected"):
            yield f"arm {spec.name!r}: `{name}` names `expected`, which is never shown to a prompt"


def give_passages(task: ArmTask, case: Case, passages: Sequence[Passage]) -> list[Trial]:
    """The trials of a case whose prompt shows these passages, and asks for citations where wanted."""
    if "wants_citations" not in task.memo:  # the evalset's cases all have a say
        task.memo["wants_citations"] = wants_citations(task.evalset)
    is_cited: bool = task.memo["wants_citations"]
    messages = _give_context(task, case, write_passages(passages, is_numbered=is_cited))
    if is_cited:
        cite = render_text(str(task.spec.options.get("cite", DEFAULT_CITE)), case_names(case))
        messages = append_text(messages, cite) if cite else messages
    supplied = tuple(passages) if is_cited else ()
    return [task.make(case, repeat, messages, passages=supplied) for repeat in range(1, task.repeats + 1)]


def write_passages(passages: Sequence[Passage], *, is_numbered: bool) -> str:
    """The passages as one text, each under its number (from 1) and its source, as far as it has them."""
    return "\n\n".join(
        _write_head(passage, number if is_numbered else None) + passage.text
        for number, passage in enumerate(passages, start=1)
    )


def case_passages(case: Case) -> tuple[Passage, ...]:
    """The gold passages of a case."""
    return tuple(Passage(text=text) for text in list_passages(case.context))


def _write_head(passage: Passage, number: int | None) -> str:
    if number is None:
        return f"[{passage.source}]\n" if passage.source else ""
    return f"[{number}] {passage.source}".rstrip() + "\n"


def _give_context(task: ArmTask, case: Case, context: str) -> tuple[Message, ...]:
    """The messages of a case with that context in them."""
    if "names_context" not in task.memo:
        task.memo["names_context"] = mentions(task.prompt, "context")
    if task.memo["names_context"]:
        return task.render(task.prompt, case, {"context": context})
    template = str(task.spec.options.get("template", DEFAULT_TEMPLATE))
    block = render_text(template, {**case_names(case), "context": context})
    return prepend_text(task.render(task.prompt, case, {}), block)
