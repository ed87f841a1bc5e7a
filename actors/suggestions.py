"""Suggestions for misspelt keys and names."""

import difflib
from collections.abc import Iterable

from planners.model import Model


def nearest_field(key: str, model: type[Model]) -> str:
    """The field of a model that a misspelt key most likely means, or all of them."""
    return nearest_key(key, model.model_fields)


def nearest_key(key: str, names: Iterable[str]) -> str:
    """The name that a misspelt key most likely means, or all of them."""
    known = sorted(names)
    nearest = difflib.get_close_matches(key, known, n=1)
    return f"did you mean '{nearest[0]}'?" if nearest else f"known keys: {', '.join(known)}"


def nearest_name(name: str, known: Iterable[str]) -> str:
    """A question for the name that a misspelt one most likely means; empty if none is close."""
    nearest = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{nearest[0]}'?" if nearest else ""
