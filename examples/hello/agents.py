"""Three agents: typed functions, nothing more. An ``async def`` shares its host with thousands of others."""

import asyncio


async def greet(name: str, greeting: str = "Hello") -> str:
    """A greeting for one person; takes half a second, as a call to a model would."""
    await asyncio.sleep(0.5)
    return f"{greeting}, {name}!"


async def shout(text: str) -> str:
    """The same, louder."""
    await asyncio.sleep(0.1)
    return text.upper()


def card(lines: list[str]) -> str:
    """All lines on one card. A plain function runs in a worker process of its own."""
    width = max(map(len, lines), default=0)
    edge = "+" + "-" * (width + 2) + "+"
    return "\n".join([edge, *(f"| {line.ljust(width)} |" for line in lines), edge])
