"""Asks the agent of an attempt in doubt whether it has acted."""

import logging

from planners.model import TaskId
from reconciler.runtime.ports import Executor
from reconciler.state import commands as c
from reconciler.state import events as e

_log = logging.getLogger(__name__)


async def verification(executor: Executor, task: TaskId, command: c.Verify) -> e.AttemptVerified:
    """The answer of the agent's hook; it may not know."""
    handoff, known = None, True
    try:
        handoff = await executor.verification(task, command.attempt, command.agent)
    except Exception as error:  # noqa: BLE001 -- whatever is wrong with the hook, the act stays in doubt
        _log.info("attempt %s of task %s stays in doubt: %s", command.attempt, task, error)
        known = False
    happened = handoff is not None if known else None
    return e.AttemptVerified(at_s=0, attempt=command.attempt, happened=happened, handoff=handoff)
