"""The worlds of STATISTICS section 7, and some that the larger family of candidates calls for."""

from __future__ import annotations

from simulation_world import CONFUSIONS, Size, World

SMALL, LARGE = (50, 3), (100, 5)

FENCED, PROSE, REQUIRED = "format:fenced", "format:prose_before", "schema:required:/total"
FLOOR = 0.05


def published(*percent: float) -> dict[Size, float]:
    return dict(zip(((50, 3), (50, 5), (100, 3), (100, 5)), percent, strict=True))


def flat(rate: float) -> tuple[float, float, float, float]:
    return (rate, rate, rate, rate)


# Tuning is untrue: some arm is truly at the bar or above it, or nothing is above the floor in every arm.
# At the bar the others are far below it and the patterns are certain, so only that one arm protects.
AT_LIMIT = (
    World(
        is_at_limit=True,
        name="few_shot exactly .80, 12 % pattern in any case",
        accuracy=(0.60, 0.80, 0.65, 0.65),
        patterns={FENCED: (0.25, 0.12, 0.20, 0.20)},
        published=published(2.2, 2.2, 2.3, 3.4),
    ),
    World(
        is_at_limit=True,
        name="few_shot exactly .80, all failures one case-bound pattern",
        accuracy=(0.60, 0.80, 0.65, 0.65),
        patterns={FENCED: (0.40, 0.20, 0.35, 0.35)},
        form="case",
        published=published(3.2, 2.7, 3.5, 2.9),
    ),
    World(
        is_at_limit=True,
        name="few_shot exactly .80, all failures one pattern in any case",
        accuracy=(0.60, 0.80, 0.65, 0.65),
        patterns={FENCED: (0.40, 0.20, 0.35, 0.35)},
        published=published(1.0, 1.4, 2.9, 2.3),
    ),
    World(
        is_at_limit=True,
        name="few_shot exactly .80, all failures one pattern, temperature 0",
        accuracy=(0.60, 0.80, 0.65, 0.65),
        patterns={FENCED: (0.40, 0.20, 0.35, 0.35)},
        form="frozen",
        published=published(2.8, 2.8, 3.0, 3.5),
    ),
    World(
        is_at_limit=True,
        name="few_shot exactly .80, two labels for all others",
        accuracy=(0.60, 0.80, 0.65, 0.65),
        patterns={
            "label:confusion:A→B": (0.20, 0.10, 0.18, 0.18),
            "label:confusion:C→B": (0.20, 0.10, 0.17, 0.17),
        },
        form="case",
    ),
    World(
        is_at_limit=True,
        name="context exactly .80, 12 % pattern in any case",
        accuracy=(0.60, 0.65, 0.65, 0.80),
        patterns={FENCED: (0.25, 0.20, 0.20, 0.12)},
        published=published(1.6, 2.3, 2.8, 2.5),
    ),
    World(
        is_at_limit=True,
        name="as_is exactly .80 and every other arm worse, one case-bound pattern",
        accuracy=(0.80, 0.60, 0.65, 0.65),
        patterns={FENCED: (0.20, 0.40, 0.35, 0.35)},
        form="case",
    ),
    World(
        is_at_limit=True,
        name="every arm exactly .80, all failures one case-bound pattern",
        accuracy=flat(0.80),
        patterns={FENCED: flat(0.20)},
        form="case",
    ),
    World(
        is_at_limit=True,
        name="as_is 5 points above the bar, one case-bound pattern",
        accuracy=(0.85, 0.60, 0.65, 0.65),
        patterns={FENCED: (0.15, 0.40, 0.35, 0.35)},
        form="case",
    ),
    World(
        is_at_limit=True,
        name="bar .98: all failures one pattern exactly at the floor, the same cases in every arm",
        accuracy=flat(0.95),
        patterns={FENCED: flat(FLOOR)},
        form="case",
        bar=0.98,
    ),
    World(
        is_at_limit=True,
        name="bar .98: two signatures exactly at the floor, one a family of two leaves",
        accuracy=flat(0.90),
        patterns={FENCED: flat(FLOOR / 2), PROSE: flat(FLOOR / 2), REQUIRED: flat(FLOOR)},
        form="case",
        bar=0.98,
    ),
)

