"""Catalogs that arrive as JSON are checked and completed as those that are read from a file."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.errors import InvalidReload
from planners.agents import Catalog
from planners.errors import ForerunError

READER = "orchestrator.agent_files"
STDIN = "-"
_TIMEOUT_S = 60.0


def read_by_a_process(source: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Have a new process read a catalog from a file, or from ``text`` if the source is `STDIN`.

    It imports the agents' code as it is now, which this process may have imported before.

    Raises:
        InvalidReload: it does not end.
    """
    command = [sys.executable, "-m", READER, source]
    try:
        return subprocess.run(  # noqa: S603 - this Python
            command, input=text, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise InvalidReload(f"reading {source} takes more than {_TIMEOUT_S:g} s", "catalog") from None


def declared_catalog(raw: Mapping[str, Any]) -> Catalog:
    """The catalog in a mapping, as it would be read from a file. Blocks, for seconds if it names code.

    Raises:
        InvalidReload: it is not valid; names the field and the fix.
    """
    if any(map(_names_code, _entries(raw))):
        done = read_by_a_process(STDIN, json.dumps(raw))
        answer = json.loads(done.stdout) if done.stdout else {"message": done.stderr[-500:] or "it cannot be read"}
        if done.returncode != 0:
            raise InvalidReload(answer["message"], answer.get("field", "catalog"), answer.get("fix", ""))
        return Catalog.model_validate(answer)
    # Imported here: reading a catalog imports what its kinds of agent need.
    from actors.catalog import parse_catalog  # noqa: PLC0415 (see above)

    try:
        return parse_catalog(raw)
    except ForerunError as error:
        raise InvalidReload(error.message, error.field, error.fix) from error


def _entries(raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    agents = raw.get("agents")
    yield from (entry for entry in agents if isinstance(entry, Mapping)) if isinstance(agents, Sequence) else ()


def _names_code(entry: Mapping[str, Any]) -> bool:
    """Whether an agent, or a tool of it, may be a callable of some module."""
    settings = entry.get("settings")
    tools = settings.get("tools") if isinstance(settings, Mapping) else None
    named = [entry.get("target"), *(tools if isinstance(tools, Sequence) else ())]
    return any(isinstance(each, str) and ":" in each and "//" not in each for each in named)
