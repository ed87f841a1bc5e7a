"""Agents that talk with each other while they run."""

from actors.agent import agent
from actors.context import Context


@agent("propose", effect="pure")
async def proposes(drafts: int, context: Context) -> list[str]:
    """Publishes drafts, and returns the remarks on them."""
    remarks = []
    for number in range(drafts):
        context.publish("drafts", {"number": number})
        remarks.append((await context.receive("remarks")).body)
    return remarks


@agent("criticise", effect="pure")
async def criticises(drafts: int, context: Context) -> list[int]:
    """Remarks on each draft."""
    seen = []
    async for draft in context.messages("drafts"):
        seen.append(draft.body["number"])
        context.publish("remarks", f"remark {draft.body['number']}")
        if len(seen) == drafts:
            return seen
    return seen


@agent("ask", effect="pure")
async def asks(question: str, context: Context) -> str:
    """Asks, and returns the reply."""
    return await context.request("questions", question)


@agent("answer", effect="pure")
async def answers(count: int, context: Context) -> list[str]:
    """Answers so many questions."""
    asked = []
    for _ in range(count):
        question = await context.receive("questions")
        context.reply(question, f"{question.body}!")
        asked.append(question.sender)
    return sorted(asked)


@agent("whisper", effect="pure")
async def whispers(topic: str, context: Context) -> str:
    """Publishes what its step does not declare."""
    context.publish(topic, "psst")
    return "told"


def talk(drafts=3, questions=("one", "two")):
    """Two pairs of steps that talk, one of them after a third step."""
    asking = [
        {
            "id": f"ask-{question}",
            "capability": "ask",
            "inputs": {"question": question},
            "mailbox": {"publishes": ["questions"]},
        }
        for question in questions
    ]
    return {
        "workflow": {
            "steps": [
                {
                    "id": "author",
                    "capability": "propose",
                    "inputs": {"drafts": drafts},
                    "mailbox": {"publishes": ["drafts"], "subscribes": ["remarks"]},
                },
                {
                    "id": "critic",
                    "capability": "criticise",
                    "inputs": {"drafts": drafts},
                    "mailbox": {"publishes": ["remarks"], "subscribes": ["drafts"]},
                },
                *asking,
                {
                    "id": "oracle",
                    "capability": "answer",
                    "inputs": {"count": len(questions)},
                    "mailbox": {"subscribes": ["questions"]},
                    "after": ["critic"],
                },
            ]
        }
    }


SAID = {
    "author": ["remark 0", "remark 1", "remark 2"],
    "critic": [0, 1, 2],
    "ask-one": "one!",
    "ask-two": "two!",
    "oracle": ["ask-one", "ask-two"],
}
