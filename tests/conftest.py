"""Makes `servers` and `trials` importable, and gives every test pytester."""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

pytest_plugins = ["pytester"]
