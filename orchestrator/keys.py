"""API keys: how a token is made, and which key it belongs to. Pure, except for the random secret."""

import hmac
import secrets
from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256

from reconciler.journal.stored_key import StoredKey

_SECRET_BYTES = 32
_PREFIX = "forerun"


class Scope(StrEnum):
    """What a key allows. Each scope includes those before it."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        """Whether a key of this scope may do what needs the other one."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


def new_key(name: str, scope: Scope, now_s: float) -> tuple[str, StoredKey]:
    """A new token with 256 random bits, and what is stored of it. The token cannot be recovered from that."""
    key_id = secrets.token_hex(4)
    token = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return token, StoredKey(id=key_id, name=name, scope=scope.value, digest=_digest(token), created_at_s=now_s)


def key_of(token: str, keys: Iterable[StoredKey]) -> StoredKey | None:
    """The key that a token belongs to, whether or not it is revoked; None if there is none.

    Digests are compared in constant time. The id only selects the candidate; it is no secret.
    """
    digest = _digest(token)
    prefix, _, rest = token.partition("_")
    key_id = rest.partition("_")[0]
    for key in keys:
        if prefix == _PREFIX and key.id == key_id and hmac.compare_digest(key.digest, digest):
            return key
    return None


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
