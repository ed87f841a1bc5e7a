"""The agents as `GET /v1/agents` lists them: the catalog, and who does not answer."""

from pydantic import Field

from planners.agents import Catalog
from planners.cluster import Outage


class KnownAgents(Catalog):
    """A catalog, with the providers and agents whose circuit breakers are not closed."""

    outages: tuple[Outage, ...] = Field(
        default=(), exclude_if=lambda outages: not outages, description="Providers and agents that do not answer"
    )
