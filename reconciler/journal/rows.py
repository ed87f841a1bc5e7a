"""What the journal's readers get: one recorded fact, and bounded pages of them."""

import asyncio
import json
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from reconciler.views.models import EventPage, StoredEvent

# One page of events. A reader asks again for what comes after; a larger page would hold up the event loop.
PAGE_EVENTS = 1_000
_PAGE_BYTES = 1_000_000
# Parsing more JSON than this takes a millisecond and more, so it is done in a thread.
_LARGE_BYTES = 100_000


class EventRow(NamedTuple):
    """One fact of a run as it is written. ``text`` is its data as JSON, which is parsed only when somebody reads it."""

    seq: int
    at_s: float
    kind: str
    text: str

    def parsed(self) -> StoredEvent:
        """As readers get it."""
        return StoredEvent(seq=self.seq, at_s=self.at_s, kind=self.kind, data=json.loads(self.text))


async def page_of(rows: Sequence[EventRow], *, ended: bool) -> EventPage:
    """The first of these rows, as many as one page holds. ``ended``: nothing will be recorded after these rows."""
    sizes = accumulate(len(row.text) for row in rows[:PAGE_EVENTS])
    fitting = max(1, sum(size <= _PAGE_BYTES for size in sizes))
    page = rows[:fitting]
    whole = len(page) == len(rows)
    if sum(len(row.text) for row in page) > _LARGE_BYTES:
        events = await asyncio.to_thread(_parsed, page)
    else:
        events = _parsed(page)
    return EventPage(events=events, ended=ended and whole)


def _parsed(rows: Sequence[EventRow]) -> tuple[StoredEvent, ...]:
    return tuple(row.parsed() for row in rows)
