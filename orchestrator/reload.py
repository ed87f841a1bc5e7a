"""What a new catalog changes, and what it must not change while tasks run. Pure."""

from pydantic import Field

from orchestrator.errors import InvalidReload
from planners.agents import AgentSpec, Catalog
from planners.model import AgentName, Versioned


class Reloaded(Versioned):
    """What a reload has changed in the catalog. The code of all agents is read anew in any case."""

    agents: int = Field(description="Number of agents of the new catalog")
    added: tuple[AgentName, ...] = Field(default=(), description="New agents")
    changed: tuple[AgentName, ...] = Field(default=(), description="Agents whose declaration differs")
    removed: tuple[AgentName, ...] = Field(default=(), description="Agents that are gone")


def reloaded(old: Catalog, new: Catalog) -> Reloaded:
    """The difference between two catalogs.

    Raises:
        InvalidReload: an agent changes what it does to the world. Runs under way have decided by its former effect
            whether it may start before its plan is confirmed, and whether it may run twice.
    """
    for agent in new.agents:
        former = old.by_name.get(agent.name)
        if former is not None and _acts(former) != _acts(agent):
            raise InvalidReload(
                f"agent '{agent.name}' changes its effect from {_words(former)} to {_words(agent)}",
                f"agents.{agent.name}.effect",
                "give the agent with the new effect another name, or restart the service",
            )
    return Reloaded(
        agents=len(new.agents),
        added=tuple(agent.name for agent in new.agents if agent.name not in old.by_name),
        changed=tuple(agent.name for agent in new.agents if old.by_name.get(agent.name, agent) != agent),
        removed=tuple(agent.name for agent in old.agents if agent.name not in new.by_name),
    )


def _acts(agent: AgentSpec) -> tuple[object, ...]:
    return agent.effect, agent.discloses


def _words(agent: AgentSpec) -> str:
    return f"{agent.effect.value}{', discloses' if agent.discloses else ''}"
