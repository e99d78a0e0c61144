"""What the documents promise: the evalset of the README loads, and its commands stand where CI reads them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pytest_ftgate.cli.check import check_evalsets
from pytest_ftgate.glue.options import OPTIONS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_evalset_of_the_readme_loads(tmp_path: Path) -> None:
    (yaml,) = re.findall(r"```yaml\n(ftgate: 1\n.*?)```", README, flags=re.DOTALL)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "v2.md").write_text("Label as refund, charge or other: {{ input }}")
    labels = ["refund", "charge", "other"]
    for name, count in (("shots", 6), ("cases", 59)):
        rows = [
            {"input": f"a quite different {name} text {i}", "expected": labels[i % 3]} for i in range(count)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "tickets.evalset.yaml").write_text(yaml)
    (result,) = check_evalsets([tmp_path])
    assert result["problems"] == []
    assert [fault for fault in result["findings"] if fault["severity"] == "error"] == []
    arms = ("as_is", "few_shot", "rewritten", "structured", "repair", "context")
    assert {arm["arm"]: arm["status"] for arm in result["arms"]} == dict.fromkeys(arms, "run")


def test_every_option_is_in_the_readme() -> None:
    missing = [o.name for o in OPTIONS if f"--ftgate-{o.name}" not in README and o.ini not in README]
    assert missing == []


def test_ci_finds_the_readmes_test_command() -> None:
    block = README.split("<!-- test command -->")[1].split("```")[1]
    assert "uv run --group test pytest" in block
