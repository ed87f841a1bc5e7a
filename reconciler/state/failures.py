"""Carrying out the failure policy for one step: retry it, block it until a new plan, or fail the run."""

from planners.agents import REMOTE_KINDS, AgentSpec
from planners.model import AttemptId
from planners.policies import OnFailure
from planners.tasks import Mode
from planners.workflow import Step
from reconciler.state import commands as c
from reconciler.state.attempts import Attempt
from reconciler.state.failure_policy import FailRun, PlanAround, RetryLater, after_failure, others_can
from reconciler.state.giving_up import await_plan, give_up
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run_data import RunData


def apply_policy(  # noqa: PLR0913 one decision about one step
    run: RunData, step: Step, agent: AgentSpec, failure: Failure, failed_at_s: float, *, repeatable: bool = False
) -> None:
    """Decide about a step of the plan whose work has failed, and carry the decision out.

    Args:
        run: the run.
        step: the step, as the plan holds it.
        agent: the agent that failed.
        failure: the failure, already recorded in ``run.tries``.
        failed_at_s: when it failed.
        repeatable: whether an irreversible agent is known not to have acted.
    """
    state = run.steps[step.id]
    others = run.task.planning.mode is not Mode.ORACLE and others_can(
        step, agent.name, run.task, run.catalog, run.requests.excluded(step.id)
    )
    tries = run.tries.used(state.work_key)
    match after_failure(agent, failure, tries, failed_at_s, others=others, repeatable=repeatable, step=step):
        case RetryLater(at_s=at_s):
            run.steps.retry(step.id, run.at_s, at_s, f"failed: {failure.told}")
            if at_s > run.at_s:
                run.commands.append(c.WakeAt(at_s=at_s))
        case PlanAround():
            if failure.kind is FailureKind.BAD_OUTPUT:  # the agent may do well elsewhere
                run.requests.refuse(step.id, agent.name)
            else:
                run.requests.without_agents[agent.name] = None
            run.steps.block(step.id, run.at_s, c.PlanReason.AGENT_FAILED, agent=agent.name)
        case FailRun() if run.steps.open_parents(step.id) and not agent.effect.never_twice:
            # It ran ahead of what it follows. If that fails, the step may not be needed, or have other inputs.
            run.steps.retry(step.id, run.at_s, run.at_s, f"failed ahead of what it follows: {failure.told}")
        case FailRun() if run.plan_is_coming and _is_decided_by_plan(run, step):
            await_plan(run, step.id)
        case FailRun():
            after = f" after {tries} tries" if tries > 1 else ""
            message = f"step '{step.id}' failed{after}: {failure.told}"
            named = failure.with_evidence(tries=tries).model_copy(update={"message": message})
            give_up(run, step, named, failure.told)


def _is_decided_by_plan(run: RunData, step: Step) -> bool:
    """Whether it depends on the plan that is coming if the failure of the step counts, or what fails with it.

    Otherwise many optional steps that fail together would wait for one plan each.
    """
    around = (fan_out for fan_out, _ in run.fan_outs.having(step.id))
    return step.on_failure is OnFailure.FAIL or run.is_undecided(step.id) or any(map(run.is_awaited, around))


def has_fallback(run: RunData, attempt: Attempt) -> bool:
    """Whether another agent can do the work of an attempt if its own does not answer."""
    agent = run.agent_of(attempt)
    if attempt.verdict is None or not (agent.kind in REMOTE_KINDS or agent.provider is not None):
        return False
    return run.task.planning.mode is not Mode.ORACLE and others_can(
        attempt.step, agent.name, run.task, run.catalog, run.requests.excluded(attempt.step.id)
    )


def serves(run: RunData, attempt: AttemptId, step: Step) -> bool:
    """Whether the plan's step is done by this attempt."""
    state = run.steps.get(step.id)
    return state is not None and state.attempt == attempt
