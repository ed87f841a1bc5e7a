"""Tools of LLM agents that are themselves agents of the catalog: which ones they are, and whether they may be tools.

An entry of ``settings.tools`` that is not an import path names an agent, or with ``PREFIX.*`` all agents whose names
begin so, such as those of one MCP server.
"""

import re
from collections.abc import Iterable, Iterator

from pydantic import JsonValue

from actors.errors import InvalidCatalog
from planners.agents import AgentKind, AgentSpec, Catalog, Effect
from planners.model import AgentName
from planners.validation.suggestions import meant

_STRENGTH = {Effect.PURE: 0, Effect.IDEMPOTENT: 1, Effect.IRREVERSIBLE: 2}
_ALL = ".*"
_NO_TOOLS = frozenset({AgentKind.BATCH, AgentKind.BUILT_IN})
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_MOST_LETTERS = 64


def is_import_path(tool: str) -> bool:
    """Whether an entry of ``settings.tools`` is the import path of a callable, and not the name of an agent."""
    return ":" in tool


def tool_name(agent: AgentName) -> str:
    """The name of an agent as models know it: providers allow letters, digits, underscores and hyphens."""
    return _NOT_IN_NAMES.sub("_", agent)[:_MOST_LETTERS]


def tools_of(agent: AgentSpec, catalog: Catalog) -> tuple[AgentSpec, ...]:
    """The agents that an LLM agent may call, and those that they may call; in a catalog of `with_tools`."""
    found: dict[AgentName, AgentSpec] = {}
    waiting = [agent]
    while waiting:
        for name in map(AgentName, _named(waiting.pop())):
            if name not in found and (tool := catalog.by_name.get(name)) is not None:
                found[name] = tool
                waiting.append(tool)
    return tuple(found.values())


def variables_with(agent: AgentSpec, tools: Iterable[AgentSpec]) -> tuple[str, ...]:
    """The environment variables of an agent and of its tools."""
    return tuple(dict.fromkeys([*agent.env, *(name for tool in tools for name in tool.env)]))


def with_tools(catalog: Catalog) -> Catalog:
    """The catalog with the tools of its LLM agents listed one by one, and their effects derived where none is declared.

    Raises:
        InvalidCatalog: an agent cannot be the tool of another one; names the field and the fix.
    """
    if not any(map(_named, catalog.agents)):
        return catalog
    resolution = _Resolution(catalog)
    return catalog.model_copy(update={"agents": tuple(map(resolution.resolved, catalog.agents))})


class _Resolution:
    """Resolves the agents of a catalog, tools before the agents that call them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._places = {agent.name: f"agents.{index}" for index, agent in enumerate(catalog.agents)}
        self._resolved: dict[AgentName, AgentSpec] = {}
        self._open: list[AgentName] = []

    def resolved(self, agent: AgentSpec) -> AgentSpec:
        """The agent with its tools listed."""
        if (known := self._resolved.get(agent.name)) is not None:
            return known
        self._open.append(agent.name)
        entries = dict.fromkeys(name for entry in _entries(agent) for name in self._expanded(agent, entry))
        tools = [self._tool(agent, AgentName(name)) for name in entries if not is_import_path(name)]
        self._open.pop()
        found = self._resolved[agent.name] = self._with_effects(agent, tuple(entries), tools) if tools else agent
        return found

    def _expanded(self, agent: AgentSpec, entry: str) -> Iterator[str]:
        if is_import_path(entry) or not entry.endswith(_ALL):
            yield entry
            return
        prefix = entry.removesuffix("*")
        found = [one.name for one in self._catalog.agents if one.name.startswith(prefix)]
        if not found:
            raise self._refusal(agent, f"no agent has a name that begins with '{prefix}'", "name agents of the catalog")
        yield from found

    def _tool(self, agent: AgentSpec, name: AgentName) -> AgentSpec:
        tool = self._catalog.by_name.get(name)
        if tool is None:
            fix = meant(name, self._places) or "name an agent of the catalog, or write module:attribute"
            raise self._refusal(agent, f"no agent '{name}'", fix)
        if name in self._open:
            ring = " -> ".join([*self._open[self._open.index(name) :], name])
            raise self._refusal(agent, f"agents call each other in a ring: {ring}", "leave one of them out")
        if tool.kind in _NO_TOOLS or tool.effect is Effect.STAGEABLE:
            what = "stages its effects" if tool.effect is Effect.STAGEABLE else f"is of kind {tool.kind}"
            raise self._refusal(agent, f"'{name}' {what} and cannot be a tool", "make it a step of a workflow")
        needs = tool.resources.model_copy(update={"cpus": 0.0})  # most callables declare one CPU and hardly use it
        if lacking := needs.lacking(agent.resources):
            fix = "declare them as resources of the agent itself, or make the tool a step of a workflow"
            raise self._refusal(agent, f"'{name}' needs {', '.join(lacking)}, which its caller does not hold", fix)
        return self.resolved(tool)

    def _with_effects(self, agent: AgentSpec, entries: tuple[str, ...], tools: list[AgentSpec]) -> AgentSpec:
        names = [tool_name(tool.name) for tool in tools]
        if twice := {name for name in names if names.count(name) > 1}:
            raise self._refusal(agent, f"several tools are called '{min(twice)}' by the model", "rename one of them")
        update: dict[str, JsonValue] = {"settings": {**agent.settings, "tools": list(entries)}}
        strongest = max(tools, key=lambda tool: _STRENGTH[tool.effect])
        if "effect" not in agent.model_fields_set:
            update["effect"] = strongest.effect
        elif _STRENGTH[strongest.effect] > _STRENGTH[agent.effect]:
            message = f"the agent is {agent.effect}, but its tool '{strongest.name}' is {strongest.effect}"
            fix = f"declare effect: {strongest.effect}, or correct the effect of the tool"
            raise InvalidCatalog(message, f"{self._places[agent.name]}.effect", fix)
        if any(tool.discloses for tool in tools) and not agent.discloses:
            if "discloses" in agent.model_fields_set:
                fix = "declare discloses: true, or leave the tool out"
                raise InvalidCatalog("a tool discloses private inputs", f"{self._places[agent.name]}.discloses", fix)
            update["discloses"] = True
        return agent.model_copy(update=update)

    def _refusal(self, agent: AgentSpec, message: str, fix: str) -> InvalidCatalog:
        return InvalidCatalog(message, f"{self._places[agent.name]}.settings.tools", fix)


def _entries(agent: AgentSpec) -> tuple[str, ...]:
    listed = agent.settings.get("tools") if agent.kind is AgentKind.LLM else None
    return tuple(map(str, listed)) if isinstance(listed, list | tuple) else ()


def _named(agent: AgentSpec) -> tuple[str, ...]:
    return tuple(entry for entry in _entries(agent) if not is_import_path(entry))
