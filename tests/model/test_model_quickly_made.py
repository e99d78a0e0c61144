"""What is made quickly is in all else the frozen dataclass that it was."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from inspect import signature
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.model.evalset import Case, Location
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.quickly_made import quickly_made
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import TrialKey


@dataclass(frozen=True, slots=True)
class Usual:
    first: int
    second: str = "two"
    third: list[int] = field(default_factory=list)
    last: Any = field(default=None, kw_only=True)
    needed: int = field(kw_only=True)


@quickly_made
@dataclass(frozen=True, slots=True)
class Quick:
    first: int
    second: str = "two"
    third: list[int] = field(default_factory=list)
    last: Any = field(default=None, kw_only=True)
    needed: int = field(kw_only=True)


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    count: int

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("below 0")


KEY = TrialKey(evalset="e", case="c", arm="as_is", role="candidate", repeat=1)
REAL: tuple[Callable[[], Any], ...] = (
    lambda: Case(id="c-1"),
    lambda: Location(file="a.yaml", line=3),
    lambda: Grade(grader="equals", outcome="passed"),
    lambda: Response(text="yes"),
    lambda: Record(key=KEY, outcome="passed"),
)

arguments = st.fixed_dictionaries(
    {"first": st.integers(), "needed": st.integers()},
    optional={"second": st.text(), "third": st.lists(st.integers()), "last": st.text() | st.none()},
)


def told(value: object) -> str:
    return repr(value).partition("(")[2]


@given(arguments)
def test_it_has_the_values_of_the_dataclass(given: dict[str, Any]) -> None:
    quick, usual = Quick(**given), Usual(**given)
    assert told(quick) == told(usual)
    assert [getattr(quick, each.name) for each in fields(Quick)] == [
        getattr(usual, each.name) for each in fields(Usual)
    ]


@given(arguments, arguments)
def test_two_are_equal_where_those_of_the_dataclass_are(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (Quick(**one) == Quick(**other)) == (Usual(**one) == Usual(**other))
    assert Quick(**one) == Quick(**one)


def test_arguments_are_taken_in_the_same_way() -> None:
    def name(cls: type) -> list[tuple[str, Any]]:
        return [(each.name, each.kind) for each in signature(cls).parameters.values()]

    assert name(Quick) == name(Usual)
    assert Quick(1, "b", [2], needed=3) == Quick(first=1, second="b", third=[2], needed=3)


@pytest.mark.parametrize("wrong", [{}, {"first": 1}, {"first": 1, "needed": 2, "what": 3}])
def test_wrong_arguments_are_refused_in_the_same_words(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError) as usual:
        Usual(**wrong)
    with pytest.raises(TypeError) as quick:
        Quick(**wrong)
    assert str(quick.value) == str(usual.value).replace("Usual", "Quick")


def test_what_a_factory_makes_belongs_to_one_object() -> None:
    assert Quick(1, needed=1).third is not Quick(1, needed=1).third


def test_it_is_looked_at_once_it_is_made() -> None:
    assert Checked(count=1).count == 1
    with pytest.raises(ValueError, match="below 0"):
        Checked(count=-1)


@pytest.mark.parametrize("make", [lambda: Quick(1, needed=2), *REAL])
def test_it_is_frozen(make: Callable[[], Any]) -> None:
    made = make()
    name = fields(made)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(made, name, None)
    with pytest.raises(FrozenInstanceError):
        delattr(made, name)
    assert not hasattr(made, "__dict__")


@pytest.mark.parametrize("make", [lambda: Quick(1, needed=2), *REAL])
def test_it_is_copied_pickled_and_replaced(make: Callable[[], Any]) -> None:
    made = make()
    assert type(made) is type(copy.copy(made))
    assert made == copy.copy(made) == copy.deepcopy(made) == replace(made)
    assert pickle.loads(pickle.dumps(made)) == made
    assert type(made)(**{each.name: getattr(made, each.name) for each in fields(made)}) == made


class Derived(Quick):
    """With a `__dict__`, as a class without slots has one."""


class Slotted(Quick):
    __slots__ = ()


@pytest.mark.parametrize("cls", [Derived, Slotted])
def test_what_is_derived_from_it_is_made_as_before(cls: type[Quick]) -> None:
    made = cls(1, needed=2)
    assert type(made) is cls
    assert (made.first, made.second, made.third, made.last, made.needed) == (1, "two", [], None, 2)
    with pytest.raises(FrozenInstanceError):
        made.first = 3  # type: ignore[misc]


@pytest.mark.parametrize("cls", [Grade, Response, Record, Case, Location])
def test_its_annotations_can_be_read(cls: type) -> None:
    assert get_type_hints(cls.__init__).keys() == {each.name for each in fields(cls)} | {"return"}


def test_no_other_class_is_seen() -> None:
    made = Quick(1, needed=2)
    assert type(made) is Quick
    assert isinstance(made, Quick)
    assert type(made).__init__.__qualname__ == "Quick.__init__"
