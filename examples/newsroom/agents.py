"""The agents of a newsroom. Each sleeps as long as a model or a system would take."""

import asyncio

from forerun import Context, Handoff


async def research(source: str, topic: str) -> Handoff:
    """Asks one source, and adds what it says to the context."""
    await asyncio.sleep(0.2)
    return Handoff(output="done", summary=f"asked {source}", context={"facts": f"{topic}: {source} is sure of it"})


async def verify(facts: list[str]) -> dict[str, list[str]]:
    """Splits facts into those that hold and those that do not."""
    await asyncio.sleep(0.1)
    return {"kept": [fact for fact in facts if "rumour" not in fact], "dropped": [f for f in facts if "rumour" in f]}


async def shorten(text: list[str]) -> list[str]:
    """Keeps the first two facts; it is asked only if there are too many."""
    await asyncio.sleep(0.2)
    return text[:2]


async def write(facts: list[str], sources: list[str], context: Context) -> str:
    """Writes an article, and writes it again for each remark of the editor."""
    article = ". ".join(facts)
    while True:
        context.publish("drafts", article)
        remark = await context.receive("remarks", timeout_s=30.0)
        if remark.body is None:
            return f"{article} ({', '.join(sources)})"
        article = f"{article}. {remark.body}"


async def edit(style: str, context: Context) -> int:
    """Reads drafts while they are written; has nothing to say about the second one."""
    remarks = 0
    async for draft in context.messages("drafts"):
        await asyncio.sleep(0.1)
        context.publish("remarks", None if remarks else f"In a {style} style: {str(draft.body)[:20]}...")
        if remarks:
            break
        remarks += 1
    return remarks
