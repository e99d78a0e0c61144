"""The built-in worlds: what a user would like to have told apart."""

from __future__ import annotations

from pytest_ftgate.model.summary import Finding
from pytest_ftgate.simulation.limit_worlds import AT_LIMIT, ELSEWHERE
from pytest_ftgate.simulation.signatures import CONFUSIONS, FENCED, FIELDS, REQUIRED, TRUNCATED, flat
from pytest_ftgate.simulation.world import World

CHEAPER = (
    World(
        key="met",
        title="as_is 12 points above the bar",
        accuracy=(0.92, 0.93, 0.92, 0.92),
        others=FIELDS,
        right=("bar_met",),
        kind="untrue",
    ),
    World(
        key="prompt",
        title="few_shot 12 points above the bar",
        accuracy=(0.65, 0.92, 0.75, 0.75),
        patterns={FENCED: (0.15, 0.02, 0.08, 0.08)},
        others=FIELDS,
        right=("improve_prompt",),
        kind="untrue",
        needs=("few_shot",),
    ),
    World(
        key="prompt-close",
        title="few_shot 7 points above the bar",
        accuracy=(0.65, 0.87, 0.75, 0.75),
        patterns={FENCED: (0.15, 0.04, 0.08, 0.08)},
        others=FIELDS,
        right=("improve_prompt",),
        kind="untrue",
        needs=("few_shot",),
    ),
    World(
        key="context",
        title="context 12 points above the bar",
        accuracy=(0.55, 0.60, 0.60, 0.92),
        others=FIELDS,
        right=("use_rag", "add_context"),
        kind="untrue",
        needs=("context",),
    ),
    World(
        key="context-close",
        title="context 7 points above the bar",
        accuracy=(0.55, 0.60, 0.60, 0.87),
        others=FIELDS,
        right=("use_rag", "add_context"),
        kind="untrue",
        needs=("context",),
    ),
    World(
        key="format",
        title="most failures are a missing key, structured output cures it",
        accuracy=(0.60, 0.65, 0.92, 0.65),
        patterns={REQUIRED: (0.32, 0.28, 0.0, 0.28)},
        others=FIELDS,
        right=("improve_prompt",),
        kind="untrue",
        needs=("structured",),
    ),
    World(
        key="repair",
        title="most failures are a code fence, a tolerant parser reads through it",
        accuracy=(0.60, 0.65, 0.65, 0.65),
        patterns={FENCED: (0.32, 0.28, 0.25, 0.28)},
        others=FIELDS,
        right=("fix_call",),
        kind="untrue",
        needs=("repair",),
        repairs=frozenset((FENCED,)),
    ),
    World(
        key="truncated",
        title="most failures are answers that were cut off",
        accuracy=flat(0.60),
        patterns={TRUNCATED: flat(0.32)},
        others=FIELDS,
        right=("fix_call",),
        kind="untrue",
    ),
    World(
        key="flawed",
        title="the pre-check finds a fault that voids the accuracy",
        accuracy=(0.62, 0.65, 0.63, 0.63),
        patterns={REQUIRED: flat(0.20)},
        others=FIELDS,
        right=("not_ready",),
        kind="untrue",
        findings=(
            Finding(
                rule="label-not-offered",
                severity="error",
                what="a gold label is never offered by the prompt",
                blocks=True,
            ),
        ),
    ),
    World(
        key="diffuse",
        title="failures diffuse, best arm 20 points below the bar",
        accuracy=(0.50, 0.60, 0.55, 0.55),
        others=FIELDS,
        right=("no_pattern",),
        kind="untrue",
    ),
    World(
        key="near-below",
        title="every arm 2 points below the bar, diffuse",
        accuracy=flat(0.78),
        others=FIELDS,
        right=("inconclusive", "no_pattern"),
        kind="untrue",
    ),
    World(
        key="near-above",
        title="every arm 2 points above the bar, diffuse",
        accuracy=flat(0.82),
        others=FIELDS,
        right=("bar_met", "improve_prompt", "use_rag", "add_context", "inconclusive"),
        kind="untrue",
    ),
)

