"""The agent that A2A's compatibility kit talks to: what it does is told by the beginning of a message's id."""

import asyncio
from typing import Any

from actors.agent import agent

_FILE = {"filename": "output.txt", "mediaType": "text/plain"}
_PARTS: dict[str, list[dict[str, Any]]] = {
    "tck-artifact-text": [{"text": "Generated text content"}],
    "tck-artifact-file-url": [_FILE | {"url": "https://example.com/output.txt"}],
    "tck-artifact-file": [_FILE | {"raw": "ZmlsZQ=="}],
    "tck-artifact-data": [{"data": {"key": "value", "count": 42}}],
    "tck-message-response": [{"text": "Direct message response"}],
    "tck-stream-001": [{"text": "Stream hello from TCK"}],
    "tck-stream-003": [{"text": "Stream task lifecycle"}],
    "tck-stream-ordering-001": [{"text": "Ordered output"}],
    "tck-stream-artifact-text": [{"text": "Streamed text content"}],
    "tck-stream-artifact-file": [_FILE | {"raw": "ZmlsZQ=="}],
    "tck-stream-artifact-chunked": [{"text": "chunk-1 chunk-2"}],
}
_LONG_S = 4.0  # twice the kit's timeout of streams


@agent(capability="react", effect="pure")
async def react(message: dict[str, Any]) -> dict[str, Any]:
    """What the kit expects for a message, and whether more is to be asked."""
    message_id = message["message_id"]
    if message_id.startswith("test-resubscribe"):
        await asyncio.sleep(_LONG_S)
    kind = "message" if message_id.startswith("tck-message-response") else "artifact"
    parts = next((parts for prefix, parts in _PARTS.items() if message_id.startswith(prefix)), None)
    return {
        "kind": kind,
        "parts": parts or [{"text": "Hello from TCK"}],
        "asks": message_id.startswith("tck-input-required"),
    }
