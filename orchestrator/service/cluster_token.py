"""The authentication token of Ray clusters. It must be configured before Ray is imported, so this imports no Ray.

See https://docs.ray.io/en/latest/ray-security/token-auth.html
"""

import os
from collections.abc import MutableMapping
from pathlib import Path

MODE = "RAY_AUTH_MODE"
TOKEN = "RAY_AUTH_TOKEN"  # noqa: S105 -- the name of a variable
TOKEN_FILE = "RAY_AUTH_TOKEN_PATH"  # noqa: S105 -- the name of a variable
HOW_TO_GIVE = (
    f"give the cluster's token (`ray get-auth-token` on its head prints it) in {TOKEN}, in the file that {TOKEN_FILE} "
    f"names, or in ~/.ray/auth_token, and leave {MODE} unset or set it to 'token'"
)


def use_token(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Make Ray send the token to the cluster that is joined; whether it will be sent.

    By default Ray sends it to clusters that it starts or finds, but not to one whose address is given. A cluster
    without authentication ignores it. A mode that is already set is kept.
    """
    if MODE not in environment and _token_exists(environment):
        environment[MODE] = "token"
    return environment.get(MODE, "").lower() == "token"


def _token_exists(environment: MutableMapping[str, str]) -> bool:
    """Look where Ray looks."""
    if environment.get(TOKEN) or environment.get(TOKEN_FILE):
        return True
    return (Path(environment.get("HOME") or Path.home()) / ".ray" / "auth_token").is_file()