TUNABLE = (
    World(
        key="tunable",
        title="best arm 15 points below the bar, one pattern of 1 in 5 trials",
        accuracy=(0.62, 0.65, 0.63, 0.63),
        patterns={REQUIRED: flat(0.20)},
        others=FIELDS,
        right=("fine_tune_justified",),
        kind="true",
    ),
    World(
        key="tunable-case",
        title="likewise, but the pattern is bound to cases",
        accuracy=(0.62, 0.65, 0.63, 0.63),
        patterns={REQUIRED: flat(0.20)},
        form="case",
        others=FIELDS,
        right=("fine_tune_justified",),
        kind="true",
    ),
    World(
        key="tunable-large",
        title="best arm 20 points below the bar, a case-bound pattern of 30 %",
        accuracy=(0.50, 0.60, 0.55, 0.55),
        patterns={REQUIRED: (0.35, 0.30, 0.30, 0.30)},
        form="case",
        others=FIELDS,
        right=("fine_tune_justified",),
        kind="true",
    ),
    World(
        key="tunable-25",
        title="best arm 10 points below the bar, a pattern of 25 %",
        accuracy=(0.60, 0.70, 0.65, 0.65),
        patterns={REQUIRED: (0.30, 0.25, 0.25, 0.25)},
        others=FIELDS,
        right=("fine_tune_justified",),
        kind="true",
    ),
    World(
        key="tunable-25-case",
        title="best arm 10 points below the bar, a case-bound pattern of 25 %",
        accuracy=(0.60, 0.70, 0.65, 0.65),
        patterns={REQUIRED: (0.30, 0.25, 0.25, 0.25)},
        form="case",
        others=FIELDS,
        right=("fine_tune_justified",),
        kind="true",
    ),
    World(
        key="tunable-25-frozen",
        title="best arm 10 points below the bar, a pattern of 25 %, temperature 0",
        accuracy=(0.60, 0.70, 0.65, 0.65),
        patterns={REQUIRED: (0.30, 0.25, 0.25, 0.25)},
        form="frozen",
        others=FIELDS,
        right=("fine_tune_justified",),
        kind="true",
    ),
    World(
        key="tunable-close",
        title="best arm 8 points below the bar, a pattern of 1 in 5 trials",
        accuracy=(0.62, 0.72, 0.67, 0.67),
        patterns={REQUIRED: (0.25, 0.20, 0.20, 0.20)},
        others=FIELDS,
        right=("fine_tune_justified",),
        kind="true",
    ),
    World(
        key="tunable-two",
        title="best arm 20 points below the bar, case-bound patterns of 18 % and 15 %",
        accuracy=(0.50, 0.60, 0.55, 0.55),
        patterns={FENCED: (0.20, 0.18, 0.18, 0.18), REQUIRED: (0.17, 0.15, 0.15, 0.15)},
        form="case",
        others=FIELDS,
        right=("fine_tune_justified",),
        kind="true",
    ),
)

PARTIAL = tuple(
    World(
        key=f"share-{round(100 * share)}",
        title=f"a case-bound pattern that is {100 * share:.0f} % of the failures, best arm .60",
        accuracy=(0.50, 0.60, 0.55, 0.55),
        patterns={REQUIRED: flat(round(0.4 * share, 3))},
        form="case",
        others=FIELDS,
        right=("partial_pattern",) if share < 0.5 else ("fine_tune_justified",),
        kind="share" if share < 0.5 else "true",
    )
    for share in (0.30, 0.40, 0.45, 0.55, 0.60)
)
"""The share is held against one half as a point estimate: its error is measured, not bounded."""

BLIND = (
    World(
        key="wrong-labels",
        title="a quarter of the expected labels are wrong, and the model gives the right ones",
        accuracy=flat(0.70),
        patterns=dict.fromkeys(CONFUSIONS, flat(0.25 / len(CONFUSIONS))),
        form="case",
        others=CONFUSIONS,
        right=("not_ready",),
        kind="blind",
    ),
)

WORLDS: tuple[World, ...] = (*CHEAPER, *AT_LIMIT, *ELSEWHERE, *TUNABLE, *PARTIAL, *BLIND)

MAIN = (
    "met", "prompt", "context", "format", "repair", "truncated", "flawed", "diffuse", "near-below",
    "at-bar-case", "tunable", "tunable-case", "share-45", "wrong-labels",
)  # fmt: skip
"""The worlds that a command without a choice simulates."""


def list_worlds() -> dict[str, World]:
    """All built-in worlds by key."""
    return {world.key: world for world in WORLDS}
