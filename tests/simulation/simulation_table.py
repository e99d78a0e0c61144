"""Runs every world many times and prints docs/simulation.md.

FTGATE_SIMULATION_RUNS=1500 python tests/simulation/simulation_table.py > docs/simulation.md
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from simulation_world import Size, World, simulate
from worlds import LARGE, SMALL, TRUE, UNTRUE

RUNS = "FTGATE_SIMULATION_RUNS"
OTHERS = 5
"""Worlds away from every limit are run this many times less often."""

HEAD = """# Simulation: how often is the verdict wrong?

Synthetic worlds of which the truth is known, drawn as records and taken through the package's own code:
`statistics.summarise` → `patterns.find_patterns` → `decision.decide`. Four arms (`as_is`, `few_shot`,
`structured` with a proven schema, `context`), bar 80 % unless the world says otherwise, all constants of the
decision at their defaults. "Published" is the value in the specification's table (STATISTICS section 7) for
a world of the same name; it tells a world's best arm and its pattern, not how good the other arms are, so its
power can be met only roughly. The candidates here are more than the published ones: leaves, roll-ups and
families are tested together.

Made by

    {runs}={count} python tests/simulation/simulation_table.py > docs/simulation.md

(about {count} runs for each world at its limit, a fifth of that for the others). The tests run the same
worlds with fewer runs: `pytest tests/simulation -m slow`.
"""

FALSE_HEAD = """## False `fine_tune_justified`, per cent

Tuning is untrue in these worlds: some arm is truly at the bar or above it, or no candidate is above the
floor in every arm. The figure must be below 5, and below 1 where `as_is` is 5 points above the bar. The
worlds with the most runs sit at a limit, where a false verdict is likeliest.
"""


def count_runs(world: World, base: int) -> int:
    return base if world.is_at_limit else max(1, base // OTHERS)


def measure(job: tuple[World, Size, int]) -> Counter[str]:
    world, size, runs = job
    return simulate(world, size, runs)


def percent(count: int, runs: int) -> str:
    return f"{100 * count / runs:.1f}" if count * 10 < runs else f"{100 * count / runs:.0f}"


def false_rows(worlds: Iterable[World], found: dict[tuple[str, Size], Counter[str]]) -> Iterable[str]:
    yield "| world (truth) | runs | n=50, k=3 | published | n=100, k=5 | published |"
    yield "|---|---|---|---|---|---|"
    for world in worlds:
        cells = []
        for size in (SMALL, LARGE):
            counts = found[world.name, size]
            has_value = world.decision == "fine_tune_justified" and size in world.published
            cells += [
                f"**{percent(counts['fine_tune_justified'], counts.total())}**",
                f"{world.published[size]:g}" if has_value else "",
            ]
        yield f"| {world.name} | {found[world.name, SMALL].total()} | {' | '.join(cells)} |"


def power_rows(worlds: Iterable[World], found: dict[tuple[str, Size], Counter[str]]) -> Iterable[str]:
    sizes = "n=50, k=3 | published | n=100, k=5 | published"
    yield f"| world (truth) | verdict | {sizes} | other verdicts (n=50 / n=100) |"
    yield "|---|---|---|---|---|---|---|"
    for world in worlds:
        cells, others = [], []
        for size in (SMALL, LARGE):
            counts = found[world.name, size]
            value = world.published.get(size)
            cells += [percent(counts[world.decision], counts.total()), "" if value is None else f"{value:g}"]
            rest = [
                f"{name} {percent(n, counts.total())}"
                for name, n in counts.most_common()
                if name != world.decision
            ]
            others.append(", ".join(rest) or "none")
        yield f"| {world.name} | `{world.decision}` | {' | '.join(cells)} | {' / '.join(others)} |"


def main() -> None:
    base = int(os.environ.get(RUNS, "1500"))
    jobs = [(world, size, count_runs(world, base)) for world in (*UNTRUE, *TRUE) for size in (LARGE, SMALL)]
    with ProcessPoolExecutor() as pool:
        results = pool.map(measure, jobs)
        found = {(world.name, size): counts for (world, size, _), counts in zip(jobs, results, strict=True)}
    print(HEAD.format(runs=RUNS, count=base))
    print(FALSE_HEAD)
    print("\n".join(false_rows(UNTRUE, found)))
    for size in (SMALL, LARGE):
        counts = [found[world.name, size] for world in UNTRUE]
        false = sum(c["fine_tune_justified"] for c in counts)
        total = sum(c.total() for c in counts)
        print(f"\nPooled at n={size[0]}, k={size[1]}: {false} of {total:,} runs, {percent(false, total)} %.")
    print("\n## Right verdicts, per cent\n")
    decided = [world for world in UNTRUE if world.decision != "fine_tune_justified"]
    print("\n".join(power_rows([*decided, *TRUE], found)))


if __name__ == "__main__":
    main()
