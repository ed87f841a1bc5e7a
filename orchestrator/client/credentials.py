"""What a client sends with every request to be let in."""

from collections.abc import Mapping


def request_headers(token: str | None, headers: Mapping[str, str]) -> dict[str, str]:
    """The given headers, and the token beside them: a proxy may need the header Authorization for itself."""
    if token is None:
        return dict(headers)
    taken = any(name.lower() == "authorization" for name in headers)
    return {**headers, **({"X-Forerun-Key": token} if taken else {"Authorization": f"Bearer {token}"})}
