"""Agents that write to the context of a task, and one that shortens texts."""

from actors.agent import agent
from reconciler.state.handoff import Handoff

ASKED: list[str] = []


@agent("note", effect="pure")
async def notes(text: str, before: list[str] | None = None) -> Handoff:
    """Adds a text to the notes."""
    ASKED.append(text)
    return Handoff(output=len(text), summary=f"noted {text}", context={"notes": [*(before or []), text]})


@agent("shorten", effect="pure")
def shortens(text: str) -> str:
    """The first word."""
    ASKED.append(text)
    return text.split(maxsplit=1)[0]


@agent("read", effect="pure")
def reads(notes: list[str], summary: str = "", short: str = "") -> str:
    """What it is given, in one text."""
    return " ".join([*notes, summary, short])
