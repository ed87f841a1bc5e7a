"""Guessed steps before they are scheduled, and alternatives to the best guess."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from planners.bindings import Binding, StepRef, step_refs
from planners.expansion import flatten
from planners.model import StepId
from planners.requests import PlanRequest
from planners.speculative.binding import BoundSteps, first_work
from planners.speculative.cached_plan import CacheHit, still_possible
from planners.speculative.settings import SpeculativeSettings
from planners.workflow import FlatWorkflow, Node, Step, Workflow


@dataclass(frozen=True)
class GuessedWorkflow:
    """Steps without placements. ``probability``: P(the optimal plan has the work of the step), whoever does it.

    A step without an entry in ``probability`` is certain. ``complete``: whether no known step was left out.
    """

    flat: FlatWorkflow
    origin: str
    probability: dict[StepId, float] = field(default_factory=dict)
    complete: bool = True

    @classmethod
    def from_cache(cls, hit: CacheHit, request: PlanRequest, origin: str) -> "GuessedWorkflow":
        """The part of a cached plan that this task's inputs and today's catalog still allow."""
        steps = tuple(still_possible(hit.steps, request))
        ids = {step.id for step in steps}
        outputs: dict[str, Binding] = {
            name: binding
            for name, binding in hit.outputs.items()
            if ids.issuperset(ref.step for ref in step_refs(binding))
        }
        complete = len(outputs) == len(hit.outputs) and len(steps) == len(hit.steps)
        probability = {step: p for step, p in hit.probability.items() if step in ids}
        return cls(FlatWorkflow(steps=steps, outputs=outputs), origin, probability, complete=complete)

    @classmethod
    def from_prediction(cls, bound: BoundSteps, predicted: int) -> "GuessedWorkflow":
        """The bound steps of a predicted plan of ``predicted`` steps."""
        flat = FlatWorkflow(steps=bound.steps, outputs=_final_outputs(bound.steps))
        return cls(flat, "predictor", bound.probability, complete=len(bound.steps) == predicted)

    @classmethod
    def from_declared(cls, workflow: Workflow, request: PlanRequest, max_steps: int) -> "GuessedWorkflow":
        """The first steps of a declared workflow, unrolled: at most one more than ``max_steps``."""
        first = _first_nodes(workflow, max_steps + 1)
        flat = flatten(first, request.task.values, request.known, request.facts, most=max_steps + 1)
        return cls(flat, "declared", complete=first is workflow)

    @property
    def expected_correct(self) -> float:
        """Expected number of steps whose work is right."""
        return sum(self.probability.values())

    @property
    def first_steps(self) -> dict[str, float]:
        """The work of each step without parents, with its probability."""
        return {first_work(step): self.probability.get(step.id, 1.0) for step in self.flat.steps if not step.parents}


def alternatives_to(
    best: GuessedWorkflow, guesses: Iterable[GuessedWorkflow], settings: SpeculativeSettings
) -> Iterator[GuessedWorkflow]:
    """Guesses that share no first step with the best one or with each other, the likeliest first.

    At most one of them is right, so together they may claim no more probability than the best guess leaves. Where they
    claim more, all of their probabilities are scaled down.
    """
    started, others = set(best.first_steps), list[tuple[float, GuessedWorkflow]]()
    for guess in guesses:
        first_steps = guess.first_steps
        if not started & first_steps.keys():
            started |= first_steps.keys()
            others.append((max(first_steps.values()), guess))
    left = 1.0 - max(best.first_steps.values())
    for p, guess in sorted(others, key=lambda other: -other[0])[: settings.alternatives]:
        scale = min(1.0, left / p) if p > 0 else 0.0
        if p * scale < settings.min_alternative:
            return
        left -= p * scale
        yield replace(guess, probability={step: scale * q for step, q in guess.probability.items()})


def _first_nodes(workflow: Workflow, number: int) -> Workflow:
    """The first nodes in declaration order, without those that refer to later ones; the workflow if it is no larger.

    Unrolling looks at every node, and of a large workflow only the first steps can be scheduled in time.
    """
    if len(workflow.steps) <= number:
        return workflow
    first: dict[StepId, Node] = {}
    for node in workflow.steps:
        if len(first) == number:
            break
        if all(ref in first for ref in node.refs):
            first[node.id] = node
    return workflow.model_copy(update={"steps": tuple(first.values()), "outputs": {}}) if first else workflow


def _final_outputs(steps: tuple[Step, ...]) -> dict[str, Binding]:
    """What a goal returns: the outputs of the steps that no other step waits for."""
    read = {parent for step in steps for parent in step.parents}
    return {step.id: StepRef(step=step.id) for step in steps if step.id not in read}
