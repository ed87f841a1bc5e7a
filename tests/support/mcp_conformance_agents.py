"""The agents that the conformance suite of MCP calls as tools, with the names that it expects."""

import asyncio
from typing import Any

from actors.agent import agent


@agent(capability="test_simple_text", effect="pure")
async def test_simple_text() -> str:
    """Return a text."""
    return "This is a simple text response for testing."


@agent(capability="test_error_handling", effect="pure", retry={"max_attempts": 1})
async def test_error_handling() -> str:
    """Always fail."""
    raise ValueError("This tool intentionally returns an error for testing")


@agent(capability="part", effect="pure")
async def part(number: int) -> int:
    """One of several parts of the work."""
    await asyncio.sleep(0.05)
    return number


@agent(capability="json_schema_2020_12_tool", effect="pure")
async def keeps_schemas(name: str = "", address: dict[str, Any] | None = None) -> str:
    """Tool with JSON Schema 2020-12 features."""
    return f"{name} {address}"
