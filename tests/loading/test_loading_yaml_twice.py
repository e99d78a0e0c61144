"""pytester imports packages anew for each inner session; the YAML parser has to survive that."""

from __future__ import annotations

import sys

import pytest

from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.yaml_marks import parse_yaml


def test_yaml_imported_anew_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    before = parse_yaml("a: [1, {b: c}]", "x.yaml", Problems("x.yaml"))
    for name in [name for name in sys.modules if name.split(".")[0] in ("yaml", "_yaml")]:
        monkeypatch.delitem(sys.modules, name)
    after = parse_yaml("a: [1, {b: c}]", "x.yaml", Problems("x.yaml"))
    assert before is not None
    assert after is not None
    assert before.value == after.value == {"a": [1, {"b": "c"}]}
