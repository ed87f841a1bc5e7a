"""A catalog in which two things have one name is refused."""

import pytest
from pydantic import ValidationError

from planners.agents import AgentSpec, Catalog, Provider


def test_two_agents_of_one_name_are_refused():
    with pytest.raises(ValidationError, match="agents: x declared more than once"):
        Catalog(agents=(AgentSpec(name="x", capability="a"), AgentSpec(name="x", capability="b")))


def test_two_providers_of_one_name_are_refused():
    """Both limits would be planned with, and one of them be kept to."""
    with pytest.raises(ValidationError, match="providers: p declared more than once"):
        Catalog(providers=(Provider(name="p", requests_per_s=1), Provider(name="p", requests_per_s=2)))


def test_a_catalog_without_nobody_is_the_same_catalog():
    """So what was made of it once need not be made again."""
    catalog = Catalog(agents=(AgentSpec(name="x", capability="a"),))

    assert catalog.without(["y"]) is catalog
    assert catalog.without(["x"]).agents == ()
