"""Copies of models are what pydantic would make of them, without what was computed from the former values."""

import pickle
import sys
from functools import cached_property

import pytest
from pydantic import BaseModel, Field, ValidationError

from planners.model import Model, all_unchecked, blank, lean, unchecked


class Pair(Model):
    first: int
    second: list[int] = Field(default_factory=list)
    third: str = ""

    @cached_property
    def total(self) -> int:
        return self.first + sum(self.second)


VALUES = {"third": "", "first": 1, "second": []}


@pytest.mark.parametrize("update", [None, {}, {"first": 5}, {"second": [1], "third": "x"}])
@pytest.mark.parametrize("deep", [False, True])
def test_a_copy_is_what_pydantic_makes(update, deep):
    pair = Pair(first=1, second=[2])

    copied, expected = pair.model_copy(update=update, deep=deep), BaseModel.model_copy(pair, update=update, deep=deep)

    assert copied == expected
    assert copied.model_fields_set == expected.model_fields_set
    assert copied.model_dump(exclude_unset=True) == expected.model_dump(exclude_unset=True)
    assert (copied.second is pair.second) is (expected.second is pair.second)
    assert pickle.loads(pickle.dumps(copied)) == copied  # noqa: S301 - our own


def test_a_copy_computes_anew_what_follows_from_its_values():
    pair = Pair(first=1)
    assert pair.total == 1

    assert pair.model_copy(update={"first": 2}).total == 2
    assert pair.total == 1


def test_copies_that_set_other_fields_do_not_change_each_other():
    pair = Pair(first=1)
    one, other = pair.model_copy(update={"second": [1]}), pair.model_copy(update={"third": "x"})

    assert pair.model_fields_set == {"first"}
    assert one.model_fields_set == {"first", "second"}
    assert other.model_fields_set == {"first", "third"}
    assert one.model_copy(update={"third": ""}).model_fields_set == {"first", "second", "third"}
    assert one.model_fields_set == {"first", "second"}


def test_a_copy_cannot_be_changed():
    with pytest.raises(ValidationError):
        Pair(first=1).model_copy().first = 2


@pytest.mark.parametrize(
    "made",
    [
        lambda: lean(Pair(first=1)),
        lambda: unchecked(Pair, VALUES, frozenset({"first"})),
        lambda: all_unchecked(Pair, [blank(Pair) | VALUES, blank(Pair) | VALUES], frozenset({"first"}))[1],
    ],
)
def test_lean_models_and_their_copies_share_the_names_of_their_fields(made):
    """A shared table has room for 30 names first, for one less with each instance, and from Python 3.13 on for ever.

    There, small models do not share, and take no more.
    """
    *_, pair = (Pair(first=1) for _ in range(30))
    size = sys.getsizeof(vars(pair)) + (sys.version_info >= (3, 13))

    for one in (made(), made().model_copy(), made().model_copy(update={"third": "x"}).model_copy(update={"third": ""})):
        assert sys.getsizeof(vars(one)) < size
        assert one == pair
        assert one.model_dump_json() == pair.model_dump_json()
        assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - our own


def test_a_lean_model_keeps_what_was_computed():
    pair = Pair(first=1, second=[2])
    assert pair.total == 3

    assert vars(lean(pair))["total"] == 3
    assert pair == Pair(first=1, second=[2])
