"""What STATISTICS section 7 has for its worlds, in per cent of the runs, by (cases, repeats)."""

from __future__ import annotations

import os

from pytest_ftgate.simulation.experiment import Size

RUNS = "FTGATE_SIMULATION_RUNS"
BASE = int(os.environ.get(RUNS, "200"))
SMALL, LARGE = (50, 3), (100, 5)


def by_size(*percent: float) -> dict[Size, float]:
    return dict(zip(((50, 3), (50, 5), (100, 3), (100, 5)), percent, strict=True))


# World → how often its right verdict was reached. The table tells a world's best arm and its pattern, not how
# good the other arms are, so that power can be met only roughly.
POWER = {
    "prompt": by_size(64, 69, 96, 98),
    "prompt-close": by_size(18, 19, 45, 51),
    "context": by_size(65, 70, 97, 98),
    "context-close": by_size(18, 20, 44, 48),
    "diffuse": by_size(95, 98, 100, 100),
    "cured": by_size(56, 60, 84, 88),
    "tunable-25": by_size(53, 77, 94, 99),
    "tunable-25-case": by_size(39, 39, 68, 68),
    "tunable-25-frozen": by_size(32, 30, 61, 60),
    "tunable-close": by_size(30, 52, 78, 92),
    "tunable-large": by_size(91, 92, 100, 100),
    "tunable-two": by_size(56, 58, 85, 86),
    "share-30": by_size(11, 11, 37, 37),
    "share-45": by_size(18, 22, 59, 62),
}
