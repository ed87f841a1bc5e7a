"""The protocols a run depends on. This package owns them; `orchestrator` provides the implementations."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import JsonValue

from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.model import AgentName, AttemptId, TaskId
from planners.plans import Plan
from planners.requests import Continuation, PlanRequest
from planners.speculative.plan_advice import PlanAdvice
from planners.speculative.route_chances import RouteChances
from planners.tasks import Task
from reconciler.gate import LaterGuess
from reconciler.runtime.figures import ShardFigures
from reconciler.state.commands import Dispatch, Source
from reconciler.state.conditions import Conditions
from reconciler.state.events import AttemptFailed, AttemptFinished, AttemptStarted, MessagePublished
from reconciler.state.handoff import Failure, Handoff
from reconciler.state.learned_times import LearnedTimes
from reconciler.state.messages import MailboxMessage
from reconciler.state.outcomes import Outcome
from reconciler.state.waiting import DispatchWait
from reconciler.views.logs import LogBatch
from reconciler.views.models import TaskView

AttemptEvent = AttemptStarted | AttemptFinished | AttemptFailed | MessagePublished
# Called on the run's event loop as soon as something happened. An executor does not know when a task was admitted, so
# it leaves at_s at 0 and the receiver stamps the event (``model_copy``) with its own clock. Lines that an attempt has
# printed or logged come the same way: in order, without gaps or repetitions, and before the end of the attempt.
Report = Callable[[AttemptEvent | LogBatch], None]


class Clock(Protocol):
    """The time of day and a monotonic clock. Tests and the simulator have their own."""

    def now_s(self) -> float:
        """Seconds since the epoch, for people. May jump."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary moment. Never goes back; all durations and deadlines use it."""
        ...


class Executor(Protocol):
    """Carries out attempts. `value`, `promoted` and `verification` wait; all other methods return at once.

    The results of attempts go to ``report``.

    An executor fences: after `flush` or `release` it reports nothing more of those attempts, whether or not the
    cancellation reached them. Every dispatched attempt that is not flushed gets exactly one AttemptFinished or
    AttemptFailed, whatever dies. A speculative attempt never gets capacity that a confirmed one waits for.
    """

    def dispatch(self, task: TaskId, order: Dispatch, report: Report) -> None:
        """Start an attempt. Never raises; errors are reported as AttemptFailed."""
        ...

    def flush(self, task: TaskId, attempts: Iterable[AttemptId]) -> None:
        """Cancel attempts. The process of a running sync agent ends within a second."""
        ...

    def confirm(self, task: TaskId, attempt: AttemptId) -> None:
        """The attempt is no longer speculative. If it waits for capacity, it now waits with the confirmed ones."""
        ...

    def deliver(self, task: TaskId, attempt: AttemptId, messages: Sequence[MailboxMessage]) -> None:
        """Hand messages to an attempt that may not have begun yet. One that has ended gets nothing."""
        ...

    def wait_of(self, task: TaskId, attempt: AttemptId) -> DispatchWait | None:
        """Why a dispatched attempt has not begun; None if it has, or if that is not known."""
        ...

    def staged(self, task: TaskId, attempt: AttemptId) -> Mapping[str, bytes]:
        """What a finished attempt has staged and nobody has promoted; empty if there is nothing."""
        ...

    def restore_staged(self, task: TaskId, order: Dispatch, staged: Mapping[str, bytes]) -> None:
        """After a restart: what the attempt of this order has staged can be promoted again."""
        ...

    def promote(self, task: TaskId, attempt: AttemptId) -> None:
        """Start to promote the staged output of a finished attempt."""
        ...

    async def promoted(self, task: TaskId, attempt: AttemptId | None = None) -> Failure | None:
        """Wait for one promotion, or for all; returns the first failure. Cancelling the wait stops no promotion."""
        ...

    def stop_promotions(self, task: TaskId) -> tuple[AttemptId, ...]:
        """Cancel the promotions that are under way; returns the attempts whose effects may or may not be out."""
        ...

    async def verification(self, task: TaskId, attempt: AttemptId, agent: AgentName) -> Handoff | None:
        """Ask the agent's verify hook about an attempt that died: what it returned, or None if its act did not happen.

        Raises:
            LookupError: it is not known, because there is no hook, or it cannot tell, fails or takes too long.
        """
        ...

    def restore(self, task: TaskId, outputs: Mapping[AttemptId, JsonValue], stored: Iterable[AttemptId] = ()) -> None:
        """After a restart: make outputs of finished attempts readable again. ``stored``: whose are in the store."""
        ...

    async def value(self, task: TaskId, source: Source) -> JsonValue:
        """The value of a source, fetched if it is large.

        Raises:
            LookupError: the output is gone, or the path does not exist in it.
        """
        ...

    def reload(self, catalog: Catalog) -> None:
        """Use these agents, and their code as it is now, for attempts that are dispatched from now on."""
        ...

    def release(self, task: TaskId) -> None:
        """Forget the task: cancel the attempts that still run and drop all outputs. Started promotions go on."""
        ...


