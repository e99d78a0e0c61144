"""Plugins that ours is tested beside, in one test; every other session of the suite goes without them."""

from __future__ import annotations

NEIGHBOURS = (
    "sugar", "asyncio", "html", "html_fixtures", "pytest-split", "metadata", "randomly", "pytest_jsonreport",
    "pytest_github_actions_annotate_failures",
)  # fmt: skip
"""Entry points that change order, output or outcome; `addopts` of pyproject.toml has the same."""

WITHOUT = " ".join(f"-p no:{name}" for name in NEIGHBOURS)
