"""Conditions on the results of fan-outs: asked about in the order in which elements succeed, and what an answer means.

An evaluation takes time, and may read large outputs, so the run asks for it as for a plan, and its answer is an event.
One evaluation of a fan-out is made at a time, of the first so many results in their order. Until it is answered,
nothing else about the fan-out is decided: which results it goes on with follows from their order alone, not from how
long an evaluation takes.
"""

from enum import Enum, auto

from planners.bindings import Binding, Value, step_refs
from planners.expressions.quorums import next_evaluation
from planners.model import StepId
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.fan_out_ends import ElementStatus
from reconciler.state.open_fan_outs import OpenFanOut
from reconciler.state.quorum_state import Quorum
from reconciler.state.run_data import RunData
from reconciler.state.sources import source


class Consulted(Enum):
    """What a condition says."""

    AWAITED = auto()
    REACHED = auto()
    FAILED = auto()
    OPEN = auto()


def note_results(run: RunData) -> None:
    """Take in which elements have succeeded, or have lost their outputs, since the last call."""
    fan_outs, quorums = run.fan_outs, run.facts.quorums
    for name in fan_outs.take_recounted(run.is_awaited):
        if (quorum := quorums.get(name)) is not None:
            quorum.known.clear()
            counted = fan_outs.open[name].elements
            for number in [one for one in quorum.order if counted[one].status is not ElementStatus.SUCCEEDED]:
                quorum.lose(number)
    for name, number, gained in fan_outs.take_results(run.is_awaited):
        quorum = quorums.setdefault(name, Quorum())
        if gained:
            quorum.order.setdefault(number)
        else:
            quorum.lose(number)


def consult(run: RunData, fan_out: OpenFanOut) -> Consulted:
    """What the condition of a fan-out says of the results so far; asks where that is not known."""
    quorum = run.facts.quorums.get(fan_out.spec.id)
    if quorum is None or run.is_left(fan_out):  # what is new in there does not run, and has no outputs
        return Consulted.OPEN
    if quorum.answer is not None:
        return Consulted.FAILED if quorum.answer.failure else Consulted.REACHED
    if not quorum.asked:
        wanted = next_evaluation(quorum.evaluated)
        if len(quorum.order) < wanted:
            return Consulted.OPEN
        # A plan says what the outputs of elements with blocks inside are, and what the inputs stand for that it reads.
        if not _is_plan_needed(run) and None not in fan_out.spec.reads.values():
            run.commands.append(_question(run, fan_out, quorum, wanted))
            quorum.asked = wanted
    return Consulted.AWAITED


def evaluated(run: RunData, event: e.QuorumEvaluated) -> None:
    """A condition was evaluated; what that means is decided with whatever else has happened to the fan-out."""
    if not _is_awaited(run, event.fan_out, event.revision, event.results):
        return
    quorum = run.facts.quorums[event.fan_out]
    quorum.asked, quorum.evaluated = 0, event.results
    quorum.answer = event if event.holds or event.failure else None
    if event.fan_out in run.fan_outs.open:
        run.fan_outs.changed[event.fan_out] = None


def is_later(run: RunData, fan_out: OpenFanOut) -> bool:
    """Whether what its condition says became known after `RunData.counts_s`."""
    quorum = run.facts.quorums.get(fan_out.spec.id)
    return quorum is not None and quorum.answer is not None and quorum.answer.at_s > run.counts_s


def awaits(run: RunData, question: c.EvaluateQuorum) -> bool:
    """Whether the answer to a question is still awaited."""
    return _is_awaited(run, question.fan_out, question.revision, len(question.results))


def _is_awaited(run: RunData, fan_out: StepId, revision: int, results: int) -> bool:
    """Whether it is, also while the plan does not hold the fan-out, as the next one may hold it again."""
    quorum, is_complete = run.facts.quorums.get(fan_out), fan_out in run.facts.completions
    return quorum is not None and not is_complete and (quorum.revision, quorum.asked) == (revision, results)


def _is_plan_needed(run: RunData) -> bool:
    """Whether a plan is asked for that the run cannot do without, and nothing of it is there."""
    return run.facts.asks or (run.requests.required and run.epoch != run.requests.requested)


def _question(run: RunData, fan_out: OpenFanOut, quorum: Quorum, count: int) -> c.EvaluateQuorum:
    condition = fan_out.spec.policy.complete_when
    assert condition is not None, "only a fan-out with a condition has results that count in their order"
    numbers = quorum.first(count)
    for number in numbers:
        if number not in quorum.known:
            quorum.known[number] = _result(run, fan_out.spec.results[number] or Value(value=None))
    return c.EvaluateQuorum(
        fan_out=fan_out.spec.id,
        revision=quorum.revision,
        condition=condition,
        results=tuple(quorum.known[number][0] for number in numbers),
        confidences=tuple(quorum.known[number][1] for number in numbers),
        inputs={name: _source(run, read) for name, read in fan_out.spec.reads.items() if read is not None},
    )


def _result(run: RunData, result: Binding) -> tuple[c.Source, float]:
    """Where a result is, and how sure the agents are of it: of several steps the least sure one, 0 if none made it."""
    attempt_of = run.steps.attempt_of
    handoffs = [run.attempts[attempt_of(ref.step)].handoff for ref in step_refs(result)]
    confidence = min((handoff.confidence for handoff in handoffs if handoff is not None), default=0.0)
    return _source(run, result), confidence


def _source(run: RunData, binding: Binding) -> c.Source:
    return source(binding, run.task.values, run.steps.attempt_of, run.attempts.spoken_by)


def answer_to(question: c.EvaluateQuorum, *, holds: bool, failure: str = "") -> e.QuorumEvaluated:
    """The answer to a question."""
    return e.QuorumEvaluated(
        at_s=0,
        fan_out=question.fan_out,
        revision=question.revision,
        results=len(question.results),
        holds=holds,
        failure=failure,
    )
