"""The agents of three levels. Each sleeps as long as a model or a system would take."""

import asyncio

from forerun import Handoff

_MARKETS = ["Chile", "Ghana", "Japan"]
# What is known without a look at further sources; the others take a survey of their own.
_KNOWN = {"Japan": "mature, slow to change suppliers"}


async def strategist(question: str) -> Handoff:
    """Strategic level: split a question by market, and weigh the findings at the end."""
    await asyncio.sleep(0.3)
    steps = [
        {
            "id": "markets",
            "for_each": "$inputs.markets",
            "steps": [{"id": "survey", "capability": "survey", "inputs": {"market": "$item"}}],
        },
        {
            "id": "advice",
            "capability": "weigh",
            "inputs": {"question": "$inputs.question", "findings": "$steps.markets"},
        },
    ]
    told = f"'{question}': compare {len(_MARKETS)} markets"
    return Handoff(output=told, next={"steps": steps, "inputs": {"markets": _MARKETS}})


async def surveyor(market: str) -> Handoff:
    """Tactical level: answer from memory, or propose which sources to ask."""
    await asyncio.sleep(0.1)
    if market in _KNOWN:
        return Handoff(output=f"{market}: {_KNOWN[market]}")
    return Handoff(output="ask two sources", next={"use": "two-sources", "inputs": {"market": market}})


async def look_up(source: str, market: str) -> str:
    """Operational level: ask one source."""
    await asyncio.sleep(0.2)
    return f"{source} says that {market} grows"


async def join(market: str, parts: list[str]) -> str:
    """Put what several sources say together."""
    await asyncio.sleep(0.05)
    return f"{market}: {'; '.join(parts)}"


async def weigh(question: str, findings: list[str]) -> str:
    """Answer a question from findings."""
    await asyncio.sleep(0.2)
    return "\n".join([question, *(f"- {finding}" for finding in findings)])
