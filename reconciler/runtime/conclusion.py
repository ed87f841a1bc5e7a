"""How a run ends once its state machine has: promotions, then outputs. A cancel or the deadline cuts this short."""

import asyncio
from collections.abc import Awaitable, Callable

from planners.model import AttemptId
from reconciler.runtime.outbox import Outbox
from reconciler.runtime.ports import Executor
from reconciler.runtime.promotions import Promotions, all_out, quoted
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState
from reconciler.views.projections import Ending

# Outputs that one run reads before the others get a turn.
_OUTPUTS_AT_ONCE = 100


class Conclusion:
    """Brings a run whose state has ended to the end of its task.

    Attributes:
        lost: attempts whose outputs the task returns, and that went with their node or process before they were read.
    """

    def __init__(
        self,
        run: RunState,
        executor: Executor,
        outbox: Outbox,
        promotions: Promotions,
        lost_effects: Failure | None = None,
    ) -> None:
        """Set up.

        Args:
            run: has ended.
            executor: holds the outputs.
            outbox: holds what still waits for the disk.
            promotions: of the run.
            lost_effects: what a restart made of promotions, if they are not known to be out.
        """
        assert run.end is not None
        self._run, self._end = run, run.end
        self._executor = executor
        self._outbox = outbox
        self._promotions = promotions
        self._lost_effects = lost_effects
        self.lost: tuple[AttemptId, ...] = ()

    @property
    def succeeds(self) -> bool:
        """Whether all steps have finished."""
        return self._end.status is c.RunStatus.SUCCEEDED

    async def ending(self, next_event: Callable[[], Awaitable[e.Event]]) -> Ending:
        """The end of the task. ``next_event`` gives the events that arrive meanwhile."""
        if not self.succeeds:
            return Ending(self._end.status, self._with_effects(self._end.failure))
        if self._lost_effects is not None:
            return Ending(c.RunStatus.FAILED, self._lost_effects)
        return await self._promoted(next_event) or await self._outputs()

    async def _promoted(self, next_event: Callable[[], Awaitable[e.Event]]) -> Ending | None:
        """Wait until all staged outputs are out; None if they are. A promotion hook may hang for ever."""
        if not self._outbox.held and self._promotions.is_settled:  # as in nearly every task
            failure = await self._promotions.settled()
            return None if failure is None else Ending(c.RunStatus.FAILED, failure)
        settled = asyncio.ensure_future(all_out(self._outbox, self._promotions))
        try:
            while not settled.done():
                event = asyncio.ensure_future(next_event())
                await asyncio.wait({settled, event}, return_when=asyncio.FIRST_COMPLETED)
                if not event.done():
                    event.cancel()
                elif (interruption := self._interruption(event.result())) is not None:
                    return Ending(interruption[0], self._with_effects(interruption[1]))
            failure = settled.result()
            return None if failure is None else Ending(c.RunStatus.FAILED, failure)
        finally:
            settled.cancel()

    def _interruption(self, event: e.Event) -> tuple[c.RunStatus, Failure] | None:
        """The status and failure of a task that ends because of an event although its promotions have not settled."""
        if isinstance(event, e.CancelRequested):
            return c.RunStatus.CANCELLED, Failure(kind=FailureKind.CANCELLED, message=event.reason or "cancelled")
        limits = self._run.task.limits
        deadline_s = limits.deadline_s if limits.on_deadline == "fail" else None
        if deadline_s is None or event.at_s < deadline_s:
            return None
        return c.RunStatus.FAILED, Failure(
            kind=FailureKind.LIMIT, message=f"the deadline of {deadline_s:g} s has passed"
        )

    def _with_effects(self, failure: Failure | None) -> Failure | None:
        """The failure of a task that has not succeeded: it says what may have taken effect. Nothing else will."""
        for command in self._outbox.drop():
            if isinstance(command, c.Promote):
                self._promotions.prevent(self._run.attempts[command.attempt].step.id)
        for attempt in self._run.held.attempts:
            self._promotions.prevent(self._run.attempts[attempt].step.id)
        acts = quoted(attempt.step.id for attempt in self._run.in_doubt)
        doubts = f"it is not known whether {acts} acted" if acts else ""
        parts = [part for part in (doubts, self._promotions.report()) if part]
        self._promotions.stop()
        if failure is None or not parts:
            return failure
        return failure.model_copy(update={"message": "; ".join([failure.message, *parts])})

    async def _outputs(self) -> Ending:
        outputs = {}
        try:
            for number, (name, source) in enumerate(self._end.outputs.items(), 1):
                outputs[name] = await self._executor.value(self._run.id, source)
                if number % _OUTPUTS_AT_ONCE == 0:
                    await asyncio.sleep(0)  # reading an output that is here gives the other runs no turn
        except LookupError as error:
            self.lost = await self._gone()
            wrong = "bind workflow.outputs to a part that the step's output has"
            failure = Failure(
                kind=FailureKind.BAD_OUTPUT,
                message=f"an output of the task cannot be read: {error.args[0]}",
                fix="submit the task again" if self.lost else wrong,
            )
            return Ending(c.RunStatus.FAILED, failure)
        return Ending(c.RunStatus.SUCCEEDED, outputs=outputs)

    async def _gone(self) -> tuple[AttemptId, ...]:
        returned = dict.fromkeys(one for source in self._end.outputs.values() for one in c.attempts_of(source))
        return tuple([attempt for attempt in returned if not await self._is_there(attempt)])

    async def _is_there(self, attempt: AttemptId) -> bool:
        try:
            await self._executor.value(self._run.id, c.OutputOf(attempt=attempt))
        except LookupError:
            return False
        return True
