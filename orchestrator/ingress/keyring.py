"""The API keys as an ingress replica knows them: read from the journal's database, and kept for a moment."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.errors import Unavailable
from orchestrator.keys import key_of
from planners.errors import ForerunError
from reconciler.journal.keys import KeyTable
from reconciler.journal.stored_key import StoredKey

_log = logging.getLogger(__name__)
# A key that was revoked is refused after this time.
_KEPT_S = 1.0
# A key that is not known may be new: the keys are read again for it, but not for every guess of a stranger.
_KEPT_FOR_UNKNOWN_S = 0.1
# A database that takes longer is away: the keys that were read before stay valid.
_READ_S = 1.0


class KeySource(Protocol):
    """Where keys are read from."""

    def all(self) -> Sequence[StoredKey]:
        """All keys. Blocks."""
        ...


class Keyring:
    """All keys, at most a second old. While they cannot be read, the last known ones apply."""

    def __init__(self, open_source: Callable[[], KeySource], clock: Callable[[], float] = time.monotonic) -> None:
        """Set up. ``open_source`` connects; it is called in a thread with the first request."""
        self._open_source = open_source
        self._clock = clock
        self._source: KeySource | None = None
        self._keys: Sequence[StoredKey] | None = None
        self._read_at_s = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    def of_journal(cls, url: str) -> "Keyring":
        """The keys in the journal's database."""
        return cls(lambda: KeyTable(url))

    async def key(self, token: str) -> StoredKey | None:
        """The key with this token, revoked or not; None if there is none.

        Raises:
            Unavailable: no keys were ever read, and the database does not answer.
        """
        known = key_of(token, await self.keys())
        return known if known is not None else key_of(token, await self.keys(_KEPT_FOR_UNKNOWN_S))

    async def keys(self, kept_s: float = _KEPT_S) -> Sequence[StoredKey]:
        """All keys, revoked ones too, as they were at most ``kept_s`` seconds ago.

        Raises:
            Unavailable: no keys were ever read, and the database does not answer.
        """
        if self._clock() - self._read_at_s > kept_s:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.get_running_loop().create_task(self._read())
            await asyncio.wait([self._reading], timeout=_READ_S)
        if self._keys is None:
            fix = "try again in a moment; `forerun doctor` checks the database"
            raise Unavailable("the API keys cannot be read from the journal's database", "journal.url", fix)
        return self._keys

    async def _read(self) -> None:
        try:
            self._keys = await asyncio.to_thread(self._all)
        except (SQLAlchemyError, ForerunError, OSError) as error:
            _log.warning("API keys cannot be read, so the last known ones apply: %s", error)
        self._read_at_s = self._clock()

    def _all(self) -> Sequence[StoredKey]:
        if self._source is None:
            self._source = self._open_source()
        return self._source.all()
