"""A stored result of a pure agent."""

from typing import NamedTuple


class StoredResult(NamedTuple):
    """The handoff of some work by the key of the work. Moments are seconds since the epoch.

    ``agent``: its identity, name and version. ``bytes``: what is counted against the bound. ``until_s``: when it
    expires. ``used_at_s``: when it was stored or last answered; the least recently used go first.
    """

    key: str
    agent: str
    handoff: str
    bytes: int
    stored_at_s: float
    until_s: float
    used_at_s: float
