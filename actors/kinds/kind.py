"""What a kind of agent defines, and how to look one up."""

import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from actors.context import Context
from actors.errors import UnsupportedKind
from actors.invocation import Invocation
from planners.agents import AgentKind, AgentSpec
from reconciler.state.handoff import Handoff


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent returned: the JSON of its output, and the other fields of its handoff.

    ``passed_on``: it was not asked; see `actors.compaction`.
    """

    body: bytes
    handoff: Handoff = field(default_factory=Handoff)
    passed_on: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """What an agent will return, and how the answer is made of it.

    Thousands of attempts wait for their agents. A coroutine around each, only to make the answer, takes 270 bytes.
    """

    returned: Awaitable[Any]
    answer: Callable[[Any], Answer]

    async def answered(self) -> Answer:
        """The answer, once the agent has returned."""
        return self.answer(await self.returned)


class Kind(Protocol):
    """How the agents of one kind are declared and run. Stateless."""

    @property
    def runs_on_loop(self) -> bool:
        """Whether attempts are coroutines: many share a process, and cancelling the coroutine stops one.

        An attempt of any other kind blocks a process of its own and stops when that process is killed.
        """
        ...

    @property
    def checks_schemas(self) -> bool:
        """Whether `run` needs the agent's schemas, which then travel with each attempt."""
        ...

    def declare(self, entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
        """Check a catalog entry of this kind and complete it. ``location`` is its path in the catalog.

        Raises:
            InvalidCatalog: names the field and the fix.
        """
        ...

    async def health(self, agent: AgentSpec) -> str:
        """Try whether attempts could run on this machine now, without running one; what was found, for people.

        Raises:
            ActorsError: they could not; names the fix.
        """
        ...

    def run(
        self, call: Invocation, inputs: dict[str, Any], context: Context
    ) -> Answer | Awaitable[Answer] | Unanswered:
        """Run one attempt to its end; if `runs_on_loop`, to be awaited.

        Raises:
            BadInput, BadOutput: the contract of the agent is broken.
            BaseException: whatever the agent raises.
        """
        ...


@cache
def kind_of(kind: AgentKind) -> Kind:
    """The implementation of a kind.

    Raises:
        UnsupportedKind: there is none.
    """
    module = f"{__package__}.{kind.value}_agent"
    try:
        found: Kind = importlib.import_module(module).KIND
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        fix = "declare a callable that does it and leave kind out, or use kind: command"
        raise UnsupportedKind(f"no agent of kind '{kind.value}' can run yet", "kind", fix) from None
    return found
