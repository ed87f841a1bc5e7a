"""The token that Ray clusters ask for. Imports no Ray: what is said here must be said before Ray is imported.

See https://docs.ray.io/en/latest/ray-security/token-auth.html
"""

import os
from collections.abc import MutableMapping
from pathlib import Path

MODE = "RAY_AUTH_MODE"
TOKEN = "RAY_AUTH_TOKEN"  # noqa: S105 -- the name of a variable
TOKEN_FILE = "RAY_AUTH_TOKEN_PATH"  # noqa: S105 -- the name of a variable
HOW_TO_GIVE = (
    f"give the cluster's token (`ray get-auth-token` on its head) in {TOKEN}, in a file that {TOKEN_FILE} names, or in "
    f"~/.ray/auth_token, and leave {MODE} unset or at 'token'"
)


def show_token(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Let Ray show the token there is to the cluster that is joined; whether it will be shown.

    By itself Ray shows it to clusters that it starts or finds, not to one whose address is given. A cluster that asks
    for no token ignores it. A mode that somebody has set stands.
    """
    if MODE not in environment and _is_there(environment):
        environment[MODE] = "token"
    return environment.get(MODE, "").lower() == "token"


def _is_there(environment: MutableMapping[str, str]) -> bool:
    """Where Ray looks."""
    if environment.get(TOKEN) or environment.get(TOKEN_FILE):
        return True
    return (Path(environment.get("HOME") or Path.home()) / ".ray" / "auth_token").is_file()
