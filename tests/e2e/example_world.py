"""The examples, each copied and replayed offline from its recorded answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
from e2e_world import World

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def schema(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((ROOT / "schemas" / name).read_text()))


def replay_example(
    world: World, folder: str, evalset: str, responses: str, *arguments: str
) -> tuple[int, str]:
    """Copies an example, replays it, checks its output against the schemas; gives (exit status, stdout)."""
    shutil.copytree(EXAMPLES / folder, world.path / folder)
    world.pytester.makeini("[pytest]")
    result = world.run(
        f"{folder}/{evalset}",
        "--rootdir",
        str(world.path),
        "--ftgate-replay",
        f"{folder}/{responses}",
        *arguments,
    )
    schema("report.schema.json").validate(world.report())
    for record in world.records():
        schema("record.schema.json").validate(record)
    section = result.stdout.str().split("= ftgate =")[1].split("= short test summary")[0]
    assert [line for line in section.splitlines()[1:] if len(line) > 80] == []
    return int(result.ret), result.stdout.str()


def arm(world: World, name: str, role: str = "candidate") -> dict[str, Any]:
    return next(a for a in world.entry()["arms"] if a["arm"] == name and a["role"] == role)
