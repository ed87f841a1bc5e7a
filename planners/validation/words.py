"""How flaws are worded."""

import difflib
from collections.abc import Iterable

_LISTED = 12


def nearest(wrong: str, right: Iterable[str]) -> str:
    """'did you mean X?', or what there is to choose from."""
    names = sorted(set(right))
    if close := difflib.get_close_matches(wrong, names, n=1, cutoff=0.6):
        return f"did you mean '{close[0]}'?"
    if not names:
        return "there are none"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"there are {', '.join(names[:_LISTED])}{more}"
