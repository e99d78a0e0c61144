"""Baselines on disk: a folder with one JSON file an evalset, made to be kept in git.

One case a line, in the order of their ids; nothing in it changes unless an answer, a rule or a case does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO, TypeVar

from pytest_ftgate.errors import StorageError
from pytest_ftgate.model.baseline import Baseline, BaselineArm, BaselineCase, CaseOutcome
from pytest_ftgate.model.codec import dump_json
from pytest_ftgate.model.evalset import GateSpec, Json
from pytest_ftgate.model.lazily import Lazily
from pytest_ftgate.storage.baseline_reading import decode_baseline
from pytest_ftgate.storage.files import describe_failure, open_atomic
from pytest_ftgate.storage.records import Redacting

FORMAT = 1
MAX_FILE_BYTES = 256 * 1024 * 1024

T = TypeVar("T")


def write_baselines(folder: Path, baselines: Iterable[Baseline], redact: Redacting) -> list[Path]:
    """Write each evalset into its file; others in the folder stay. Raises StorageError."""
    written = []
    for baseline in baselines:
        path = folder / name_file(baseline.evalset)
        try:
            with open_atomic(path) as file:
                write_baseline(file, baseline, redact)
        except (ValueError, TypeError) as error:
            raise StorageError(f"cannot write {path}: {error}") from error
        written.append(path)
    return written


def read_baselines(path: Path) -> dict[str, Baseline]:
    """The baselines of a folder, or the one of a file, by evalset.

    Raises StorageError for what cannot be read, is no baseline, or tells of one evalset twice.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    found: dict[str, Baseline] = {}
    for file in files:
        baseline = _read_file(file)
        if baseline.evalset in found:
            raise StorageError(f"{path}: two files are of evalset {baseline.evalset!r}; take one of them out")
        found[baseline.evalset] = baseline
    return found


def _read_file(path: Path) -> Baseline:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise StorageError(f"{path} is too large for a baseline (at most {MAX_FILE_BYTES >> 20} MiB)")
        return decode_baseline(path.read_bytes())
    except OSError as error:
        raise describe_failure("read", path, error) from error
    except ValueError as error:
        raise StorageError(
            f"{path} is no baseline that can be used: {error}. "
            "Save it again: pytest --ftgate --ftgate-save NAME"
        ) from error


def name_file(evalset: str) -> str:
    """The file of an evalset: its name, told apart by a digest where that cannot be a file's."""
    safe = re.sub(r"[^\w.-]", "_", evalset)[:100]
    if safe != evalset or evalset.startswith("."):
        digest = hashlib.sha256(evalset.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        safe = f"{safe.lstrip('.')}-{digest}"
    return f"{safe}.json"


def write_baseline(file: TextIO, baseline: Baseline, redact: Redacting) -> None:
    """Write the text of a baseline's file. Raises ValueError for what is no JSON."""
    value: Mapping[str, Json] = encode_baseline(baseline)
    for line in _format_object(value, 0):
        if not redact.is_clean(line):
            break
        file.write(f"{line}\n")
    else:
        return
    file.seek(0)
    file.truncate()
    file.writelines(f"{line}\n" for line in _format_object(redact.redact_json(value), 0))


def encode_baseline(baseline: Baseline) -> dict[str, Json]:
    """The baseline as JSON; cases in the order of their ids, arms in that of the ladder.

    Cases and their outcomes are encoded when they are looked at.
    """
    head: dict[str, Json] = {
        "ftgate_baseline": FORMAT,
        "evalset": baseline.evalset,
        "path": baseline.path,
        "bar": baseline.bar,
        "alpha": baseline.alpha,
        "graded_by": baseline.graded_by,
        "graders": baseline.graders,
    }
    if baseline.gaps:
        head["gaps"] = baseline.gaps
    if not baseline.tied_to_prompt:
        head["tied_to_prompt"] = False
    if baseline.gates:
        head["gates"] = [_encode_gate(gate) for gate in baseline.gates]
    cases = Lazily(sorted(baseline.cases), lambda name: _encode_case(baseline.cases[name], baseline.graders))
    return {**head, "cases": cases, "arms": [_encode_arm(arm) for arm in baseline.arms]}


def _encode_gate(gate: GateSpec) -> dict[str, Json]:
    told = {"name": gate.name, "options": dict(gate.options), "arm": gate.arm, "role": gate.role}
    return told if gate.evidence is None else {**told, "evidence": gate.evidence}


def _encode_case(case: BaselineCase, usual: str) -> dict[str, Json]:
    line: dict[str, Json] = {"hash": case.hash}
    if case.graders != usual:
        line["graders"] = case.graders
    for name in ("input", "expected", "group"):
        if getattr(case, name) is not None:
            line[name] = getattr(case, name)
    if case.tags:
        line["tags"] = list(case.tags)
    if case.is_dev:
        line["is_dev"] = True
    return line


def _encode_arm(arm: BaselineArm) -> dict[str, Json]:
    line: dict[str, Json] = {
        name: getattr(arm, name) for name in ("arm", "role", "kind", "question", "model")
    }
    line["models"], line["params"] = list(arm.models), dict(arm.params)
    if arm.fingerprints:
        line["fingerprints"] = list(arm.fingerprints)
    line |= {"prompt": arm.prompt, "has_form": arm.has_form, "repeats": arm.repeats}
    if arm.looks:
        line |= {"look": arm.look, "looks": arm.looks}
    if arm.cost_usd_per_1k_cases is not None:
        line["cost_usd_per_1k_cases"] = float(f"{arm.cost_usd_per_1k_cases:.4g}")
    return {**line, "cases": Lazily(sorted(arm.cases), lambda name: _encode_outcome(arm.cases[name]))}


def _encode_outcome(outcome: CaseOutcome) -> dict[str, Json]:
    line: dict[str, Json] = {"passed": outcome.passed, "graded": outcome.graded}
    if outcome.failures:
        line["failures"] = dict(sorted(outcome.failures.items()))
    if outcome.answer is not None:
        line["answer"] = outcome.answer
    return line


def _format_object(
    value: Mapping[str, Json], depth: int, *, before: str = "", after: str = ""
) -> Iterator[str]:
    """Lines of an object: `cases` one a line, `arms` one below the other, all else in one line each."""
    pad = " " * (depth + 1)
    yield f"{before}{{"
    for (key, inner), comma in _with_commas(value.items()):
        if key == "cases" and inner:
            yield f"{pad}{dump_json(key)}: {{"
            for (name, case), between in _with_commas(inner.items()):
                yield f"{pad} {dump_json(name)}: {dump_json(case)}{between}"
            yield f"{pad}}}{comma}"
        elif key == "arms" and inner:
            yield f"{pad}{dump_json(key)}: ["
            for arm, between in _with_commas(inner):
                yield from _format_object(arm, depth + 2, before=f"{pad} ", after=between)
            yield f"{pad}]{comma}"
        else:
            plain = dict(inner) if isinstance(inner, Mapping) else inner
            yield f"{pad}{dump_json(key)}: {dump_json(plain)}{comma}"
    yield f"{' ' * depth}}}{after}"


def _with_commas(entries: Collection[T]) -> Iterator[tuple[T, str]]:
    """Each entry, and what stands behind it in JSON."""
    last = len(entries)
    for number, entry in enumerate(entries, start=1):
        yield entry, "," if number < last else ""
