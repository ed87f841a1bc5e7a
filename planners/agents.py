"""Agents: what each one offers, needs, costs and does to the world, and the catalog of all of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from planners.built_in_names import APPROVAL, CALLBACK, WAIT
from planners.definitions import NamedWorkflow
from planners.model import AgentName, Measured, Versioned, digest
from planners.resources import Resources

# A keyword of schemas whose validator or serializer converts values: the types are not those that the schema tells.
CONVERTS = "x-forerun-converts"


# Generous: it only keeps an attempt that hangs from holding its room for ever.
DEFAULT_TIMEOUT_S = 3600.0


class Effect(StrEnum):
    """What running an agent does to the world. Decides whether it may run speculatively."""

    PURE = "pure"
    IDEMPOTENT = "idempotent"
    STAGEABLE = "stageable"
    IRREVERSIBLE = "irreversible"

    @property
    def never_twice(self) -> bool:
        """Whether it may happen at most once, whatever fails."""
        return self is Effect.IRREVERSIBLE


class AgentKind(StrEnum):
    """How an agent is hosted: ``sync`` and ``command`` as killable Ray tasks, all others in host actors."""

    ASYNC = "async"
    SYNC = "sync"
    COMMAND = "command"
    HTTP = "http"
    LLM = "llm"
    BUILT_IN = "built_in"
    MCP = "mcp"
    A2A = "a2a"
    LANGGRAPH = "langgraph"
    PYDANTIC_AI = "pydantic_ai"
    BATCH = "batch"


# What answers, or does not, is elsewhere.
REMOTE_KINDS = frozenset({AgentKind.HTTP, AgentKind.LLM, AgentKind.MCP, AgentKind.A2A, AgentKind.PYDANTIC_AI})
_IN_PROCESSES = frozenset({AgentKind.SYNC, AgentKind.COMMAND, AgentKind.BUILT_IN})


class Retry(Measured):
    """How often a piece of work is tried, and the pauses between the tries."""

    max_attempts: int = Field(default=2, ge=1, le=100, description="How often a piece of work is tried")
    backoff_s: float = Field(
        default=0.1, ge=0, description="Pause before the first retry; each further pause is twice as long"
    )


class Price(Measured):
    """Dollars per call and per second of running."""

    usd_per_call: float = Field(default=0.0, ge=0, description="Dollars a call")
    usd_per_s: float = Field(default=0.0, ge=0, description="Dollars a second of running")

    def of(self, seconds: float) -> float:
        """Dollars of one call of ``seconds``."""
        return self.usd_per_call + self.usd_per_s * seconds


class Provider(Measured):
    """A service that several agents call and whose limits they share. None: unlimited."""

    name: str = Field(description="Agents refer to it by this name")
    max_concurrent: int | None = Field(default=None, ge=1, description="Calls at a time")
    requests_per_s: float | None = Field(default=None, gt=0, description="Requests a second")
    tokens_per_s: float | None = Field(default=None, gt=0, description="Tokens a second")


class AgentSpec(Measured):
    """What one agent declares: its capability, resources, price, quality and effect."""

    name: AgentName = Field(description="Unique in the catalog")
    capability: str = Field(
        min_length=1, description="What the agent can do; steps ask for it. Several agents may offer the same"
    )
    kind: AgentKind = Field(
        default=AgentKind.SYNC,
        description="How the agent is called and hosted. Without it, `target` is the import path of a callable, "
        "and its kind is derived",
    )
    target: str | tuple[str, ...] = Field(
        default="",
        description="`module:attribute` of a callable (async, sync), argument vector of a command, URL (http), "
        "model (llm), tool (mcp), or address of a remote agent (a2a)",
    )
    version: str = Field(default="1", description="Part of the work key: work of another version is other work")
    description: str = Field(default="", description="For people, and for the LLM that decomposes goals")
    effect: Effect = Field(default=Effect.PURE, description="What a call does to the world")
    discloses: bool = Field(
        default=False, description="The agent sends private inputs to a third party, so it never runs speculatively"
    )
    proposes: bool = Field(
        default=False,
        exclude_if=lambda proposes: not proposes,
        description="What its handoffs suggest as `next`, a sub-workflow or a goal, is run in place of the step",
    )
    resources: Resources = Field(
        default=Resources(cpus=1.0),
        description="What an attempt occupies. Default: one CPU for sync agents and commands, nothing for async agents",
    )
    provider: str | None = Field(default=None, description="The provider whose limits its calls count against")
    price: Price = Field(default=Price(), description="Dollars per call and second")
    tokens_per_call: float = Field(
        default=0.0, ge=0, description="Tokens that a call counts against the provider's limit"
    )
    quality: float = Field(default=1.0, ge=0, le=1, description="Quality of the results, for choosing between agents")
    concurrency: int | None = Field(default=None, ge=1, description="Attempts at a time; null: no limit")
    timeout_s: float | None = Field(default=DEFAULT_TIMEOUT_S, gt=0, description="Time limit of an attempt; null: none")
    idle_s: float | None = Field(
        default=None,
        gt=0,
        exclude_if=lambda idle_s: idle_s is None,
        description="An attempt that tells no progress for so long has failed; null: no limit",
    )
    retry: Retry = Field(default=Retry(), description="How often work is tried")
    expected_s: float = Field(default=1.0, gt=0, description="Expected seconds of an attempt, until there are outcomes")
    cold_start_s: float = Field(
        default=0.0, ge=0, description="Expected seconds until a node that has not run the agent yet is ready"
    )
    output_bytes: int = Field(default=1024, ge=0, description="Expected size of an output, until there are outcomes")
    settings: dict[str, JsonValue] = Field(default_factory=dict, description="Settings of the kind of agent")
    env: tuple[str, ...] = Field(
        default=(), description="Environment variables that the agent sees, besides those that every agent sees"
    )
    input_schema: dict[str, Any] | None = Field(
        default=None, description="JSON Schema of the inputs; derived from the types of a callable"
    )
    output_schema: dict[str, Any] | None = Field(
        default=None, description="JSON Schema of the output; derived from the types of a callable"
    )

    @field_validator("env")
    @classmethod
    def _env_is_not_the_services(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name.upper().startswith(("FORERUN_", "RAY_")):
                raise ValueError(f"agents never see {name}, a variable of the service; give them a key of their own")
        return names

    @property
    def may_speculate(self) -> bool:
        """Whether an attempt may start before the optimal plan confirms it."""
        return self.effect is not Effect.IRREVERSIBLE and not self.discloses

    @property
    def has_mailbox(self) -> bool:
        """Whether its attempts can talk with others: they share a process that takes messages."""
        return self.kind is AgentKind.ASYNC and self.may_speculate and not self.resources.amounts()

    @property
    def cacheable(self) -> bool:
        """Whether results are kept for identical work: the agent is pure and declares a version."""
        return self.effect is Effect.PURE and "version" in self.model_fields_set and not self.built_in

    @property
    def starts_at_once(self) -> bool:
        """Whether an attempt starts as soon as it is dispatched: it runs in a shared host and no limit delays it."""
        unlimited = self.provider is None and self.concurrency is None and self.kind not in REMOTE_KINDS
        hosted = self.kind not in _IN_PROCESSES and unlimited and self.may_speculate and not self.resources.amounts()
        return hosted or self.built_in

    @property
    def built_in(self) -> bool:
        """Whether the run itself plays it: it waits for a moment, a person or a message, and occupies nothing."""
        return self.kind is AgentKind.BUILT_IN

    @property
    def identity(self) -> str:
        """Name and version: the agent's part of a work key."""
        return f"{self.name}@{self.version}"


