"""The agents: functions that look for words, in place of models and systems. Each sleeps as long as one would take."""

import asyncio

from typing_extensions import TypedDict

_ORDERS = {"4711": "delivered on 3 May, one cup broken", "4712": "on its way"}
_POLICIES = {"refund": "Broken goods are refunded within 30 days.", "question": "Answer within a day."}


class Triage(TypedDict):
    """What a mail is about, and how sure that is."""

    label: str
    order: str


class Review(TypedDict):
    """What a critic says about a draft."""

    good: bool
    remarks: list[str]


async def triage(mail: str) -> Triage:
    """Tell what a mail is about, and its order number."""
    await asyncio.sleep(0.1)
    order = next((word.strip(".,!?") for word in mail.split() if word.strip(".,!?").isdigit()), "")
    words = mail.lower()
    label = "refund" if "broken" in words or "money" in words else "question" if "?" in mail else "praise"
    return Triage(label=label, order=order)


async def order_status(order: str) -> str:
    """Look an order up."""
    await asyncio.sleep(0.2)
    return f"Order {order}: {_ORDERS[order]}."


async def policy(label: str) -> str:
    """Look the rules up."""
    await asyncio.sleep(0.1)
    return _POLICIES[label]


async def history(mail: str) -> str:
    """Look earlier mails up."""
    await asyncio.sleep(0.15)
    return f"No earlier mail about this ({len(mail)} characters)."


async def write(mail: str, facts: list[str], tone: str = "kind") -> str:
    """Draft a reply from facts."""
    await asyncio.sleep(0.3)
    return f"Thank you for your mail of {len(mail.split())} words. {' '.join(facts)}" + ("" if tone == "kind" else "!")


async def judge(draft: str) -> Review:
    """Read a draft: does it greet, and is it signed?"""
    await asyncio.sleep(0.1)
    remarks = [
        *([] if draft.startswith("Dear customer") else ["greet the customer"]),
        *([] if draft.endswith("Your support team") else ["sign it"]),
    ]
    return Review(good=not remarks, remarks=remarks)


async def revise(draft: str, review: Review) -> str:
    """Do the first of what the critic asks for."""
    await asyncio.sleep(0.2)
    match review["remarks"][:1]:
        case ["greet the customer"]:
            return f"Dear customer, {draft}"
        case ["sign it"]:
            return f"{draft} Your support team"
        case _:
            return draft


async def send(text: str) -> str:
    """Send the reply. Cannot be undone, so it is sent once and never on a guess."""
    await asyncio.sleep(0.05)
    return f"sent: {text}"
