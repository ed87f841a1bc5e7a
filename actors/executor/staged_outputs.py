"""What attempts have staged and nobody has promoted."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from actors.invocation import Invocation
from planners.model import AttemptId, TaskId


class Staged(NamedTuple):
    """The call whose promote hook gets what it has staged, by name."""

    call: Invocation
    what: Mapping[str, bytes]


class StagedOutputs:
    """What the finished attempts of one executor have staged, until it is promoted, flushed, or its task has ended."""

    def __init__(self) -> None:
        self._of: dict[TaskId, dict[AttemptId, Staged]] = {}

    def keep(self, call: Invocation, what: Mapping[str, bytes]) -> None:
        """An attempt has finished and staged this; nothing is kept if it is empty."""
        if what:
            self._of.setdefault(call.task, {})[call.attempt] = Staged(call, what)

    def of(self, task: TaskId, attempt: AttemptId) -> Mapping[str, bytes]:
        """What an attempt has staged; empty if there is nothing."""
        staged = self._of.get(task, {}).get(attempt)
        return {} if staged is None else staged.what

    def take(self, task: TaskId, attempt: AttemptId) -> Staged | None:
        """What an attempt has staged, which is not kept any longer; None if there is nothing."""
        return self._of.get(task, {}).pop(attempt, None)

    def drop(self, task: TaskId, attempts: Iterable[AttemptId]) -> None:
        """These attempts are flushed."""
        if (staged := self._of.get(task)) is not None:
            for attempt in attempts:
                staged.pop(attempt, None)

    def release(self, task: TaskId) -> None:
        """Forget a task."""
        self._of.pop(task, None)
