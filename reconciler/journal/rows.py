"""One recorded fact, and bounded pages of them. The JSON of a fact is made once, for the journal and for readers."""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from planners.plans import Plan
from reconciler.state import events as e
from reconciler.views.models import EncodedEvent, EventPage, StoredEvent

# One page of events. A reader asks again for what comes after; a larger page would hold up the event loop.
PAGE_EVENTS = 1_000
_PAGE_BYTES = 1_000_000
# Plans with more steps than this are turned into JSON in a thread and step by step, so that the event loop goes on.
_LARGE_STEPS = 100
_ENVELOPE = {"event", "at_s", "v"}
_STAGED = TypeAdapter(dict[str, bytes], config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64"))


class EventRow:
    """One fact of a run as it is written; ``text`` is its data as JSON.

    A row may be made with a function instead of the text. Whichever thread needs the text first calls it, the journal's
    or that of a reader, never the event loop.
    """

    __slots__ = ("_make", "_making", "_text", "at_s", "kind", "seq")

    def __init__(self, seq: int, at_s: float, kind: str, text: str | Callable[[], str]) -> None:
        self.seq = seq
        self.at_s = at_s
        self.kind = kind
        self._text: str | None = text if isinstance(text, str) else None
        self._make: Callable[[], str] | None = None if isinstance(text, str) else text
        self._making = None if isinstance(text, str) else threading.Lock()

    @property
    def made(self) -> bool:
        """Whether it has its text already."""
        return self._text is not None

    @property
    def text(self) -> str:
        """Its data as JSON."""
        if self._making is None:
            assert self._text is not None, "a row has a text or a function that makes it"
            return self._text
        with self._making:
            if self._make is not None:
                self._text, self._make = self._make(), None
            assert self._text is not None, "the function has made the text"
            return self._text

    def parsed(self) -> StoredEvent:
        """As a document."""
        return StoredEvent(seq=self.seq, at_s=self.at_s, kind=self.kind, data=json.loads(self.text))

    def encoded(self) -> EncodedEvent:
        """As readers of pages get it."""
        return EncodedEvent(seq=self.seq, at_s=self.at_s, kind=self.kind, text=self.text)


def event_row(seq: int, event: e.Event) -> EventRow:
    """The row of an event. One with a large plan is turned into JSON later, by the journal's thread."""
    if isinstance(event, e.OptimalPlanReady | e.SpeculativePlanReady) and len(event.plan.steps) > _LARGE_STEPS:
        return EventRow(seq, event.at_s, event.event, lambda: _with_plan(event, event.plan))
    return EventRow(seq, event.at_s, event.event, event.model_dump_json(exclude=_ENVELOPE))


def _with_plan(event: Any, plan: Plan) -> str:
    """The JSON of an event with a large plan, made step by step."""
    bare = event.model_copy(update={"plan": plan.model_copy(update={"steps": ()})})
    head, empty, tail = bare.model_dump_json(exclude=_ENVELOPE).partition('"steps":[]')
    assert empty, "a plan is serialised with its steps"
    steps = ",".join([step.model_dump_json() for step in plan.steps])
    return f'{head}"steps":[{steps}]{tail}'


async def page_of(rows: Sequence[EventRow], *, ended: bool) -> EventPage:
    """The first of these rows, as many as one page holds. ``ended``: nothing will be recorded after these rows."""
    rows = rows[: PAGE_EVENTS + 1]
    if all(row.made for row in rows):
        return _page(rows, ended=ended)
    return await asyncio.to_thread(_page, rows, ended=ended)


def _page(rows: Sequence[EventRow], *, ended: bool) -> EventPage:
    sizes = accumulate(len(row.text) for row in rows[:PAGE_EVENTS])
    fitting = max(1, sum(size <= _PAGE_BYTES for size in sizes))
    page = rows[:fitting]
    return EventPage(events=tuple(row.encoded() for row in page), ended=ended and len(page) == len(rows))


def staged_text(staged: Mapping[str, bytes]) -> str:
    """What an attempt has staged, as JSON."""
    return _STAGED.dump_json(dict(staged)).decode()


def staged_from(text: str) -> dict[str, bytes]:
    """What an attempt has staged, read back."""
    return _STAGED.validate_json(text)
