"""Skills of remote agents as catalog entries, from the agents' cards.

A card is not trusted with decisions: names and descriptions are taken over. A skill is irreversible, and one message at
a time, unless the catalog says otherwise.
"""

from typing import Any

from pydantic import Field, JsonValue

from actors.context import Context
from actors.discovery.listing import LISTING_S, asked
from actors.errors import ActorsError, InvalidCatalog
from actors.kinds.a2a_agent import check_address, check_installed
from actors.kinds.declared import declared
from actors.kinds.templates import Rendering
from planners.agents import Provider
from planners.model import Model


class RemoteEntry(Model):
    """A remote agent in a catalog."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Begins the names of its entries, ``NAME.SKILL``, and names their provider",
    )
    url: str = Field(description="Its address; the card is at ``/.well-known/agent-card.json`` below it")
    headers: dict[str, str] = Field(default_factory=dict, description="Of every request, the card's too; templates")
    env: tuple[str, ...] = Field(default=(), description="The variables that the headers read")
    concurrency: int = Field(default=1, ge=1, description="Messages at a time")
    skills: dict[str, dict[str, JsonValue] | None] | None = Field(
        default=None, description="Which skills to add, each with fields of its catalog entry; None: all of them"
    )


def discovered(raw: Any, location: str) -> tuple[list[dict[str, Any]], Provider]:
    """Fetch the card of an agent: catalog entries, and the provider that bounds them. Blocks.

    Raises:
        InvalidCatalog: the entry is not valid, the agent does not answer, or it lacks a skill that the entry names.
    """
    check_installed(location)
    entry = declared(RemoteEntry, raw, location)
    check_address(entry.url, f"{location}.url")
    offered = _skills(entry, location)
    chosen = dict.fromkeys(offered) if entry.skills is None else entry.skills
    for missing in sorted(chosen.keys() - offered.keys()):
        fix = f"the agent offers: {', '.join(sorted(offered)) or 'none'}"
        raise InvalidCatalog(f"the agent has no skill '{missing}'", f"{location}.skills.{missing}", fix)
    provider = Provider(name=f"a2a:{entry.name}", max_concurrent=entry.concurrency)
    entries = []
    for skill, fields in chosen.items():
        name = f"{entry.name}.{skill}"
        settings = {"headers": entry.headers, "skill": skill}
        known = {"name": name, "capability": name, "description": offered[skill], "provider": provider.name}
        own = {"kind": "a2a", "target": entry.url, "settings": settings, "env": entry.env}
        entries.append({**known, **(fields or {}), **own})
    return entries, provider


def _skills(entry: RemoteEntry, location: str) -> dict[str, str]:
    """Skill -> description."""
    import httpx  # noqa: PLC0415 (see `A2aKind.run`)
    from a2a.utils.errors import A2AError  # noqa: PLC0415 (see `A2aKind.run`)

    from actors.kinds.a2a_remote import connected  # noqa: PLC0415 (see `A2aKind.run`)

    rendering = Rendering({}, Context.of_catalog(entry.name, entry.env))

    async def listed() -> dict[str, str]:
        headers = {name: rendering.text(text, f"headers.{name}") for name, text in entry.headers.items()}
        async with connected(entry.url, headers) as (card, _):
            return {skill.id: skill.description or skill.name for skill in card.skills}

    try:
        return asked(listed())
    except TimeoutError:
        message = f"'{entry.url}' did not give its card within {LISTING_S:g} s"
    except (A2AError, httpx.HTTPError, ActorsError) as error:
        message = rendering.masked(f"'{entry.url}': {error or type(error).__name__}")
    raise InvalidCatalog(message, location, "start the agent, or correct its url and headers")
