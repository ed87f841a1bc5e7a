"""How long the finished attempts of one fan-out took: what counts as late in it where nothing was learned before.

Peers are attempts of one agent at copies of one step, or at steps that follow the same ones. Once three quarters of
those that have begun have finished, the others are late beyond what nine in ten took, and a fifth.
"""

import re
from bisect import insort
from collections.abc import Hashable
from dataclasses import dataclass, field
from math import ceil

from planners.model import AttemptId
from reconciler.state.attempts import Attempt, AttemptStatus

_LEAST, _SHARE, _QUANTILE, _MARGIN = 3, 0.75, 0.9, 1.2
# Of this many all is known that is asked for.
_MOST = 500
_NUMBER = re.compile(r"\[\d+\]")


@dataclass(slots=True)
class _Group:
    """Seconds of those that have finished, the others that have begun, and the moment from which these are late."""

    seconds: list[float] = field(default_factory=list)
    begun: dict[AttemptId, None] = field(default_factory=dict)
    late_s: float | None = None
    measured_at: int = 0


class Peers:
    """The attempts of one run by fan-out."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, _Group] = {}
        self._group_of: dict[AttemptId, _Group] = {}

    def note(self, attempt: Attempt) -> list[AttemptId]:
        """An attempt has changed; returns those that run and of which it is known only now when they are late."""
        if attempt.status is AttemptStatus.RUNNING:
            if attempt.id not in self._group_of:
                group = self._group_of[attempt.id] = self._groups.setdefault(_key(attempt), _Group())
                group.begun[attempt.id] = None
            return []
        if attempt.live or (left := self._group_of.pop(attempt.id, None)) is None:
            return []
        left.begun.pop(attempt.id, None)
        if not attempt.finished or (attempt.handoff is not None and attempt.handoff.cached):
            return []
        if len(left.seconds) < _MOST:
            insort(left.seconds, attempt.seconds)
        return self._measured(left)

    def late_s(self, attempt: Attempt) -> float | None:
        """After how many seconds an attempt that runs is late; None where too few of its peers have finished."""
        group = self._group_of.get(attempt.id)
        return None if group is None else group.late_s

    def typical_s(self, attempt: Attempt) -> float | None:
        """The median seconds of its peers, where `late_s` is known."""
        group = self._group_of.get(attempt.id)
        return None if group is None or group.late_s is None else group.seconds[len(group.seconds) // 2]

    @staticmethod
    def _measured(group: _Group) -> list[AttemptId]:
        """Measure again whenever twice as many have finished."""
        finished = len(group.seconds)
        if finished < max(_LEAST, _SHARE * (finished + len(group.begun)), 2 * group.measured_at):
            return []
        news = group.late_s is None
        group.measured_at = finished
        group.late_s = _MARGIN * group.seconds[ceil(_QUANTILE * finished) - 1]
        return list(group.begun) if news else []


def _key(attempt: Attempt) -> Hashable:
    step, agent = attempt.step, attempt.placement.agent
    copied, copies = _NUMBER.subn("[]", step.id)
    return (agent, copied) if copies else (agent, step.capability, step.parents)
