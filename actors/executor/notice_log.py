"""Logs what hosts have noticed about agents (see `actors.notices`), each thing once."""

import logging

from actors.invocation import Ended
from planners.agents import AgentKind, AgentSpec
from planners.model import AgentName

_log = logging.getLogger(__name__)
# Kinds whose code runs in the process of the host, so that the host can see what it does.
_WATCHED = frozenset({AgentKind.ASYNC, AgentKind.SYNC})


def is_watched(agent: AgentSpec) -> bool:
    """Whether effects of the agent are to be noticed, because it declares none."""
    return agent.kind in _WATCHED and "effect" not in agent.model_fields_set


class NoticeLog:
    """Logs each notice about an agent the first time. Of notices that differ in details only, one is logged."""

    def __init__(self) -> None:
        self._noticed: set[tuple[AgentName, str]] = set()

    def log(self, agent: AgentSpec, ended: Ended) -> None:
        """Log the notices of an attempt that has ended."""
        for notice in ended.notices:
            kind = (agent.name, notice.partition("(")[0])
            if kind not in self._noticed:
                self._noticed.add(kind)
                _log.warning("%s", notice)
