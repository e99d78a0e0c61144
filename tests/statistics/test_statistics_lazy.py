"""Importing the stages costs nothing: scipy and numpy come with the first number."""

from __future__ import annotations

import subprocess
import sys


def test_importing_statistics_and_patterns_loads_no_numbers_library() -> None:
    code = (
        "import sys, pytest_ftgate.statistics.summarise, pytest_ftgate.statistics.pattern_statistics\n"
        "import pytest_ftgate.patterns.find\n"
        "print([name for name in ('scipy', 'numpy') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