ELSEWHERE = (
    World(
        name="4 patterns exactly at the floor, the rest diffuse",
        accuracy=(0.55, 0.60, 0.60, 0.60),
        patterns=dict.fromkeys((FENCED, REQUIRED, "style:too_long", "tool:no_call"), flat(FLOOR)),
        published=published(0, 0, 0, 0),
    ),
    World(
        name="25 % pattern cured by structured output",
        accuracy=(0.55, 0.60, 0.70, 0.60),
        patterns={FENCED: (0.25, 0.25, 0.0, 0.25)},
        decision="no_pattern",
        published=published(56, 60, 84, 88),
    ),
    World(
        name="25 % pattern cut to the floor by structured output",
        accuracy=(0.55, 0.60, 0.70, 0.60),
        patterns={FENCED: (0.25, 0.25, FLOOR, 0.25)},
        decision="no_pattern",
    ),
    World(
        name="diffuse failures, best .60",
        accuracy=(0.50, 0.60, 0.55, 0.55),
        decision="no_pattern",
        published=published(95, 98, 100, 100),
    ),
    World(
        name="any wrong label at random, each of 8 at the floor, best .60",
        accuracy=flat(0.60),
        others=CONFUSIONS,
        decision="no_pattern",
    ),
    World(
        name="all arms .78, diffuse",
        accuracy=flat(0.78),
        decision="inconclusive",
        published=published(99, 98, 98, 97),
    ),
    World(
        name="few_shot .92",
        accuracy=(0.65, 0.92, 0.75, 0.75),
        patterns={FENCED: (0.15, 0.02, 0.08, 0.08)},
        decision="improve_prompt",
        published=published(64, 69, 96, 98),
    ),
    World(
        name="few_shot .87",
        accuracy=(0.65, 0.87, 0.75, 0.75),
        patterns={FENCED: (0.15, 0.04, 0.08, 0.08)},
        decision="improve_prompt",
        published=published(18, 19, 45, 51),
    ),
    World(
        name="context .92",
        accuracy=(0.55, 0.60, 0.60, 0.92),
        decision="use_rag",
        published=published(65, 70, 97, 98),
    ),
    World(
        name="context .87",
        accuracy=(0.55, 0.60, 0.60, 0.87),
        decision="use_rag",
        published=published(18, 20, 44, 48),
    ),
)

UNTRUE = (*AT_LIMIT, *ELSEWHERE)

# Every arm is truly below the bar, and a pattern survives them all.
TRUE = (
    World(
        name="25 % pattern in any case, best .70",
        accuracy=(0.60, 0.70, 0.65, 0.65),
        patterns={FENCED: (0.30, 0.25, 0.25, 0.25)},
        is_tuning_true=True,
        published=published(53, 77, 94, 99),
    ),
    World(
        name="25 % case-bound pattern, best .70",
        accuracy=(0.60, 0.70, 0.65, 0.65),
        patterns={FENCED: (0.30, 0.25, 0.25, 0.25)},
        form="case",
        is_tuning_true=True,
        published=published(39, 39, 68, 68),
    ),
    World(
        name="25 % case-bound pattern, best .70, temperature 0",
        accuracy=(0.60, 0.70, 0.65, 0.65),
        patterns={FENCED: (0.30, 0.25, 0.25, 0.25)},
        form="frozen",
        is_tuning_true=True,
        published=published(32, 30, 61, 60),
    ),
    World(
        name="20 % = 1 in 5 in any case, best .72",
        accuracy=(0.62, 0.72, 0.67, 0.67),
        patterns={FENCED: (0.25, 0.20, 0.20, 0.20)},
        is_tuning_true=True,
        published=published(30, 52, 78, 92),
    ),
    World(
        name="30 % case-bound pattern, best .60",
        accuracy=(0.50, 0.60, 0.55, 0.55),
        patterns={FENCED: (0.35, 0.30, 0.30, 0.30)},
        form="case",
        is_tuning_true=True,
        published=published(91, 92, 100, 100),
    ),
    World(
        name="two case-bound patterns, 18 % + 15 %, best .60",
        accuracy=(0.50, 0.60, 0.55, 0.55),
        patterns={FENCED: (0.20, 0.18, 0.18, 0.18), REQUIRED: (0.17, 0.15, 0.15, 0.15)},
        form="case",
        is_tuning_true=True,
        published=published(56, 58, 85, 86),
    ),
    World(
        name="12 % case-bound pattern of 40 % failures",
        accuracy=(0.50, 0.60, 0.55, 0.55),
        patterns={FENCED: (0.14, 0.12, 0.12, 0.12)},
        form="case",
        is_tuning_true=True,
        decision="partial_pattern",
        published=published(11, 11, 37, 37),
    ),
)
