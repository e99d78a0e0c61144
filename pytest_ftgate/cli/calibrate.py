"""How far a judge agrees with people, on answers that people have labelled."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_ftgate.calibration import Calibration, calibrate
from pytest_ftgate.cli.check import builtin_registries, find_rootdir
from pytest_ftgate.cli.labelled_file import Keys, read_labelled
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.model.codec import load_json
from pytest_ftgate.model.evalset import JUDGE, GraderSpec, Json, ModelSpec
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.plan_loading import load_plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.reports.hostile_text import defuse_commands, show_text
from pytest_ftgate.reports.numbers import format_count, format_money, format_percent
from pytest_ftgate.statistics.kappa import compare_disagreements, name_agreement
from pytest_ftgate.storage.redaction import Redactor

GRADER = "llm-rubric"
FEW = 30
"""Below so many answers an interval is too wide to say much."""

GOOD, FAIR = 0.6, 0.4
"""Kappa that is at least so high, for sure, lets a judge decide; lets it be used with care."""

MAX_ERRORS = 0.02
_SHOWN = 10
_WIDTH = 78


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateOptions:
    """What the command line says. `evalset` gives the rubric and the judge where they are not given."""

    labelled: Path
    directory: Path
    rubric: str | None = None
    model: str | None = None
    params: Mapping[str, Json]
    votes: int | None = None
    threshold: float | None = None
    evalset: Path | None = None
    grader: str | None = None
    keys: Keys
    replies: tuple[Path, ...] = ()
    record: Path | None = None
    concurrency: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedJudge:
    """A judge, what it was asked to judge by, and how it agrees with people."""

    model: str
    rubric: str
    found: Calibration
    unlabelled: int

    @property
    def is_usable(self) -> bool:
        """Whether there is an answer: a kappa, and at most 2 % of the answers without a grade."""
        errors, n = len(self.found.errors), self.found.n
        return self.found.kappa.value is not None and errors <= MAX_ERRORS * (n + errors)


def calibrate_judge(options: CalibrateOptions) -> CalibratedJudge:
    """Ask the judge about every labelled answer. Raises FtgateError."""
    answers, unlabelled = read_labelled(options.labelled, options.keys)
    for path in options.replies:
        if not path.is_file():
            raise SettingsError(f"--replies {path}: no such file; record one with --record FILE")
    if options.replies and options.record:
        raise SettingsError("--record with --replies: recorded replies need no recording")
    registries = builtin_registries()
    rubric, judge = _choose_judge(options, registries)
    settings = Settings(
        rootdir=str(Path.cwd()),
        directory=str(options.directory.absolute()),
        concurrency=options.concurrency,
        replay=tuple(str(path) for path in options.replies),
        record=None if options.record is None else str(options.record),
    )
    redact = Redactor(os.environ).redact
    found = calibrate(answers, rubric, judge, settings=settings, registries=registries, redact=redact)
    return CalibratedJudge(model=judge.model, rubric=str(rubric.value), found=found, unlabelled=unlabelled)


def _choose_judge(options: CalibrateOptions, registries: Registries) -> tuple[GraderSpec, ModelSpec]:
    """The grader and its model: the evalset's, with what the command line says in place of it."""
    rubric, judge = None, None
    if options.evalset is not None:
        rubric, judge = _read_evalset(options.evalset, options.grader, options.model, registries)
    elif options.model is not None:
        judge = ModelSpec(model=options.model)
    value = _read_rubric(options.rubric) if options.rubric is not None else rubric and rubric.value
    if value is None or judge is None:
        what = "--rubric TEXT|@FILE" if value is None else "--model vendor/name"
        raise SettingsError(
            f"no {'rubric' if value is None else 'judge'} is given: add {what}, or --evalset FILE"
        )
    given = {"votes": options.votes, "threshold": options.threshold}
    chosen = {name: option for name, option in given.items() if option is not None}
    spec = GraderSpec(
        name=GRADER,
        negated=rubric is not None and rubric.negated,
        has_value=True,
        value=value,
        options={**(rubric.options if rubric else {}), **chosen},
    )
    return spec, ModelSpec(model=judge.model, params={**judge.params, **options.params}, price=judge.price)


