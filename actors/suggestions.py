"""Suggestions for misspelt keys."""

import difflib

from planners.model import Model


def nearest_field(key: str, model: type[Model]) -> str:
    """The field of a model that a misspelt key most likely means, or all of them."""
    known = sorted(model.model_fields)
    nearest = difflib.get_close_matches(key, known, n=1)
    return f"did you mean '{nearest[0]}'?" if nearest else f"known keys: {', '.join(known)}"
