"""Commands that list agents, nodes and schemas."""
# ruff: noqa: FBT002 - a command's parameters are the options people type, flags among them

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.markup import escape

from actors.catalog_schema import catalog_schema
from orchestrator.cli.exit_codes import reported
from orchestrator.cli.listing import Listing
from orchestrator.cli.options import DEFAULT_URL, AsJson, Url
from orchestrator.cli.output import console, print_json
from orchestrator.cli.tasks import with_client
from orchestrator.client.client import Client
from orchestrator.known_agents import KnownAgents
from orchestrator.settings import Settings
from planners.amounts import dollars
from planners.resources import CONTAINERS, Resources
from planners.tasks import Task


class SchemaOf(StrEnum):
    """The files that users write."""

    TASK = "task"
    CATALOG = "catalog"
    SETTINGS = "settings"


_SCHEMAS: dict[SchemaOf, Callable[[], dict[str, Any]]] = {
    SchemaOf.TASK: Task.model_json_schema,
    SchemaOf.CATALOG: catalog_schema,
    SchemaOf.SETTINGS: Settings.model_json_schema,
}


def agents(url: str, as_json: bool) -> None:  # noqa: FBT001 (see above)
    """List the agents, and what was learned about them."""
    catalog, learned = with_client(url, _known_and_learned)
    if as_json:
        print_json({**catalog.model_dump(mode="json"), "learned": learned})
        return
    rows = [
        [
            escape(agent.name),
            escape(agent.capability),
            agent.kind.value,
            agent.effect.value,
            f"{agent.quality:g}",
            f"{agent.expected_s:g}",
            dollars(agent.price.of(agent.expected_s)),
            str(agent.retry.max_attempts),
            "none" if agent.timeout_s is None else f"{agent.timeout_s:g}",
            _amounts(agent.resources),
            *_learned(learned.get(agent.name, {})),
        ]
        for agent in catalog.agents
    ]
    columns = ["agent", "capability", "kind", "effect", "quality", "expected s", "call $", "tries", "limit s", "needs"]
    console.print(Listing([*columns, "learned s", "accepted", "by people"], rows))
    if by_kind := [row for name, known in learned.items() for row in _by_kind(name, known)]:
        console.print(Listing(["agent", "kind of input", "accepted", "by people"], by_kind))
    for outage in catalog.outages:
        console.print(f"[yellow]{outage.kind} {escape(outage.name)} does not answer[/] (breaker {outage.state})")


@reported
def nodes(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List the nodes and what is reserved on them now."""
    cluster = with_client(url, lambda client: client.nodes())
    if as_json:
        print_json(cluster)
        return
    held = {
        node.id: Resources.total(r.resources for r in cluster.reservations if r.node == node.id and r.start_s <= 0)
        for node in cluster.nodes
    }
    rows = [
        [node.id[:12], escape(node.node_class), f"{node.speed:g}", _amounts(node.total), _amounts(held[node.id])]
        for node in cluster.nodes
    ]
    console.print(Listing(["node", "class", "speed", "has", "reserved now"], rows, texts=("has", "reserved now")))


@reported
def schema(of: Annotated[SchemaOf, typer.Argument(help="Kind of file.")] = SchemaOf.TASK) -> None:
    """Print the JSON Schema of a file, so that editors can complete and check it."""
    print_json(schema_of(of))


def schema_of(of: SchemaOf) -> dict[str, Any]:
    """The JSON Schema of a kind of file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_SCHEMAS[of]()}


async def _known_and_learned(client: Client) -> tuple[KnownAgents, dict[str, Any]]:
    """The agents, and by agent what the learner says of it; nothing if there is no learner."""
    catalog, status = await asyncio.gather(client.agents(), client.learner())
    learned = status.get("agents")
    return catalog, learned if isinstance(learned, dict) else {}


def _learned(known: dict[str, Any]) -> tuple[str, str, str]:
    seconds = known.get("p50_s")
    accepted = [_accepted(known.get(name) or {}) for name in ("checked", "judged")]
    return "" if seconds is None else f"{seconds:.3g}", accepted[0], accepted[1]


def _by_kind(name: str, known: dict[str, Any]) -> list[list[str]]:
    checked, judged = known.get("kinds") or {}, known.get("judged_kinds") or {}
    return [
        [escape(name), escape(kind), _accepted(checked.get(kind, {})), _accepted(judged.get(kind, {}))]
        for kind in dict.fromkeys((*checked, *judged))
    ]


def _accepted(checked: dict[str, Any]) -> str:
    """The share of accepted outputs, of how many; older ones count less, so the number is not whole."""
    share = checked.get("accepted")
    return "" if share is None else f"{share:.0%} of {checked['outputs']:.0f}"


def _amounts(resources: Resources) -> str:
    amounts = resources.amounts()
    if "memory_bytes" in amounts:
        amounts["memory GiB"] = round(amounts.pop("memory_bytes") / 2**30, 1)
    return ", ".join(name if name == CONTAINERS else f"{escape(name)} {amount:g}" for name, amount in amounts.items())
