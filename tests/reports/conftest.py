from __future__ import annotations

import sys
from pathlib import Path

# The scripted worlds of the decision stage are what reports show.
sys.path.insert(0, str(Path(__file__).parent.parent / "decision"))
