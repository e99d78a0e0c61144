"""Arm `retrieval`: what it searches, what it shows, and whether the recall it tells is true."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planning_builders import (
    make_arm,
    make_case,
    make_evalset,
    make_registries,
    make_settings,
    said,
    trials_of,
)

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.evalset import Case, DecisionSpec, GraderSpec, Knowledge
from pytest_ftgate.model.retrieval import GoldRanks, Retrieval
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.chunks import cut_text
from pytest_ftgate.planning.gold import ChunkShingles, find_gold
from pytest_ftgate.planning.plan import build_plan
from pytest_ftgate.planning.ranking import Ranking
from pytest_ftgate.planning.search_faults import find_search_faults
from pytest_ftgate.planning.token_counts import MAX_COUNTED_CHARS, count_tokens

PYTHON_DOCS = Path(__file__).parent.parent / "data" / "python_docs"


def plan_search(
    root: Path, cases: Sequence[Case] = (), *, embedder: Any = None, evalset: Any = None, **options: Any
) -> Plan:
    options.setdefault("docs", "../docs/*")
    made = make_evalset(make_arm("retrieval", **options), cases=cases, **(evalset or {}))
    more = {} if embedder is None else {"embedder": embedder}
    return build_plan(made, make_settings(rootdir=str(root)), make_registries(), **more)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "evals").mkdir()
    for name, text in {
        "refunds": "Refunds. A refund of money takes three days when the order is new.",
        "bills": "Bills. Each bill shows what was charged to the card last month.",
        "stores": "Stores. The shop in Oslo opens at nine and closes at five.",
    }.items():
        (tmp_path / "docs" / f"{name}.md").write_text(text)
    return tmp_path


def test_prompts_are_the_same_wherever_pytest_is_started(root: Path) -> None:
    """Answers recorded in one checkout hold in another, and under another rootdir."""
    case = make_case(text="money", context="Refunds. A refund of money takes three days.")
    made = make_evalset(make_arm("retrieval", docs="../docs/*"), cases=[case])
    above = replace(made, path=f"{root.name}/{made.path}")
    here = build_plan(made, make_settings(rootdir=str(root)), make_registries())
    there = build_plan(above, make_settings(rootdir=str(root.parent)), make_registries())
    assert "[docs/refunds.md]\nRefunds." in said(here, "retrieval")[-1][1]
    assert said(here, "retrieval") == said(there, "retrieval")


def search_of(plan: Plan) -> Retrieval:
    (search,) = plan.retrievals
    return search


def embed(vectors: dict[str, list[float]]) -> Any:
    """An embedder that knows some words: a text's vector is the sum of theirs."""

    def embedder(evalset: Any, spec: Any, texts: Sequence[str]) -> list[list[float]]:
        return [
            [sum(v[axis] for word, v in vectors.items() if word in text) for axis in range(3)]
            for text in texts
        ]

    return embedder


MEANINGS = embed({"refund": [1, 0, 0], "give it back": [1, 0, 0], "Bills": [0, 1, 0], "Stores": [0, 0, 1]})


# -- what is shown ----------------------------------------------------------------------------------


def test_vectors_find_what_shares_no_word(root: Path) -> None:
    cases = [make_case(text="give it back")]
    assert "[docs/" not in said(plan_search(root, cases), "retrieval")[-1][1]
    for rank in ("vectors", "hybrid"):
        made = plan_search(root, cases, rank=rank, k=1, embedder=MEANINGS)
        assert "[docs/refunds.md]" in said(made, "retrieval")[-1][1]
        assert (search_of(made).rank, search_of(made).embedder) == (rank, "local/minilm")


def test_the_embedder_is_asked_once_and_only_for_vectors(root: Path) -> None:
    asked: list[Sequence[str]] = []

    def embedder(evalset: Any, spec: Any, texts: Sequence[str]) -> list[list[float]]:
        asked.append(texts)
        return [[1.0, 0.0] for _ in texts]

    cases = [make_case("a"), make_case("b"), make_case("c", "a bill")]
    plan_search(root, cases, embedder=embedder)
    assert asked == []
    plan_search(root, cases, rank="hybrid", embedder=embedder)
    assert len(asked) == 1
    assert asked[0][3:] == ["where is my money", "a bill"]


