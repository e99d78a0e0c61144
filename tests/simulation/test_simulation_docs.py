"""docs/simulation.md is what the command made, of all worlds, and it keeps what the README promises."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pytest_ftgate.simulation.worlds import list_worlds

TEXT = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text(encoding="utf-8")
SIZES = ["n=50, k=3", "n=50, k=5", "n=100, k=3", "n=100, k=5", "n=200, k=3", "n=200, k=5"]


def read_table(head: str) -> dict[str, dict[str, str]]:
    """The first table below a heading: row → column → cell."""
    section = TEXT.split(f"\n## {head}", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    columns = lines[0][1:]
    return {row[0].removesuffix(" †"): dict(zip(columns, row[1:], strict=False)) for row in lines[2:]}


def test_it_names_the_command_that_makes_it() -> None:
    command = re.search(r"^    (pytest-ftgate simulate .+)$", TEXT, re.MULTILINE)
    assert command is not None
    words = shlex.split(command[1])
    options = dict(zip(words[2::2], words[3::2], strict=True))
    assert options["--worlds"] == "all"
    assert (options["--cases"], options["--repeats"]) == ("50,100,200", "3,5")
    assert re.search(r"^Made on \d{4}-\d\d-\d\d with version ", TEXT, re.MULTILINE)
    assert set(read_table("The worlds")) == set(list_worlds())


@pytest.mark.parametrize(
    ("key", "limit"),
    [(world.key, 100 * world.most_false) for world in list_worlds().values() if world.most_false],
)
def test_every_false_rate_is_under_the_promise(key: str, limit: float) -> None:
    row = read_table("False `fine_tune_justified`")[key]
    assert list(row) == SIZES
    assert all(float(value) < limit for value in row.values())


def test_power_is_as_promised_and_the_error_of_the_share_rule_stands_beside_it() -> None:
    assert float(read_table("Right verdicts")["tunable"]["n=200, k=5"]) >= 80
    share = read_table("The share rule")
    assert {"share-30", "share-40", "share-45", "share-55", "share-60", "tunable"} <= set(share)


def test_false_alarms_of_no_regression_are_at_most_five_per_cent_and_its_power_is_told() -> None:
    rows = read_table("The gate `no_regression`")
    assert list(rows) == SIZES
    for row in rows.values():
        assert float(row["A/A"].split(" ")[0]) <= 5
        assert float(row["drop 0"].split(" ")[0]) <= 5
    assert float(rows["n=100, k=5"]["drop 10"].split(" ")[0]) >= 90
