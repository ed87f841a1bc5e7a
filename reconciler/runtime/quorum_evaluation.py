"""Evaluates the condition of a fan-out: its results are read, which may be large, and CEL runs in a thread."""

import asyncio
import logging

from pydantic import JsonValue

from planners.expressions.errors import ExpressionFailed
from planners.expressions.quorums import is_reached
from planners.model import TaskId
from reconciler.runtime.ports import Executor
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.quorums import answer_to

_AT_ONCE = 100
_log = logging.getLogger(__name__)


async def quorum_evaluation(executor: Executor, task: TaskId, question: c.EvaluateQuorum) -> tuple[e.Event, ...]:
    """The answer. A result that is gone is told before it: the run then makes it again, and asks anew."""
    results: list[JsonValue] = []
    for number, source in enumerate(question.results, 1):
        try:
            results.append(await executor.value(task, source))
        except LookupError as error:
            reason = f"a result of '{question.fan_out}' cannot be read: {error.args[0]}"
            lost = e.OutputsLost(at_s=0, attempts=c.attempts_of(source), reason=reason)
            return lost, answer_to(question, holds=False, failure=reason)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)  # reading what is here gives the other runs no turn
    try:
        inputs = {name: await executor.value(task, source) for name, source in question.inputs.items()}
        holds = await asyncio.to_thread(is_reached, question.condition, results, question.confidences, inputs)
    except ExpressionFailed as error:
        return (answer_to(question, holds=False, failure=error.message),)
    except LookupError as error:  # an input that is the value of an expression, which has none
        return (answer_to(question, holds=False, failure=str(error.args[0])),)
    except Exception as error:  # noqa: BLE001 -- whatever is wrong with the evaluation, the run must not wait for ever
        _log.exception("the condition of '%s' in task %s", question.fan_out, task)
        return (answer_to(question, holds=False, failure=f"{type(error).__name__}: {error}"),)
    return (answer_to(question, holds=holds),)
