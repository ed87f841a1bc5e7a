"""Making attempts of planned steps, and the commands that start them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from planners.agents import AgentSpec, Catalog, Effect
from planners.context_keys import keys_of_handoff
from planners.model import AttemptId, NodeId, StepId, TaskId, WorkKey, lean
from planners.plans import Plan, PlannedStep
from planners.tasks import Interchange, Task
from planners.work_keys import InputDigests, work_key
from reconciler.gate import Appraisal, Decision
from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.commands import Dispatch, Source
from reconciler.state.failure_policy import Tries
from reconciler.state.matching import ANY_AGENT
from reconciler.state.outcomes import Verdict
from reconciler.state.sources import AttemptOf, SpokenBy, source

# Agents whose work cannot be undone; see `reconciler.state.matching`.
_ACTING = frozenset({Effect.STAGEABLE, Effect.IRREVERSIBLE})


# Where no timeout is declared, an attempt that takes so many times its learned 90 % quantile hangs.
ADAPTIVE_TIMEOUT_FACTOR = 10.0
ADAPTIVE_TIMEOUT_LEAST_S = 60.0


class Dispatcher:
    """Numbers the attempts of one run and binds their inputs."""

    def __init__(
        self, task_id: TaskId, task: Task, catalog: Catalog, digests: InputDigests, spoken_by: SpokenBy
    ) -> None:
        self._task_id = task_id
        self._task = task
        self._catalog = catalog
        self._digests = digests
        self._spoken_by = spoken_by
        self._interchanges = task.planning.interchange is Interchange.INTERCHANGEABLE
        self._acts = any(agent.effect in _ACTING for agent in catalog.agents)
        self._agentless_keys: dict[AttemptId, WorkKey] = {}
        self._made = 0

    def know(self, attempt: Attempt) -> None:
        """Take note of an attempt that another run has made, so that work behind it can be dispatched."""
        self._agentless_keys[attempt.id] = attempt.agentless_key or attempt.work_key

    def inputs(self, planned: PlannedStep, attempt_of: AttemptOf) -> dict[str, Source]:
        """Where each input of a step lies, given which attempt serves each parent.

        Raises:
            LookupError: a binding leads nowhere.
        """
        inputs = self._task.values
        bound, spoken_by = planned.step.inputs.items(), self._spoken_by
        return {name: source(binding, inputs, attempt_of, spoken_by) for name, binding in bound}

    def confirmed(
        self, planned: PlannedStep, keys: Mapping[StepId, WorkKey], attempt_of: AttemptOf, epoch: int, at_s: float
    ) -> Attempt:
        """An attempt that the optimal plan asks for."""
        return self._attempt(planned, keys, attempt_of, epoch, at_s, verdict=Verdict.COMMIT)

    def speculative(  # noqa: PLR0913 what an attempt is made of
        self,
        planned: PlannedStep,
        keys: Mapping[StepId, WorkKey],
        attempt_of: AttemptOf,
        epoch: int,
        at_s: float,
        *,
        decision: Decision,
        ahead: bool = False,
    ) -> Attempt:
        """An attempt that the gate has allowed; ``ahead`` as in `Attempt`."""
        return self._attempt(
            planned,
            keys,
            attempt_of,
            epoch,
            at_s,
            speculative=True,
            began_speculative=True,
            appraisal=decision.appraisal,
            reason=decision.reason,
            ahead=ahead,
        )

    def hedge(self, first: Attempt, node: NodeId, at_s: float, reason: str) -> Attempt:
        """A second attempt at the work of one that runs."""
        self._made += 1
        attempt = AttemptId(f"{self._task_id}.{self._made}")
        at_once = self._catalog.by_name[first.placement.agent].starts_at_once
        if (agentless_key := self._agentless_keys.get(first.id)) is not None:
            self._agentless_keys[attempt] = agentless_key
        return replace(
            first,
            id=attempt,
            placement=first.placement.model_copy(update={"node": node}),
            dispatched_s=at_s,
            started_s=at_s if at_once else None,
            status=AttemptStatus.RUNNING if at_once else AttemptStatus.DISPATCHED,
            speculative=False,
            began_speculative=False,
            verdict=Verdict.COMMIT,
            confirmed_s=None,
            appraisal=None,
            reason=reason,
            hedges=first.id,
            hedge=True,
        )

    def standby(  # noqa: PLR0913 what an attempt is made of
        self,
        planned: PlannedStep,
        keys: Mapping[StepId, WorkKey],
        attempt_of: AttemptOf,
        epoch: int,
        at_s: float,
        *,
        appraisal: Appraisal,
        reason: str,
    ) -> Attempt:
        """An attempt of the agent that takes over if the output of the planned one is refused.

        It is no guess at a plan, so what becomes of it says nothing about guesses.
        """
        return self._attempt(
            planned, keys, attempt_of, epoch, at_s, speculative=True, appraisal=appraisal, reason=reason, standby=True
        )

    def _attempt(
        self,
        planned: PlannedStep,
        keys: Mapping[StepId, WorkKey],
        attempt_of: AttemptOf,
        epoch: int,
        at_s: float,
        **more: Any,
    ) -> Attempt:
        self._made += 1
        attempt = AttemptId(f"{self._task_id}.{self._made}")
        agent = self._catalog.by_name[planned.placement.agent]
        return Attempt(
            id=attempt,
            step=planned.step,
            placement=planned.placement,
            work_key=keys[planned.id],
            loose_key=work_key(planned.step, ANY_AGENT, keys, self._digests) if self._interchanges else None,
            agentless_key=self._agentless_key(attempt, planned, attempt_of) if self._acts else None,
            epoch=epoch,
            dispatched_s=at_s,
            started_s=at_s if agent.starts_at_once else None,
            status=AttemptStatus.RUNNING if agent.starts_at_once else AttemptStatus.DISPATCHED,
            **more,
        )

    def _agentless_key(self, attempt: AttemptId, planned: PlannedStep, attempt_of: AttemptOf) -> WorkKey:
        """The work key without any agent; the attempts that made its inputs have one."""
        made_by = {parent: self._agentless_keys[attempt_of(parent)] for parent in planned.step.data_parents}
        agentless_key = self._agentless_keys[attempt] = work_key(planned.step, ANY_AGENT, made_by, self._digests)
        return agentless_key

    def command(
        self,
        attempt: Attempt,
        inputs: dict[str, Source],
        tries: Tries,
        late_s: float | None = None,
        *,
        fallback: bool = False,
    ) -> Dispatch:
        """The command that starts an attempt. ``late_s``: the learned 90 % quantile of its seconds, if known."""
        agent: AgentSpec = self._catalog.by_name[attempt.placement.agent]
        order = Dispatch(
            attempt=attempt.id,
            step=attempt.step.id,
            agent=agent.name,
            node=attempt.placement.node,
            inputs=inputs,
            epoch=attempt.epoch,
            # A hedge takes no capacity that confirmed work waits for.
            speculative=attempt.speculative or attempt.hedges is not None,
            effect=agent.effect,
            work_key=attempt.work_key,
            timeout_s=attempt.step.timeout_s or _timeout_s(agent, late_s),
            idle_s=attempt.step.idle_s,
            check=attempt.step.check,
            writes=keys_of_handoff(attempt.step.writes),
            compact=attempt.step.compact,
            mailbox=attempt.step.mailbox,
            refusal=tries.refusal(attempt.work_key),
            fallback=fallback,
            # A hedge must not wait for the work that it repeats, and a refused answer is asked for again.
            cached=agent.cacheable and attempt.step.may_be_cached and attempt.hedges is None,
            discloses=agent.discloses,
        )
        return lean(order)


def with_callbacks(order: Dispatch, plan: Plan) -> Dispatch:
    """The order with the callbacks of a plan that wait behind its step."""
    callbacks = plan.callbacks_after.get(order.step)
    return order if callbacks is None else order.model_copy(update={"callbacks": callbacks})


def _timeout_s(agent: AgentSpec, late_s: float | None) -> float | None:
    """The declared timeout, else one from what was learned. An act that is cut off would be in doubt."""
    declared = "timeout_s" in agent.model_fields_set or agent.effect.never_twice
    if declared or late_s is None:
        return agent.timeout_s
    return max(ADAPTIVE_TIMEOUT_LEAST_S, ADAPTIVE_TIMEOUT_FACTOR * late_s)
