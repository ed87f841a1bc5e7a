"""Agents are typed functions. Their types become schemas, and every call is checked against them."""

import asyncio

from pydantic import BaseModel

from forerun import agent


class Source(BaseModel):
    title: str
    text: str


@agent("search", expected_s=0.2)
async def search(topic: str) -> list[Source]:
    """Async agents wait for others: models, databases, services. Thousands share one process."""
    await asyncio.sleep(0.2)  # stands for a call to a search engine
    return [Source(title=f"{topic}, part {part}", text=f"All about {topic}. " * part) for part in (1, 2, 3)]


@agent("summarise", expected_s=0.01)
def summarise(sources: list[Source], words: list[int]) -> str:
    """Sync agents compute. Each call has a process of its own, and one CPU."""
    return "\n".join(f"{source.title}: {count} words" for source, count in zip(sources, words, strict=True))
