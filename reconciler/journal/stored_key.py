"""An API key as it is stored."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key: ``digest`` is the SHA-256 of the whole token, hexadecimal. Moments are seconds since the epoch."""

    id: str
    name: str
    scope: str
    digest: str
    created_at_s: float
    revoked_at_s: float | None = None
