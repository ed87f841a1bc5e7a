"""One step of a run with everything that is known of it: inputs, placements, attempts, the gate's decision. Pure."""

from collections.abc import Callable, Mapping

from pydantic import Field, JsonValue

from planners.bindings import SPOKEN, Binding, InputRef, StepRef, Value, follow, shorthand
from planners.model import Model, StepId, TaskId, Versioned, canonical_json
from planners.plans import Placement, Plan, PlannedStep
from reconciler.gate import Decision
from reconciler.state.waiting import WaitReason
from reconciler.views.models import PlansView, Timeline, TimelineBar

# A larger value is left out: people read the step, programs read the task.
_MOST_BYTES = 20_000


class StepInput(Model):
    """One input. ``known``: ``value`` is what it is bound to; large outputs of other steps are only referred to."""

    name: str = Field(description="The input's name")
    binding: JsonValue = Field(description="What it is bound to, as people write it")
    known: bool = Field(
        default=False, description="Whether `value` is known: large outputs of other steps are only referred to"
    )
    value: JsonValue = Field(default=None, description="The value")


class StepView(Versioned):
    """One step."""

    task: TaskId = Field(description="The task's id")
    step: StepId = Field(description="The step's id")
    capability: str = Field(
        default="",
        description="What it asks for, by the optimal plan, or by the guess; likewise title, inputs and parents",
    )
    title: str = Field(default="", description="Its title for people")
    inputs: tuple[StepInput, ...] = Field(default=(), description="Its inputs")
    parents: tuple[StepId, ...] = Field(default=(), description="The steps that it depends on")
    speculative: Placement | None = Field(
        default=None, description="Its placement in the guess; None where the guess does not have it"
    )
    optimal: Placement | None = Field(
        default=None,
        description="Its placement in the optimal plan; None where that does not have it, or is not there yet",
    )
    probability: float | None = Field(default=None, description="By the guess, that the optimal plan holds this work")
    decision: Decision | None = Field(
        default=None,
        description="Why the gate refused to start it before the optimal plan, if it refused to the last. The "
        "appraisal of one that it let start is with the attempt",
    )
    attempts: tuple[TimelineBar, ...] = Field(default=(), description="In order of dispatch")
    waiting: WaitReason | None = Field(default=None, description="Why it does not run, if it has not finished")
    skipped: str | None = Field(default=None, description="Why it is not run, if it is skipped")


def no_output(step: StepId) -> JsonValue:
    """Where no outputs are at hand.

    Raises:
        LookupError: always.
    """
    raise LookupError(step)


def step_view(
    step: StepId,
    plans: PlansView,
    timeline: Timeline,
    values: Mapping[str, JsonValue],
    output_of: Callable[[StepId], JsonValue] = no_output,
) -> StepView | None:
    """The step; None if neither plan nor any attempt knows it.

    ``values`` are the inputs of the task. ``output_of`` gives the output of another step, and raises LookupError where
    it is not at hand.
    """
    guess = plans.speculative.by_id.get(step) if plans.speculative else None
    planned = plans.optimal.by_id.get(step) if plans.optimal else None
    attempts = tuple(bar for bar in timeline.bars if bar.step == step)
    waiting = next((reason for reason in timeline.waiting if reason.step == step), None)
    skipped = next((one.reason for one in timeline.skipped if one.id == step), None)
    known = planned or guess
    if known is None and not attempts and waiting is None and skipped is None:
        return None
    return StepView(
        task=timeline.task,
        step=step,
        capability=known.step.capability if known else next((bar.capability for bar in attempts), ""),
        title=known.step.title if known else "",
        inputs=tuple(_input(*each, values, output_of) for each in known.step.inputs.items()) if known else (),
        parents=known.step.parents if known else (),
        speculative=guess.placement if guess else None,
        optimal=planned.placement if planned else None,
        probability=guess.probability if guess else None,
        decision=_decision(timeline, step, planned or guess),
        attempts=attempts,
        waiting=waiting,
        skipped=skipped,
    )


def steps_known(timeline: Timeline, *plans: Plan | None) -> list[StepId]:
    """The steps of plans and timeline, each once, those of the plans first."""
    planned = [step.id for plan in plans if plan is not None for step in plan.steps]
    others = (*(bar.step for bar in timeline.bars), *(one.step for one in timeline.waiting))
    return list(dict.fromkeys((*planned, *others, *(one.id for one in timeline.skipped))))


def _decision(timeline: Timeline, step: StepId, known: PlannedStep | None) -> Decision | None:
    """The last refusal of a guess at the step; of several agents, one of the agent that the step has."""
    refused = [one for one in reversed(timeline.refusals) if one.step == step]
    agent = None if known is None else known.placement.agent
    return next((one for one in refused if one.agent == agent), refused[0] if refused else None)


def _input(
    name: str, binding: Binding, values: Mapping[str, JsonValue], output_of: Callable[[StepId], JsonValue]
) -> StepInput:
    shown = StepInput(name=name, binding=_bounded(shorthand(binding)))
    try:
        match binding:
            case Value(value=literal):
                value = literal
            case InputRef(input=of, path=path):
                value = follow(values[of], path)
            case StepRef(step=of, path=path) if path[:1] not in SPOKEN:
                value = follow(output_of(of), path)
            case _:
                return shown
    except LookupError:
        return shown
    return shown.model_copy(update={"known": True, "value": _bounded(value)})


def _bounded(value: JsonValue) -> JsonValue:
    size = len(canonical_json(value))
    return value if size <= _MOST_BYTES else f"({size} bytes)"
