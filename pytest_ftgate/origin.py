"""What the answers of a run were made by: the rules when they came, and what they alone can answer.

It stands in a report's header (key `answers`) and is handed on whenever the answers are judged again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pytest_ftgate.model.evalset import CANDIDATE, Json
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import Plan, PlannedItem
from pytest_ftgate.planning.fingerprint import TRANSPORT_PARAMS, digest

KEY = "answers"
"""The header's key."""

_USUAL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Of one evalset: the run that got its answers, and the digest and settings hash it had then.

    `refused`: arm → digest of what the vendor refused. `graders`: case → `graders_hash` of its trials that
    may take further turns; `*` stands for the cases that are not named. `left_out`: kind of thing (cases,
    arms, roles, repeats) → its name → stored records of it that a later judging had no use for.
    """

    run: str
    digest: str | None
    settings_hash: str | None
    refused: Mapping[str, str] = field(default_factory=dict)
    graders: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def graders_hash(self, case: str) -> str | None:
        """The `graders_hash` that the turns of a case were made by; None where it is not known."""
        return self.graders.get(case, self.graders.get(_USUAL))

    def is_changed(self, plan: Plan) -> bool:
        """Whether the plan's rules are not those that were fixed before the answers came."""
        return (plan.settings_hash, plan.evalset.digest) != (self.settings_hash, self.digest)


def trace_origin(run: str, plan: Plan, summary: Summary) -> Origin:
    """The origin of a run that got its answers itself."""
    refused = (arm.arm for arm in summary.arms if arm.schema_enforced == "unsupported")
    items = {item.arm: item for item in reversed(plan.items) if item.role == CANDIDATE}
    return Origin(
        run=run,
        digest=plan.evalset.digest,
        settings_hash=plan.settings_hash,
        refused={arm: describe_refusal(plan, items[arm]) for arm in refused if arm in items},
        graders=_shorten(_find_graders(plan)),
    )


def describe_refusal(plan: Plan, item: PlannedItem) -> str:
    """The digest of what a vendor refuses that refuses an arm: model, params, format, tools and prompt.

    The cases do not matter: a vendor refuses a format whatever is asked in it.
    """
    request, arm = item.trials[0].request, plan.evalset.arm(item.arm)
    asked: Json = {
        "model": request.model,
        "params": {name: value for name, value in request.params.items() if name not in TRANSPORT_PARAMS},
        "response_format": request.response_format,
        "tools": request.tools,
        "prompt": plan.evalset.prompt if arm.prompt is None else arm.prompt,
    }
    return digest(asked)


def encode_origin(origin: Origin) -> dict[str, Json]:
    """The origin as it stands in a header."""
    return asdict(origin)


def read_origin(header: Mapping[str, Any], entry: Mapping[str, Any], run: str) -> Origin:
    """The origin of an evalset's answers, by a report's header and its entry; `run` is that report's."""
    name, given = entry["name"], header.get(KEY)
    told = given.get(name) if isinstance(given, Mapping) else None
    if not isinstance(told, Mapping):
        digests = header.get("evalsets", {})
        return Origin(run=run, digest=digests.get(name), settings_hash=entry.get("settings_hash"))
    left_out = _read_mapping(told, "left_out")
    return Origin(
        run=str(told.get("run", run)),
        digest=told.get("digest"),
        settings_hash=told.get("settings_hash"),
        refused=_read_mapping(told, "refused"),
        graders=_read_mapping(told, "graders"),
        left_out={what: dict(names) for what, names in left_out.items() if isinstance(names, Mapping)},
    )


def _read_mapping(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = told.get(key)
    return value if isinstance(value, Mapping) else {}


def _find_graders(plan: Plan) -> dict[str, str]:
    return {
        item.case: item.trials[0].graders_hash
        for item in plan.items
        if item.trials and item.trials[0].graders_hash is not None
    }


def _shorten(hashes: Mapping[str, str]) -> dict[str, str]:
    """The commonest hash once, and those of the cases that have another one."""
    if not hashes:
        return {}
    ((usual, _),) = Counter(hashes.values()).most_common(1)
    return {_USUAL: usual, **{case: each for case, each in hashes.items() if each != usual}}
