"""Wording of error messages: the nearest known name, or a list of known names. Bounded in time and length."""

import difflib
from collections.abc import Collection, Sequence
from itertools import islice

from planners.errors import InvalidTask

_LISTED = 12
_NEARLY_THE_SAME, _MOST_LONGER = 0.85, 3
_COMPARED, _SORTED, _SCANNED = 50, 1_000, 2_000
_LONGEST_NAME, _LONGEST_TEXT = 40, 500


def nearest(wrong: str, known: Collection[str], listed: Collection[str] | None = None) -> str:
    """'did you mean X?', or the names to choose from: all ``known`` ones, or those ``listed``."""
    return meant(wrong, known) or _choices(known if listed is None else listed)


def meant(wrong: str, known: Collection[str]) -> str:
    """'did you mean X?', or nothing if no name is close.

    Long names are compared and shown by their first 40 characters. Of many names at most 50 are compared: the
    first ones of about the same length that begin or end with the same letter.
    """
    alternatives = "' or '".join(_nearest(shown(wrong), _comparable(wrong, known)))
    return f"did you mean '{alternatives}'?" if alternatives else ""


def _choices(known: Collection[str]) -> str:
    """'there are X, Y', at most twelve of them by name."""
    if not known:
        return "there are none"
    names = sorted(set(known)) if len(known) <= _SORTED else known
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"there are {', '.join(map(shown, islice(names, _LISTED)))}{more}"


def _nearest(wrong: str, names: Sequence[str]) -> list[str]:
    """The nearest name; but of names that only add a unit or the like, as ``budget_usd`` does, up to three."""
    close = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    longer = [name for name in names if name.startswith(f"{wrong}_")]
    if not 0 < len(longer) <= _MOST_LONGER:
        return close
    return difflib.get_close_matches(wrong, close, n=1, cutoff=_NEARLY_THE_SAME) or longer


def shown(name: str) -> str:
    """A name as messages show it: cut where it is very long."""
    return _cut(name, _LONGEST_NAME)


def shortened(flaw: InvalidTask) -> InvalidTask:
    """The error with each of its texts cut to 500 characters: they quote the request, which may be megabytes long."""
    return InvalidTask(*(_cut(text, _LONGEST_TEXT) for text in (flaw.message, flaw.field, flaw.fix)))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _comparable(wrong: str, known: Collection[str]) -> list[str]:
    if len(known) <= _COMPARED:
        return sorted(set(map(shown, known)))
    length, first, last = len(wrong), wrong[:1], wrong[-1:]
    similar = (
        shown(name)
        for name in islice(known, _SCANNED)
        if abs(len(name) - length) <= 2 and (name[:1] == first or name[-1:] == last)
    )
    return sorted(set(islice(similar, _COMPARED)))
