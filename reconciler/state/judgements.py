"""What people say of the outputs of agents: by an answer to an approval, or by running a step of a good run again."""

from collections.abc import Collection, Iterator

from planners.agents import AgentSpec
from planners.model import StepId
from reconciler.state import events as e
from reconciler.state.attempts import Attempt
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Outcome
from reconciler.state.run_data import RunData


def of_answer(run: RunData, approval: Attempt, answer: e.StepAnswered) -> list[Outcome]:
    """The judgements in a person's answer to an approval that shows outputs.

    Approval accepts all of them. A rejection, or approval with another output in place of the one that is shown,
    refuses it; where several outputs are shown, it is not known which one is meant.
    """
    shown = list(_shown(run, approval))
    if answer.approved and (answer.output is None or _is_shown(run, approval, answer)):
        return [run.outcomes.judged(attempt, accepted=True) for attempt in shown]
    return [run.outcomes.judged(shown[0], accepted=False)] if len(shown) == 1 else []


def of_retry(run: RunData, again: Collection[StepId]) -> list[Outcome]:
    """The judgement in running a step of a run that has succeeded again: its output did not suit.

    Nothing is known where several steps are named: the output of any one of them may be the reason.
    """
    if run.status is not RunStatus.SUCCEEDED or len(again) != 1:
        return []
    attempts = (one for one in run.attempts.values() if one.step.id in again and one.settled)
    return [run.outcomes.judged(one, accepted=False) for one in attempts if _makes_outputs(run.agent_of(one))][-1:]


def _shown(run: RunData, approval: Attempt) -> Iterator[Attempt]:
    """The attempts whose outputs an approval shows."""
    for parent in approval.step.data_parents:
        state = run.steps.get(parent)
        attempt = None if state is None or state.attempt is None else run.attempts[state.attempt]
        if attempt is not None and attempt.settled and _makes_outputs(run.agent_of(attempt)):
            yield attempt


def _is_shown(run: RunData, approval: Attempt, answer: e.StepAnswered) -> bool:
    """Whether the output in an answer is one that is shown, unchanged."""
    outputs = (one.handoff.output for one in _shown(run, approval) if one.handoff is not None)
    return any(answer.output == output for output in outputs)


def _makes_outputs(agent: AgentSpec) -> bool:
    return not agent.built_in
