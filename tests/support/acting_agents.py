"""Irreversible agents. Each act leaves a line with its idempotency key in a file: the witness of what happened."""

from pathlib import Path

from actors.agent import agent
from actors.context import Context
from actors.verification import DidNot, Happened, Unknown


@agent("act", effect="irreversible")
async def acts(context: Context, path: str) -> str:
    _act(context, path)
    return "done"


def _answer(context: Context) -> Happened | DidNot | Unknown:
    """Read the witness."""
    path = _witness(context)
    if path is None:
        return Unknown("there is no witness")
    acted = path.exists() and context.idempotency_key in path.read_text().splitlines()
    return Happened("verified") if acted else DidNot()


@agent("act", effect="irreversible", verify=_answer)
async def acts_and_can_tell(context: Context, path: str) -> str:
    _act(context, path)
    return "done"


def _act(context: Context, path: str) -> None:
    with Path(path).open("a") as witness:
        witness.write(f"{context.idempotency_key}\n")


def _witness(context: Context) -> Path | None:
    path = context.settings.get("witness")
    return Path(path) if isinstance(path, str) else None
