"""One `*.evalset.yaml` → Evalset, or all that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_ftgate.loading.arms import RESERVED, read_arms
from pytest_ftgate.loading.cache import EvalsetCache
from pytest_ftgate.loading.case_files import read_case_file
from pytest_ftgate.loading.cases import check_unique_id, make_id, read_case
from pytest_ftgate.loading.files import EvalsetFiles, name_file
from pytest_ftgate.loading.gates import read_gates
from pytest_ftgate.loading.graders import read_graders
from pytest_ftgate.loading.heads import check_waivers, is_target, read_head
from pytest_ftgate.loading.places import Document, Place
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.prompts import read_prompt
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.wording import describe, say_wrong_type
from pytest_ftgate.loading.yaml_marks import parse_yaml
from pytest_ftgate.model.evalset import CANDIDATE, ArmSpec, Case, Evalset, Json, Message
from pytest_ftgate.registry import Registries

SUFFIXES = (".evalset.yaml", ".evalset.yml", ".yaml", ".yml")
TARGET_PROMPT = "{{ input if input is string else input | tojson }}"
"""Of an application where the evalset states none: it is given the case's input as well."""
SHORTEST = (
    'the shortest evalset is `prompt: "{{ input }}"`, `graders: [equals]` '
    "and `cases: [{input: …, expected: …}]`"
)


def load_evalset(
    path: Path,
    rootdir: Path,
    registries: Registries,
    *,
    allow_outside: bool = False,
    cache: Path | None = None,
) -> Evalset:
    """The evalset at `path`, every file it names read, every default filled in.

    `cache`: a folder where large evalsets are kept as they were read; None keeps nothing. Raises
    EvalsetError with all problems of the file and of the files it names.
    """
    name = name_file(path, rootdir)
    kept = EvalsetCache(cache, name, registries, allow_outside=allow_outside) if cache else None
    if kept is not None:
        found = kept.read(path, EvalsetFiles(path, rootdir, Problems(name), allow_outside=allow_outside))
        if found is not None:
            return found
    problems = Problems(name)
    files = EvalsetFiles(path, rootdir, problems, allow_outside=allow_outside)
    reading = Reading(problems, files, registries)
    text = files.read_evalset(path)
    document = None if text is None else parse_yaml(text, name, problems)
    if document is None:
        problems.raise_all()
    evalset = _read_evalset(document, path, reading)
    if len(problems):
        problems.raise_all()
    evalset = replace(evalset, files=files.names, digest=files.digest)
    if kept is not None and text is not None:
        kept.write(text, evalset, files)
    return evalset


def _read_evalset(document: Document, path: Path, reading: Reading) -> Evalset:
    """The evalset without `files` and `digest`; of no use where problems were found."""
    place, written = Place(document), document.value
    if not isinstance(written, dict):
        what = "the file is empty" if written is None else f"an evalset is a mapping, got {describe(written)}"
        reading.problems.add(place, f"{what}; {SHORTEST}")
        return Evalset(path=document.file, name="")
    head = read_head(written, _name_evalset(path), place, reading)
    if written.get("prompt") is None and is_target(head.models.get(CANDIDATE)):
        written = {**written, "prompt": TARGET_PROMPT}
    prompt: tuple[Message, ...] = ()
    if written.get("prompt") is not None:
        prompt = read_prompt(written["prompt"], place.at("prompt"), reading)
    graders = read_graders(written.get("graders"), place.at("graders"), reading)
    arms = read_arms(written.get("arms"), place.at("arms"), reading)
    arm_names = _name_arms(arms, written.get("arms"))
    gates = read_gates(written.get("gates"), head.bar, arm_names, place.at("gates"), reading)
    check_waivers(head.decision, arm_names, place, reading)
    before = len(reading.problems)
    cases = _read_cases(written, place, reading)
    if len(reading.problems) == before:
        _check_together(written, cases, place, reading)
    return Evalset(
        path=document.file,
        name=head.name,
        bar=head.bar or 0.0,
        repeats=head.repeats,
        models=head.models,
        prompt=prompt,
        graders=graders,
        arms=arms,
        gates=gates,
        decision=head.decision,
        economics=head.economics,
        suite=head.suite,
        cases=cases,
    )


def _name_arms(arms: Sequence[ArmSpec], written: Json) -> list[str]:
    """The names that gates and waivers may use: also those of arms with problems of their own."""
    stated = [name for name in written if name != RESERVED] if isinstance(written, dict) else []
    return list(dict.fromkeys([*(arm.name for arm in arms), *stated]))


def _name_evalset(path: Path) -> str:
    for suffix in SUFFIXES:
        if path.name.endswith(suffix) and len(path.name) > len(suffix):
            return path.name.removesuffix(suffix)
    return path.name


def _read_cases(written: Mapping[str, Json], place: Place, reading: Reading) -> tuple[Case, ...]:
    """All cases, inline and of files, with ids; those with problems are left out."""
    rows = written.get("cases")
    where = place.at("cases")
    if not rows and not isinstance(rows, str | int | float):
        reading.problems.add(where, f"no cases; {SHORTEST}")
        return ()
    if not isinstance(rows, list):
        reading.problems.add(where, say_wrong_type("a list of cases", rows))
        return ()
    found: list[Case] = []
    for index, row in enumerate(rows):
        if isinstance(row, dict) and "file" in row:
            found.extend(read_case_file(row, where.at(index), reading))
        else:
            check_unique_id(row, where.at(index), reading)
            case = read_case(row, where.at(index), reading)
            if case is not None:
                found.append(case)
    return _identify(found)


def _identify(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Ids for cases without; equal inputs are told apart by `-2`, `-3`, … in their order."""
    taken, ranks = {case.id for case in cases}, dict[str, int]()
    return tuple(
        case if case.id else replace(case, id=_choose_id(make_id(case), taken, ranks)) for case in cases
    )


def _choose_id(wanted: str, taken: set[str], ranks: dict[str, int]) -> str:
    """A free id, remembered as taken; `ranks` keeps thousands of equal inputs from a quadratic search."""
    rank = ranks.get(wanted, 0) + 1
    chosen = wanted if rank == 1 else f"{wanted}-{rank}"
    while chosen in taken:
        rank += 1
        chosen = f"{wanted}-{rank}"
    ranks[wanted] = rank
    taken.add(chosen)
    return chosen


def _check_together(
    written: Mapping[str, Json], cases: Sequence[Case], place: Place, reading: Reading
) -> None:
    """What no section can say alone: somebody must ask, and somebody must grade."""
    if written.get("prompt") is None:
        asking = [case for case in cases if case.messages is None]
        if asking:
            what = "`prompt` is missing; only cases with `messages` of their own need none"
            reading.problems.add(
                place, f"{what} ({len(asking)} of {len(cases)} have none, the first is {asking[0].id})"
            )
    if not written.get("graders"):
        ungraded = [case for case in cases if not case.graders]
        if ungraded:
            what = "`graders` is missing; only cases with `graders` of their own need none"
            first = f"{len(ungraded)} of {len(cases)} have none, the first is {ungraded[0].id}"
            reading.problems.add(place.at("graders"), f"{what} ({first})")
