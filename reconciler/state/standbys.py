"""Small first, and fast: the agent that would take over is started beside one whose output may be refused.

A *standby* is an attempt of that agent at the same step. No plan holds it, so it is speculative: pure or idempotent,
and started only if the gate says that it pays, with the probability P that all outputs of the first agent are refused.
When an output of the first agent is accepted, the standby is flushed. When all are refused, the next plan gives the
step to the other agent and finds the work under way.
"""

from collections import ChainMap
from functools import partial
from itertools import count

from planners.model import WorkKey
from planners.plans import PlannedStep
from planners.tasks import Mode
from planners.work_keys import work_key
from reconciler.gate.appraisal import Appraisal
from reconciler.gate.hedges import pays, standby_appraisal
from reconciler.state.attempts import Attempt
from reconciler.state.conclusion import flush
from reconciler.state.failures import serves
from reconciler.state.hedging import has_inputs, may_hedge
from reconciler.state.learned_times import Takeover
from reconciler.state.outcomes import Verdict
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus

_DONE = (StepStatus.FINISHED, StepStatus.SKIPPED, StepStatus.FAILED)


def meet_standbys(run: RunData) -> None:
    """Flush the standbys of steps that are done, and start those of attempts that have just been dispatched."""
    for step in dict.fromkeys(run.steps.changed):
        standby, state = run.standbys.get(step), run.steps.get(step)
        if standby is not None and state is not None and state.status in _DONE and run.attempts[standby].unconfirmed:
            flush(run, {standby: Verdict.FLUSH})
    if not run.late.takeovers or run.plan is None or run.task.planning.mode is not Mode.FORERUN:
        return
    for first in run.changed:
        takeover = run.late.takeovers.get(first.step.id)
        if takeover is not None and _may_start(run, first, takeover):
            _start(run, first, takeover)


def _may_start(run: RunData, first: Attempt, takeover: Takeover) -> bool:
    placement, requests = takeover.placement, run.requests
    agent = run.catalog.by_name.get(placement.agent)
    confirmed = first.live and first.verdict is not None and first.verdict.survives and first.hedges is None
    return (
        confirmed
        and first.placement.agent == takeover.first
        and first.step.id not in run.standbys
        and serves(run, first.id, first.step)
        and agent is not None
        and may_hedge(agent, first.step)
        and placement.agent not in requests.excluded(first.step.id)
        and placement.node not in requests.without_nodes
        and has_inputs(run, first)
    )


def _start(run: RunData, first: Attempt, takeover: Takeover) -> None:
    assert run.plan is not None
    appraisal = _appraisal(run, first, takeover)
    planning, budget_usd = run.task.planning, run.task.limits.budget_usd
    spending = run.attempts.spending
    needed_usd = spending.confirmed_usd + spending.reserved_usd + appraisal.risked_usd
    affordable = budget_usd is None or needed_usd <= budget_usd
    if not affordable or not pays(appraisal, planning.value_of_time_usd_per_s, planning.alpha):
        return
    planned = run.plan.by_id[first.step.id].model_copy(update={"placement": takeover.placement})
    key = _free_key(run, planned)
    inputs = run.dispatcher.inputs(planned, run.steps.attempt_of)
    reason = f"standby: {takeover.first} is refused with P = {takeover.refused:.2g}; saves {appraisal.saved_s:.2g} s"
    keys = ChainMap({planned.id: key}, run.keys)
    standby = run.dispatcher.standby(
        planned, keys, run.steps.attempt_of, run.epoch, run.at_s, appraisal=appraisal, reason=reason
    )
    run.standbys[first.step.id] = standby.id
    run.attempts.put(standby)
    run.commands.append(run.dispatcher.command(standby, inputs, run.tries))


def _free_key(run: RunData, planned: PlannedStep) -> WorkKey:
    """The key that the step has with that agent; like steps are numbered."""
    taken = {attempt.work_key for attempt in run.attempts.current()} | set(run.keys.values())
    identity = run.catalog.by_name[planned.placement.agent].identity
    keys = (work_key(planned.step, identity, run.keys, run.digests, number) for number in count())
    return next(key for key in keys if key not in taken)


def _appraisal(run: RunData, first: Attempt, takeover: Takeover) -> Appraisal:
    assert run.plan is not None
    placement, rest_s = takeover.placement, partial(run.late.rest_s, run.plan)
    agent, first_s = run.catalog.by_name[placement.agent], first.placement.duration_s
    return standby_appraisal(
        refused=takeover.refused,
        given_up_s=takeover.given_up_s,
        first_s=first_s,
        duration_s=placement.duration_s,
        rest_s=rest_s(first.step.id),
        others_end_s=run.late.ends.latest_s(run.at_s, run.plan, run.attempts, rest_s, without=first),
        usd=placement.usd,
        value_usd_per_s=run.task.planning.value_of_time_usd_per_s,
        delay_usd=run.late.contention.usd(agent, placement.node, min(first_s, placement.duration_s)),
    )
