"""Labels that the graders want and no prompt offers: one that is never named cannot be guessed."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.offers import Missing, Name, Offers, Text, space
from pytest_ftgate.planning.structured_forms import stated_labels
from pytest_ftgate.planning.texts import case_text

_LETTER = re.compile(r"[^\W\d_]")
_LABEL_CHARS = 60
_MOST_LABELS = 1_000
_USUAL_SHARE = 0.5
_LIST_SHARE, _LIST_SIZE = 0.5, 3


def find_missing_labels(plan: Plan) -> Missing:
    """Expected labels that no planned arm names to the cases that need them.

    Labels are what `label` graders expect; what `equals` expects is one where a prompt lists at least half
    of all such values. Letter case, `_`, `-` and spaces do not matter. A case's own input offers nothing
    ("is my refund lost?" does not name the label `refund`), unless inputs list the labels as a rule.
    """
    wanted = _group_answers(plan, "label")
    equal = {text: ids for text, ids in _group_answers(plan, "equals").items() if text not in wanted}
    if not wanted and not equal:
        return {}
    specs = {id(spec): spec for own in plan.graders.values() for spec in own}
    stated = {label for spec in specs.values() for label in stated_labels(spec)}
    offers = Offers(plan)
    names = _make_names(wanted, stated)
    missing = _find_missing(wanted, names, offers, plan)
    names = _make_names(equal, stated.union(wanted))
    if len(equal) <= _MOST_LABELS and _is_listed(names.values(), offers):
        missing |= _find_missing(equal, names, offers, plan)
    return missing


def _find_missing(
    wanted: Mapping[str, tuple[str, ...]], names: Mapping[str, Name], offers: Offers, plan: Plan
) -> Missing:
    """Of what is wanted, what neither the inputs list nor a text says to one of its cases."""
    listed = _find_listed(wanted, plan.evalset.cases, names)
    return {
        label: case_ids
        for label, case_ids in wanted.items()
        if label not in listed
        and offers.reach(case_ids)
        and not any(names[label].is_in(text) for text in offers.texts_for(case_ids))
    }


def _is_listed(names: Collection[Name], offers: Offers) -> bool:
    """Whether one text names at least half of them: then it means to list them all."""
    if len(names) < _LIST_SIZE:
        return False
    least = max(_LIST_SIZE, _LIST_SHARE * len(names))
    return any(sum(name.is_in(text) for name in names) >= least for text in offers.sample())


def _make_names(labels: Collection[str], others: Iterable[str]) -> dict[str, Name]:
    by_word: dict[str, set[str]] = defaultdict(set)
    for label in (*labels, *others):
        spaced = space(label)
        for word in spaced.split():
            by_word[word].add(spaced)
    # Whatever contains a label has all of its words, the rarest one among them.
    near = {
        label: min((by_word[word] for word in space(label).split()), key=len, default=()) for label in labels
    }
    return {label: Name(label, others) for label, others in near.items()}


class _NamesByWord:
    """Names to be found in many texts: of thousands only those are tried whose rarest word a text has."""

    def __init__(self, names: Mapping[str, Name]) -> None:
        counts = Counter(word for name in names.values() for word in set(name.spaced.split()))
        self._by_word: dict[str, list[tuple[str, Name]]] = defaultdict(list)
        self._others: list[tuple[str, Name]] = []
        for label, name in names.items():
            rarest = min(name.spaced.split(), key=counts.__getitem__, default=None)
            # With signs it may be a part of a word.
            by_word = rarest is not None and not name.has_signs
            (self._by_word[rarest or ""] if by_word else self._others).append((label, name))

    def list_named(self, text: Text) -> list[str]:
        """The labels that the text names."""
        tried = [entry for word in set(text.spaced.split()) for entry in self._by_word.get(word, ())]
        return [label for label, name in (*tried, *self._others) if name.is_in(text)]


def _group_answers(plan: Plan, grader_name: str) -> dict[str, tuple[str, ...]]:
    """Text that graders of that name expect → its cases; of `equals` only what could be a label."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for case in plan.evalset.cases:
        for grader in plan.graders[case.id]:
            label = grader.value if grader.has_value else case.expected
            if grader.name == grader_name and not grader.negated and isinstance(label, str) and label.strip():
                wanted[label].append(case.id)
    return {
        label: tuple(dict.fromkeys(case_ids))
        for label, case_ids in wanted.items()
        if grader_name == "label" or (len(label) <= _LABEL_CHARS and _LETTER.search(label))
    }


def _find_listed(
    wanted: Mapping[str, tuple[str, ...]], cases: Iterable[Case], names: Mapping[str, Name]
) -> set[str]:
    """Labels that the inputs themselves offer: most inputs name them, or each of theirs lists several."""
    labelled = {case_id for case_ids in wanted.values() for case_id in case_ids}
    naming: dict[str, set[str]] = {label: set() for label in wanted}
    counts: dict[str, int] = {}
    by_word = _NamesByWord(names)
    for case in cases:
        if case.id in labelled:
            found = by_word.list_named(Text(case_text(case)))
            counts[case.id] = len(found)
            for label in found:
                naming[label].add(case.id)
    return {
        label
        for label, case_ids in wanted.items()
        if (
            len(naming[label]) >= max(2.0, _USUAL_SHARE * len(labelled))
            and len(naming[label]) > len(case_ids)
        )
        or all(case_id in naming[label] and counts[case_id] > 1 for case_id in case_ids)
    }
