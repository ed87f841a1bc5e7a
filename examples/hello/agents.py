"""Three agents as typed functions. An ``async def`` shares its host process with other attempts."""

import asyncio


async def greet(name: str, greeting: str = "Hello") -> str:
    """Greet one person; takes half a second, like a call to a model."""
    await asyncio.sleep(0.5)
    return f"{greeting}, {name}!"


async def shout(text: str) -> str:
    """Convert a text to upper case."""
    await asyncio.sleep(0.1)
    return text.upper()


def card(lines: list[str]) -> str:
    """Put all lines on one card. A plain function runs in its own worker process."""
    width = max(map(len, lines), default=0)
    edge = "+" + "-" * (width + 2) + "+"
    return "\n".join([edge, *(f"| {line.ljust(width)} |" for line in lines), edge])
