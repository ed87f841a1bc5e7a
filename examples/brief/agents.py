"""The agents: one that profiles a company, slowly for some and not at all for others, and one that writes a brief."""

import asyncio

from typing_extensions import TypedDict

_SLOW_S, _USUAL_S = 30.0, 0.2


class Profile(TypedDict):
    """What was found about a company."""

    company: str
    strengths: list[str]


async def profile(company: str) -> Profile:
    """Profile a company. One is a straggler, and of one nothing is known.

    Raises:
        LookupError: nothing is known of the company.
    """
    await asyncio.sleep(_SLOW_S if company == "Slow Corp" else _USUAL_S)
    if company == "Ghost Ltd":
        raise LookupError(f"nothing is known of {company}")
    return Profile(company=company, strengths=[f"{company} is {len(company)} letters strong"])


async def brief(profiles: list[Profile], wanted: list[str]) -> str:
    """Write the brief, and say what is missing."""
    await asyncio.sleep(_USUAL_S)
    lines = [f"- {strength}" for each in profiles for strength in each["strengths"]]
    found = {each["company"] for each in profiles}
    missing = [company for company in wanted if company not in found]
    return "\n".join([*lines, *([f"Not included: {', '.join(missing)}."] if missing else [])])
