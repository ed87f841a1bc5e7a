"""Paths of bindings lead through objects and lists, and nowhere else."""

import pytest
from tasks_to_refuse import CATALOG, step, task

from planners.bindings import follow
from planners.validation import flaws
from planners.workflow import Step


def path(shorthand):
    return Step(id="s", capability="c", inputs={"x": shorthand}).inputs["x"].path


def test_a_number_is_an_index_of_a_list():
    assert follow({"hits": ["a", "b"]}, path("$steps.search.hits.1")) == "b"


def test_a_number_is_a_key_of_an_object():
    assert follow({"2024": 1}, path("$steps.lookup.2024")) == 1


def test_a_text_has_no_parts():
    with pytest.raises(LookupError):
        follow("secret", path("$steps.name.0"))


def test_a_reference_into_a_text_is_refused():
    assert list(flaws(task(step("a", inputs={"x": "$inputs.name.0"}), inputs={"name": "secret"}), CATALOG))


def test_a_reference_to_a_key_that_is_a_number_is_accepted():
    given = task(step("a", inputs={"x": "$inputs.years.2024"}), inputs={"years": {"2024": 1}})

    assert not list(flaws(given, CATALOG))
