"""`pytest-ftgate init evalset`: a commented evalset from flags, from examples, or from promptfoo."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from pytest_ftgate.cli.calibrate_arguments import read_share
from pytest_ftgate.drafting.draft import Draft, Remark
from pytest_ftgate.drafting.evalset_text import render_draft
from pytest_ftgate.drafting.example_rows import ROW_FILES, read_source
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.model.evalset import CANDIDATE, Json
from pytest_ftgate.reports.hostile_text import show_text
from pytest_ftgate.reports.numbers import format_count

SUFFIX = ".evalset.yaml"
_LABELS = {"no_equal": "no equal", "differs": "differs", "note": "note"}


def add_evalset_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `init evalset`."""
    add = parser.add_argument
    add("out", nargs="?", type=Path, metavar="OUT", help=f"the file to write (default NAME{SUFFIX})")
    add("--from", dest="source", type=Path, metavar="FILE",
        help="examples (.csv, .jsonl) or a promptfoo configuration (.yaml, .json)")  # fmt: skip
    add("--name", help="the evalset's name (default: from OUT or FILE)")
    add("--model", metavar="ID", help="who answers: a litellm model id, vendor/name")
    add("--prompt", metavar="TEXT", help="what is asked, Jinja2 over the case; @FILE reads it from a file")
    add("--system", metavar="TEXT", help="a system message before the prompt; @FILE reads it from a file")
    add("--grader", action="append", default=[], type=_read_grader, metavar="YAML",
        help="a grader as in an evalset: equals, 'label: {labels: [yes, no]}' (may be repeated)")  # fmt: skip
    add("--case", action="append", default=[], nargs=2, metavar=("INPUT", "EXPECTED"),
        help="an example (may be repeated)")  # fmt: skip
    add("--map", action="append", default=[], type=_read_column, metavar="KEY=COLUMN",
        help="the column that a key of the case is read from, such as expected=answer")  # fmt: skip
    add("--bar", type=read_share, metavar="X", help="the accuracy wanted (default 0.8)")
    add("--repeats", type=_read_repeats, metavar="K", help="independent answers for each case (default 5)")
    add("--force", action="store_true", help="overwrite OUT")


def run_init_evalset(options: argparse.Namespace) -> int:
    """Write the evalset, then read it as a run would; returns the exit status. Raises FtgateError."""
    out = _choose_out(options)
    if out.exists() and not options.force:
        raise SettingsError(f"{out} is there already; --force overwrites it")
    draft = make_draft(options, out)
    text = render_draft(draft, out.as_posix())
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{out}: cannot be written: {error.strerror or error}") from None
    result = _check(out)
    if options.json:
        print(json.dumps(_as_json(out, draft, result), indent=2))
    else:
        print("\n".join(_lines(out, draft, result)))
    return 1 if result["problems"] else 0


def make_draft(options: argparse.Namespace, out: Path) -> Draft:
    """What the flags and the source say. Raises SettingsError."""
    base = Draft(
        name=options.name or _name(out),
        models={CANDIDATE: {"model": options.model}} if options.model else {},
        prompt=_make_prompt(options.prompt, options.system),
        graders=tuple(options.grader),
        bar=options.bar,
        repeats=options.repeats,
    )
    if options.source is None:
        if options.map:
            raise SettingsError("--map names columns of a file: add --from FILE")
        from pytest_ftgate.drafting.from_rows import draft_from_examples

        return draft_from_examples(base, [(asked, expected) for asked, expected in options.case])
    if options.case:
        raise SettingsError("--case with --from: add the example to the file")
    suffix = options.source.suffix.lower()
    if suffix in ROW_FILES:
        from pytest_ftgate.drafting.from_rows import draft_from_rows

        return draft_from_rows(base, options.source, out.parent, dict(options.map))
    if suffix not in (".yaml", ".yml", ".json"):
        raise SettingsError(
            f"{options.source}: wanted examples ({', '.join(ROW_FILES)}) or a promptfoo configuration "
            "(.yaml, .json)"
        )
    if options.map:
        raise SettingsError("--map renames columns of .csv and .jsonl files only")
    from pytest_ftgate.drafting.from_promptfoo import draft_from_promptfoo

    return draft_from_promptfoo(base, options.source)


def _choose_out(options: argparse.Namespace) -> Path:
    if options.out is not None:
        out: Path = options.out
        if not out.name.endswith((SUFFIX, ".evalset.yml")):
            what = f"{out}: the name of an evalset ends in {SUFFIX}, or pytest does not collect it"
            is_source = options.source is None and (out.is_file() or out.suffix.lower() in ROW_FILES)
            raise SettingsError(f"{what}; to make one from that file: --from {out}" if is_source else what)
        return out
    stem = options.name or (options.source.name.partition(".")[0] if options.source else "my")
    return Path(re.sub(r"[^\w.-]+", "-", stem).strip("-.") + SUFFIX)


def _name(out: Path) -> str:
    return out.name.removesuffix(SUFFIX).removesuffix(".evalset.yml")


def _make_prompt(prompt: str | None, system: str | None) -> Json:
    asked = _read_text(prompt) if prompt is not None else ""
    if system is None:
        return asked
    messages = [{"role": "system", "content": _read_text(system)}]
    return [*messages, {"role": "user", "content": asked or "{{ input }}"}]


def _read_text(text: str) -> str:
    return read_source(Path(text[1:])) if text.startswith("@") else text


def _read_grader(text: str) -> Json:
    from pytest_ftgate.loading.problems import Problems
    from pytest_ftgate.loading.yaml_marks import parse_yaml

    document = parse_yaml(text, "--grader", Problems("--grader"))
    if document is None or not isinstance(document.value, str | dict):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no grader; wanted equals, or 'label: {{labels: [a, b]}}'"
        )
    return document.value


def _read_column(text: str) -> tuple[str, str]:
    key, equals, column = text.partition("=")
    if not (equals and key and column):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not usable; wanted KEY=COLUMN, such as expected=answer"
        )
    return key, column


def _read_repeats(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 100):
        raise argparse.ArgumentTypeError(f"{text!r} is not usable; wanted a whole number from 1 to 100")
    return int(text)


def _check(out: Path) -> dict[str, Any]:
    from pytest_ftgate.cli.check import check_evalsets

    (result,) = check_evalsets([out])
    return result


def _as_json(out: Path, draft: Draft, result: dict[str, Any]) -> dict[str, Any]:
    remarks = [{"kind": r.kind, "where": r.where, "what": r.what} for r in draft.remarks]
    return {
        "path": str(out),
        "remarks": remarks,
        "problems": result["problems"],
        "findings": result["findings"],
        "cases": result.get("cases", 0),
    }


def _lines(out: Path, draft: Draft, result: dict[str, Any]) -> list[str]:
    lines = [f"{out}: {format_count(result.get('cases', 0), 'case')} written"]
    lines += [f"  {_LABELS[r.kind]}: {_show(r)}" for r in draft.remarks]
    if result["problems"]:
        return [*lines, "not usable as it stands:", *(f"  {show_text(str(p))}" for p in result["problems"])]
    return [*lines, f"Next: pytest-ftgate check {out} | pytest --ftgate {out}"]


def _show(remark: Remark) -> str:
    return show_text(f"{remark.where}: {remark.what}")[:600]
