"""Replaces secrets in what is told about an attempt: values of declared variables, and of keys that name a secret."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MASK = "***"
# Shorter values are words like "eu" or "true", which would make any text unreadable.
_LEAST_LENGTH = 4
_LEAST_LINE = 16
_MOST_SEARCHED = 10_000
_CONTAINERS = (dict, list, tuple)
_SECRET_WORDS = frozenset(
    (
        *("secret", "secrets", "token", "password", "passwd", "passphrase", "pwd", "credential", "credentials"),
        *("apikey", "authorization", "auth", "bearer", "cookie", "cookies"),
    )
)
# What a key opens: an `api_key` is a secret, a `sort_key` is not.
_KEY_WORDS = frozenset(("api", "access", "private", "secret", "signing", "encryption", "service", "account"))
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def names_a_secret(key: str) -> bool:
    """Whether a key looks as if its value were a secret: ``api_key``, ``authToken``, ``DB_PASSWORD``."""
    words = [word.lower() for word in _WORD.findall(key)]
    return any(word in _SECRET_WORDS for word in words) or ("key" in words and not _KEY_WORDS.isdisjoint(words))


class Mask:
    """Replaces known secrets by `MASK`, wherever they stand in a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        # The longest first: a secret may contain another one.
        parts = [re.escape(form) for form in sorted(forms, key=len, reverse=True)]
        self._pattern = re.compile("|".join(parts)) if parts else None

    @classmethod
    def of(cls, variables: Mapping[str, str], inputs: Any = None) -> "Mask":
        """The mask for the variables that an agent sees, and for values in its inputs whose keys name a secret."""
        return cls([*variables.values(), *_secret_values(inputs)])

    def text(self, text: str) -> str:
        """The text without secrets."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)


def _forms(secret: str) -> Iterator[str]:
    """How a secret may stand in a text: as it is, inside a quoted text, or line by line."""
    if len(secret.strip()) < _LEAST_LENGTH:
        return
    yield secret
    yield secret.strip()
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    yield from (line for line in secret.splitlines() if len(line) >= _LEAST_LINE)


def _secret_values(value: Any) -> Iterator[str]:
    """Texts in a JSON value whose key names a secret. Of a huge value only a part is searched."""
    pending: list[Any] = [value]
    for _ in range(_MOST_SEARCHED):
        if not pending:
            return
        found = pending.pop()
        if isinstance(found, Mapping):
            yield from (child for key, child in found.items() if isinstance(child, str) and names_a_secret(str(key)))
            pending += [child for child in found.values() if isinstance(child, _CONTAINERS)]
        elif isinstance(found, list | tuple):
            pending += [child for child in found if isinstance(child, _CONTAINERS)]