class Planning(Protocol):
    """The speculative and the optimal planner, wherever they run."""

    def guesses(self, request: PlanRequest) -> Iterator[Plan]:
        """The speculative plan, then alternatives. A shard iterates in a thread of its own, not on its event loop."""
        ...

    def continuation(self, request: PlanRequest, prefix: Plan, before: Sequence[Plan]) -> Continuation | None:
        """The guess again, given the first steps of the optimal plan. Called in the same thread as `guesses`.

        ``before``: the guesses that the run has been acting on. None if there is nothing to add to them.
        """
        ...

    def ahead(self, request: PlanRequest, plan: Plan) -> Plan | None:
        """A guess at what follows the pending routes of a plan, beside its own steps. Called as `continuation` is.

        None if nothing is known about them.
        """
        ...

    def chances(self, task: Task, plan: Plan) -> tuple[RouteChances, ...]:
        """How probable the branches of the routes of a task are, given its plan. May be called in any thread."""
        ...

    def advice(self, request: PlanRequest, plan: Plan) -> PlanAdvice:
        """What people may want to know about a plan before it runs. Called in the same thread as `guesses`."""
        ...

    def remember(self, task: Task, plan: Plan) -> None:
        """Learn from the optimal plan of a task. Called in the same thread as `guesses`."""
        ...

    def prepare(self) -> None:
        """Do what the next guess would otherwise begin with, after plans were remembered. In the same thread."""
        ...

    def plan(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
        """Prefixes of the optimal plan as they stream in, then the whole plan. Closing the iterator stops the planner.

        Raises:
            PlanningError: there will be no plan.
        """
        ...


class Drafter(Protocol):
    """A planner that is faster than the optimal one and more often right than the speculative one, for a price."""

    @property
    def usd_per_call(self) -> float:
        """Dollars of one draft."""
        ...

    def expected(self, task: Task) -> LaterGuess:
        """How many seconds after it is asked for a draft is expected, and how often its steps are right."""
        ...

    async def draft(self, request: PlanRequest) -> Plan | None:
        """A guess at the whole plan of a goal; None if there is none. Cancelling the call stops the drafter."""
        ...

    def observe(self, task: Task, draft: Plan | None, plan: Plan, took_s: float) -> None:
        """The optimal plan of a task for which a draft was asked. None: after ``took_s`` there was none yet."""
        ...


class Warming(Protocol):
    """Starts ahead what attempts would wait for. It commits to less than an attempt, and asks no gate."""

    def expect(self, guess: Plan) -> None:
        """A guess was made, whose steps may be dispatched or not. Called on the event loop. Never blocks or raises."""
        ...


class Certifier(Protocol):
    """Makes optimal plans that need no search. Everything else is left to `Planning`."""

    def is_quick(self, request: PlanRequest) -> bool:
        """Whether `plan` may be called on the event loop."""
        ...

    def plan(self, request: PlanRequest) -> Plan | None:
        """The optimal plan, proven; None if that needs a search."""
        ...


class Cluster(Protocol):
    """The cluster as it is now."""

    def snapshot(self) -> ClusterSnapshot:
        """A view from memory that is refreshed in the background. Never blocks."""
        ...


class OutcomeSink(Protocol):
    """Receives outcomes. Never blocks, never raises."""

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Add outcomes."""
        ...

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Outcomes of a task that is excluded from learning: they are counted, and nothing is learned from them."""
        ...


class Observer(Protocol):
    """Counts what a shard does. Never blocks, never raises."""

    def admitted(self, kind: str) -> None:
        """A task of this kind was admitted."""
        ...

    def ended(self, view: TaskView) -> None:
        """A run has ended."""
        ...

    def exposition(self, figures: ShardFigures) -> str:
        """All metrics as Prometheus text, with the shard's figures."""
        ...


class Advice(Protocol):
    """What the learner knows and the operator allows about speculating on a task."""

    def conditions(self, request: PlanRequest, guess: Plan) -> Conditions:
        """The inputs of the gate, from memory. Called in any thread."""
        ...

    def times(self, request: PlanRequest, plan: Plan) -> LearnedTimes | None:
        """When attempts of an optimal plan's steps count as late; None if nothing is learned. Called in any thread."""
        ...

    def reload(self, catalog: Catalog) -> None:
        """The agents of tasks that are submitted from now on."""
        ...

    async def status(self) -> dict[str, Any]:
        """What was learned, for people."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a run depends on.

    Without a certifier, `planning` makes all plans; without a drafter, all guesses; without warming, nothing is started
    but attempts.
    """

    catalog: Catalog
    executor: Executor
    planning: Planning
    cluster: Cluster
    clock: Clock
    outcomes: OutcomeSink
    advice: Advice
    certifier: Certifier | None = None
    drafter: Drafter | None = None
    warming: Warming | None = None