def _read_rubric(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--rubric {text}: cannot be read ({error})") from None


def _read_evalset(
    path: Path, name: str | None, model: str | None, registries: Registries
) -> tuple[GraderSpec, ModelSpec]:
    path = path.resolve()
    rootdir = str(find_rootdir(path))
    models = {} if model is None else {JUDGE: model}
    # A placeholder for the candidate: only the judge is asked.
    plan = load_plan(
        path, Settings(rootdir=rootdir, directory=rootdir, replay=("calibrate",), models=models), registries
    )
    evalset = plan.evalset
    specs = [spec for spec in evalset.graders if spec.name == GRADER]
    chosen = [spec for spec in specs if name is None or spec.options.get("name") == name]
    if len(chosen) != 1:
        names = ", ".join(str(spec.options.get("name", "without a name")) for spec in specs) or "none"
        what = f"{len(chosen)} {GRADER} graders" + (f" named {name!r}" if name else "")
        raise SettingsError(f"{path}: has {what}; wanted one: name it with --grader NAME. There: {names}.")
    if JUDGE not in evalset.models:
        raise SettingsError(f"{path}: names no model for role judge; add --model vendor/name")
    return chosen[0], evalset.models[JUDGE]


# -- what is shown ----------------------------------------------------------------------------------


def parse_param(text: str) -> tuple[str, Json]:
    """NAME=VALUE of a model's params; a value that is JSON is read as such. Raises SettingsError."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise SettingsError(f"--param: {text!r} is not usable; wanted: NAME=VALUE, such as temperature=0")
    try:
        return name, load_json(value)
    except ValueError:
        return name, value


def show_calibration(judged: CalibratedJudge, *, as_json: bool) -> None:
    """Print the agreement, as text or as one JSON object."""
    if as_json:
        print(json.dumps(describe_calibration(judged), indent=2))
        return
    for line in _list_lines(judged):
        print(defuse_commands(show_text(line)))


def describe_calibration(judged: CalibratedJudge) -> dict[str, Any]:
    """The numbers, JSON-safe. Shares are null where nothing was counted."""
    found, kappa = judged.found, judged.found.kappa
    counts = found.counts
    right = counts[True, True] + counts[False, False]
    return {
        "judge": judged.model,
        "rubric": judged.rubric,
        "n": found.n,
        "accuracy": right / found.n if found.n else None,
        "kappa": {"value": kappa.value, "low": kappa.low, "high": kappa.high, "reason": kappa.reason},
        "table": {
            "human_pass": {"judge_pass": counts[True, True], "judge_fail": counts[True, False]},
            "human_fail": {"judge_pass": counts[False, True], "judge_fail": counts[False, False]},
        },
        "disagreements_p": compare_disagreements(counts[True, False], counts[False, True]),
        "votes": {"cast": found.votes, "with_majority": found.votes_with, "unanimous": found.unanimous},
        "errors": found.errors,
        "unlabelled": judged.unlabelled,
        "disagreements": [
            {"place": answer.place, "human": "pass" if answer.label else "fail"}
            for answer in found.disagreements
        ],
        "requests_sent": found.requests_sent,
        "cost_usd": found.cost_usd,
        "meaning": explain_agreement(found),
    }


def explain_agreement(found: Calibration) -> str:
    """What the agreement means, in a sentence or two."""
    kappa = found.kappa
    if kappa.value is None or kappa.low is None or kappa.high is None:
        return f"kappa cannot be computed on {format_count(found.n, 'answer')}: {kappa.reason}"
    shown = f"kappa {kappa.value:.2f} [{kappa.low:.2f} .. {kappa.high:.2f}], n = {kappa.n}"
    text = (
        f"{shown}: the judge agrees with people {name_agreement(kappa.value)}; {_advise(kappa.low, kappa.n)}."
    )
    lenient, strict = found.counts[False, True], found.counts[True, False]
    if compare_disagreements(lenient, strict) < 0.05:
        side, harm = ("lenient", "pass") if lenient > strict else ("strict", "failure")
        text += f" It is too {side}: do not use it where a wrong {harm} is costly."
    return text


def _advise(low: float, n: int) -> str:
    if low >= GOOD:
        return "on answers like these it can stand in for them"
    more = f" (with {FEW} labels or more the interval would be narrower)" if n < FEW else ""
    if low >= FAIR:
        return f"use it to compare arms, do not use it alone where a gate decides near its limit{more}"
    return f"that may be as little as {low:.2f}, so do not use it where a gate decides{more}"


def _list_lines(judged: CalibratedJudge) -> list[str]:
    found, counts = judged.found, judged.found.counts
    people_pass = counts[True, True] + counts[True, False]
    people_fail = found.n - people_pass
    right = counts[True, True] + counts[False, False]
    lines = [
        f"judge {judged.model}   {format_count(found.n + len(found.errors), 'labelled answer')}",
        "",
        *textwrap.wrap(explain_agreement(found), _WIDTH, break_on_hyphens=False),
        "",
        "              judge pass  judge fail",
        f"  human pass  {counts[True, True]:>10,}  {counts[True, False]:>10,}",
        f"  human fail  {counts[False, True]:>10,}  {counts[False, False]:>10,}",
        "",
        f"accuracy      {_share(right, found.n)}",
        f"wrong passes  {_share(counts[False, True], people_fail, ' that people failed')}",
        f"wrong fails   {_share(counts[True, False], people_pass, ' that people passed')}",
    ]
    if found.votes:
        unanimous = f"{found.unanimous:,} of {found.n:,} unanimous"
        lines.append(f"votes         {_share(found.votes_with, found.votes)} with the majority; {unanimous}")
    lines += [f"judge errors  {len(found.errors):,}"]
    lines += [f"  {error}" for error in found.errors[:_SHOWN]]
    if found.disagreements:
        places = ", ".join(answer.place for answer in found.disagreements[:_SHOWN])
        more = len(found.disagreements) - _SHOWN
        lines.append(f"disagree on   {places}{f' and {more:,} more' if more > 0 else ''}")
    if judged.unlabelled:
        lines.append(f"left out      {format_count(judged.unlabelled, 'row')} without a label")
    cost = "cost unknown" if found.cost_usd is None else format_money(found.cost_usd)
    spent = f", {cost}" if found.requests_sent else ""
    return [*lines, f"asked         {format_count(found.requests_sent, 'request')}{spent}"]


def _share(part: int, whole: int, of_what: str = "") -> str:
    return f"{format_percent(part / whole if whole else None)} ({part:,} of {whole:,}{of_what})"