def test_rank_by_vectors_without_any_is_a_problem_of_the_arm(root: Path) -> None:
    with pytest.raises(EvalsetError, match="needs vectors"):
        plan_search(root, rank="vectors")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"chunk_words": 40, "overlap_words": 21}, "more than half"),
        ({"vectors": "v.jsonl"}, "`bm25` uses none"),
        ({"cite": "{{ expected }}"}, "`cite` names `expected`"),
    ],
)
def test_options_that_cannot_be(root: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(EvalsetError, match=words):
        plan_search(root, **options)


def test_chunk_size_is_the_users(root: Path) -> None:
    (root / "docs" / "long.md").write_text(" ".join(f"money{i}" for i in range(400)))
    search = search_of(plan_search(root, chunk_words=40, overlap_words=20))
    assert (search.files, search.chunks) == (4, 3 + 19)
    assert (search.chunk_words, search.overlap_words) == (40, 20)


# -- citations --------------------------------------------------------------------------------------


CITED = DecisionSpec(knowledge=Knowledge(stated=True, citations=True))


def plan_cited(root: Path, **more: Any) -> Plan:
    evalset = make_evalset(
        make_arm("retrieval", docs="../docs/*", k=2, **more),
        make_arm("context"),
        make_arm("repair", of="context"),
        cases=[make_case(context=["Fact one is here.", "Fact two is there."])],
    )
    evalset = replace(evalset, decision=CITED)
    return build_plan(evalset, make_settings(rootdir=str(root)), make_registries())


def test_citations_are_asked_for_and_graded_where_passages_are_shown(root: Path) -> None:
    made = plan_cited(root)
    (context,), (retrieved,), (as_is,) = (trials_of(made, arm) for arm in ("context", "retrieval", "as_is"))
    content = said(made, "context")[-1][1]
    assert "<context>\n[1]\nFact one is here.\n\n[2]\nFact two is there.\n</context>" in content
    assert content.index("where is my money") < content.index("Sources:")
    assert "[1] docs/refunds.md\nRefunds." in said(made, "retrieval")[-1][1]
    assert [passage.text for passage in context.passages] == ["Fact one is here.", "Fact two is there."]
    assert [passage.source for passage in retrieved.passages][:1] == ["docs/refunds.md"]
    assert as_is.passages == ()
    assert trials_of(made, "repair")[0].passages == context.passages
    assert [spec.name for spec in made.graders["c1"]] == ["label", "citations"]


def test_the_request_for_citations_is_the_users(root: Path) -> None:
    assert "Sources" not in said(plan_cited(root, cite=""), "retrieval")[-1][1]
    content = said(plan_cited(root, cite="\nQuote for {{ id }}."), "retrieval")[-1][1]
    assert content.endswith("\nQuote for c1.")


def test_a_prompt_that_shows_the_context_is_held_to_its_own_grader(root: Path) -> None:
    prompt = ({"role": "user", "content": "{{ context }} {{ input }} Quote it."},)
    cases = [make_case(context="A fact.")]
    graded = build_plan(
        make_evalset(cases=cases, prompt=prompt, graders=(GraderSpec(name="citations"),)),
        make_settings(),
        make_registries(),
    )
    assert [passage.text for passage in trials_of(graded, "as_is")[0].passages] == ["A fact."]
    assert said(graded, "as_is") == [("user", "A fact. where is my money Quote it.")]
    plain = build_plan(make_evalset(cases=cases, prompt=prompt), make_settings(), make_registries())
    assert trials_of(plain, "as_is")[0].passages == ()


# -- recall -----------------------------------------------------------------------------------------


def test_gold_context_is_found_by_rank_or_absent(root: Path) -> None:
    cases = [
        make_case("first", "refund of money", context="a REFUND of money takes\nthree days"),
        make_case("second", "a refund at the shop in Oslo", context="refund of money takes three days"),
        make_case("both", "refund money Oslo shop", context=["takes three days", "shop in Oslo opens"]),
        make_case("nowhere", "refund", context="The warranty is void after a year."),
        make_case("unmarked", "refund"),
        make_case("unlike", "quite another thing", context="Each bill shows what was charged"),
    ]  # fmt: skip
    made = plan_search(root, cases, k=1)
    search = search_of(made)
    assert search.gold == {
        "first": GoldRanks(ranks=(1,)),
        "second": GoldRanks(ranks=(2,)),
        "both": search.gold["both"],
        "nowhere": GoldRanks(ranks=(None,), absent=1),
        "unlike": GoldRanks(ranks=(None,)),
    }
    assert sorted(rank or 0 for rank in search.gold["both"].ranks) == [1, 2]
    assert [case for case in search.gold if search.holds(case)] == ["first"]
    (finding,) = find_search_faults(made.retrievals)
    assert finding.cases == ("nowhere",)
    assert (finding.severity, finding.blocks) == ("warning", False)


def test_a_passage_over_two_chunks_takes_both() -> None:
    words = [f"word{i}" for i in range(60)]
    chunks = [" ".join(words[:30]), " ".join(words[27:])]
    found = find_gold([" ".join(words[15:45])], [1, 0], ChunkShingles(chunks), Ranking(chunks))
    assert found == GoldRanks(ranks=(2,))


def read_questions() -> list[Case]:
    rows = map(json.loads, (PYTHON_DOCS / "questions.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        make_case(row["id"], row["input"], row["expected"], context=row["context"], tags=tuple(row["tags"]))
        for row in rows
    ]


def true_rank(gold: str, tag: str, shown: Sequence[tuple[str, str]]) -> int | None:
    """The first rank by which the quote's characters in its document are shown, found by plain search.

    Independent of the arm: no shingles, but places of the text. Other documents of the folder say none of
    the same (56 topics were chosen for that).
    """
    text = " ".join((PYTHON_DOCS / "docs" / f"{tag}.txt").read_text(encoding="utf-8").split())
    gold = " ".join(gold.split())
    start = text.index(gold)
    missing = set(range(start, start + len(gold)))
    for rank, (source, chunk) in enumerate(shown, start=1):
        if source == f"docs/{tag}.txt":
            place = text.index(" ".join(chunk.split()))
            missing -= set(range(place, place + len(" ".join(chunk.split()))))
        if len(missing) <= 0.2 * len(gold):
            return rank
    return None


def test_recall_on_pythons_documentation_is_true_of_forty_questions() -> None:
    """390 chunks of real documentation, 40 questions marked by hand (tests/data/python_docs)."""
    cases = read_questions()
    assert len(cases) == 40
    evalset = make_evalset(make_arm("retrieval", docs="docs/*.txt", k=20), cases=cases)
    evalset = replace(evalset, path="questions.evalset.yaml")
    made = build_plan(evalset, make_settings(rootdir=str(PYTHON_DOCS)), make_registries())
    search = search_of(made)
    assert (search.files, search.chunks) == (56, 390)
    assert search.tokens == 84_831
    for case in cases:
        block = said(made, "retrieval", case.id)[-1][1].split("<context>\n")[1].split("\n</context>")[0]
        shown = [tuple(part.split("]\n", 1)) for part in block.removeprefix("[").split("\n\n[docs/")]
        shown = [(s if s.startswith("docs/") else f"docs/{s}", text) for s, text in shown]
        assert len(shown) == 20
        assert search.gold[case.id].ranks == (true_rank(case.context, case.tags[0], shown),), case.id
    reached = [search.gold[case.id].ranks[0] for case in cases]
    recall = {k: sum(rank is not None and rank <= k for rank in reached) / 40 for k in (1, 4, 10, 20)}
    assert recall == {1: 0.35, 4: 0.6, 10: 0.65, 20: 0.8}


# -- tokens -----------------------------------------------------------------------------------------


def test_tokens_are_counted() -> None:
    # tiktoken's own figures for cl100k_base.
    assert count_tokens(["hello world", "I can't"]) == 2 + 3
    assert count_tokens(["退款政策是三十天"]) > 8
    assert count_tokens(["<|endoftext|>"]) == 7
    assert count_tokens([]) == 0
    assert count_tokens(["\ud800"]) >= 1
    assert count_tokens(["a" * (MAX_COUNTED_CHARS + 4)]) == MAX_COUNTED_CHARS // 4 + 1


def test_overlaps_count_once(root: Path) -> None:
    text = " ".join(f"money{i}" for i in range(400))
    for path in (root / "docs").iterdir():
        path.unlink()
    (root / "docs" / "long.md").write_text(text)
    assert plan_search(root).knowledge_tokens == count_tokens([text])
    assert sum(1 for _ in cut_text(text)) > 1