def _built_in(name: str, effect: Effect, expected_s: float, *, discloses: bool) -> AgentSpec:
    return AgentSpec(
        name=AgentName(name),
        capability=name,
        kind=AgentKind.BUILT_IN,
        effect=effect,
        discloses=discloses,
        resources=Resources(),
        expected_s=expected_s,
        retry=Retry(max_attempts=1),
    )


# A question goes to somebody, so nobody is asked before a plan of authority says so.
BUILT_IN_AGENTS = (
    _built_in(WAIT, Effect.PURE, 1.0, discloses=False),
    _built_in(APPROVAL, Effect.IDEMPOTENT, 60.0, discloses=True),
    _built_in(CALLBACK, Effect.IDEMPOTENT, 60.0, discloses=True),
)
_BUILT_IN_NAMES = frozenset(agent.name for agent in BUILT_IN_AGENTS)


class Catalog(Versioned):
    """All agents that a service knows, the providers they share, and the workflows that tasks may use by name."""

    agents: tuple[AgentSpec, ...] = Field(default=(), description="The agents")
    providers: tuple[Provider, ...] = Field(default=(), description="The providers whose limits agents share")
    workflows: tuple[NamedWorkflow, ...] = Field(
        default=(), exclude_if=lambda workflows: not workflows, description="Workflows that tasks may use as steps"
    )
    kind: Literal["catalog"] = Field(default="catalog", description="The kind of this document")

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Self:
        if twice := _more_than_once(agent.name for agent in self.agents):
            raise ValueError(f"agents: {', '.join(twice)} declared more than once; give each agent its own name")
        if twice := _more_than_once(provider.name for provider in self.providers):
            raise ValueError(f"providers: {', '.join(twice)} declared more than once; give each provider its own name")
        if twice := _more_than_once(workflow.identity for workflow in self.workflows):
            raise ValueError(f"workflows: {', '.join(twice)} declared more than once; give each version its own number")
        known = {provider.name for provider in self.providers}
        for agent in self.agents:
            if agent.built_in or agent.name in _BUILT_IN_NAMES or agent.capability in _BUILT_IN_NAMES:
                raise ValueError(
                    f"agents.{agent.name}: Forerun itself has this kind, name or capability; choose another"
                )
            if agent.provider is not None and agent.provider not in known:
                raise ValueError(f"agents.{agent.name}.provider: no provider '{agent.provider}'; add it to providers")
        return self

    @cached_property
    def by_name(self) -> Mapping[str, AgentSpec]:
        """Agent name -> agent, with those that a run itself plays."""
        return {agent.name: agent for agent in (*self.agents, *BUILT_IN_AGENTS)}

    @cached_property
    def by_capability(self) -> Mapping[str, tuple[AgentSpec, ...]]:
        """Capability -> the agents that offer it, in catalog order."""
        grouped: dict[str, list[AgentSpec]] = {}
        for agent in self.agents:
            grouped.setdefault(agent.capability, []).append(agent)
        return {capability: tuple(agents) for capability, agents in grouped.items()}

    def offering(self, capability: str) -> tuple[AgentSpec, ...]:
        """The agents that offer a capability, in catalog order; those that a run itself plays, too."""
        found = self.by_capability.get(capability)
        return found or tuple(agent for agent in BUILT_IN_AGENTS if agent.capability == capability)

    @cached_property
    def provider_by_name(self) -> Mapping[str, Provider]:
        """Provider name -> provider."""
        return {provider.name: provider for provider in self.providers}

    @cached_property
    def workflows_by_name(self) -> Mapping[str, tuple[NamedWorkflow, ...]]:
        """Name -> the versions of a workflow, in catalog order."""
        grouped: dict[str, list[NamedWorkflow]] = {}
        for workflow in self.workflows:
            grouped.setdefault(workflow.name, []).append(workflow)
        return {name: tuple(versions) for name, versions in grouped.items()}

    @cached_property
    def identity(self) -> str:
        """Equal for catalogs that are equal."""
        return digest("catalog", self.model_dump_json())

    def keeping(self, older: "Catalog") -> "Catalog":
        """This catalog, with the agents and providers of an older one that it no longer has."""
        agents = [agent for agent in older.agents if agent.name not in self.by_name]
        providers = [provider for provider in older.providers if provider.name not in self.provider_by_name]
        if not agents:
            return self
        return self.model_copy(update={"agents": (*self.agents, *agents), "providers": (*self.providers, *providers)})

    def without(self, names: Iterable[str]) -> "Catalog":
        """This catalog without the named agents; the catalog itself if it has none of them."""
        dropped = self.by_name.keys() & set(names)
        if not dropped:
            return self
        return self.model_copy(update={"agents": tuple(agent for agent in self.agents if agent.name not in dropped)})


def _more_than_once(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)
