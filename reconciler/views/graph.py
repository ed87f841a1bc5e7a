"""Both plans of a run as one graph: every step once, with what the plans say of it and how they differ. Pure."""

from collections.abc import Callable
from enum import StrEnum

from pydantic import Field

from planners.model import AgentName, Model, NodeId, StepId, TaskId, Versioned, WorkKey
from planners.plans import Plan, PlannedStep
from planners.speculative.route_chances import RouteChances
from planners.tasks import Task
from planners.workflow import Pending, Skipped


class StepRelation(StrEnum):
    """How a step of the graph stands in the two plans.

    ``same``: both hold the same work at the same position. ``moved``: the same work at another position. ``changed``:
    other work at the same position. ``planned``: only the optimal plan has it. ``guessed``: only the guess has it.
    """

    SAME = "same"
    MOVED = "moved"
    CHANGED = "changed"
    PLANNED = "planned"
    GUESSED = "guessed"


class GraphStep(Model):
    """One step."""

    id: StepId = Field(description="Its id in the optimal plan, or in the guess where only that has it")
    capability: str = Field(description="What the step asks for")
    title: str = Field(default="", description="Its title for people")
    parents: tuple[int, ...] = Field(
        default=(), description="The positions, in ``RunGraph.steps``, of the steps it depends on"
    )
    relation: StepRelation = Field(description="How it stands in the two plans")
    agent: AgentName = Field(
        description="By the optimal plan, or by the guess where only that has it; likewise node, start and duration"
    )
    node: NodeId = Field(description="The node, likewise")
    start_s: float = Field(default=0.0, description="Seconds from when the plan was requested")
    duration_s: float = Field(default=0.0, description="Expected seconds, likewise")
    guessed_as: StepId | None = Field(
        default=None,
        description="Its id in the guess; None where the guess does not have it. Likewise agent, node and probability",
    )
    guessed_agent: AgentName | None = Field(default=None, description="Its agent in the guess")
    guessed_node: NodeId | None = Field(default=None, description="Its node in the guess")
    probability: float | None = Field(default=None, description="By the guess, that the optimal plan holds this work")


class PlanSummary(Model):
    """One plan without its steps."""

    origin: str = Field(default="", description="The planner")
    steps: int = Field(default=0, description="Number of steps")
    complete: bool = Field(default=True, description="False while the plan is streaming")
    planning_s: float = Field(default=0.0, description="Seconds of planning")
    makespan_s: float = Field(default=0.0, description="Expected end of the last step")
    usd: float = Field(default=0.0, description="Expected dollars")
    gap: float | None = Field(default=None, description="Relative distance of objective and bound")

    @classmethod
    def of(cls, plan: Plan) -> "PlanSummary":
        """The summary of a plan."""
        return cls(
            origin=plan.origin,
            steps=len(plan.steps),
            complete=plan.complete,
            planning_s=plan.planning_s,
            makespan_s=plan.makespan_s,
            usd=plan.usd,
            gap=plan.gap,
        )


class RunGraph(Versioned):
    """The steps of both plans, those of the optimal plan first, and the blocks that are not unrolled yet."""

    task: TaskId = Field(description="The task's id")
    steps: tuple[GraphStep, ...] = Field(default=(), description="The steps, those of the optimal plan first")
    pending: tuple[Pending, ...] = Field(default=(), description="Nodes that can be planned once an output is known")
    skipped: tuple[Skipped, ...] = Field(default=(), description="Nodes that the optimal plan does not run, and why")
    speculative: PlanSummary | None = Field(default=None, description="The last guess")
    optimal: PlanSummary | None = Field(default=None, description="The optimal plan")
    routes: tuple[RouteChances, ...] = Field(default=(), description="How probable the branches of its routes are")


# The chances of the routes of a task, given its plan.
Chances = Callable[[Task, Plan], tuple[RouteChances, ...]]


def run_graph(task: TaskId, guess: Plan | None, plan: Plan | None, routes: tuple[RouteChances, ...] = ()) -> RunGraph:
    """The graph of a guess and a plan, either of which may be missing. Linear in steps and edges."""
    guessed, planned = guess.steps if guess else (), plan.steps if plan else ()
    match = _match(guessed, planned)
    found = {planned_id: step for step in guessed if (planned_id := match.get(step.id)) is not None}
    places = {step.id: place for place, step in enumerate(planned)}
    only_guessed = [step for step in guessed if step.id not in match]
    # Where the guess refers to a step: at its own place, or at that of the work which it was matched with.
    guess_places = {step.id: places[match[step.id]] for step in guessed if step.id in match}
    guess_places |= {step.id: place for place, step in enumerate(only_guessed, len(planned))}
    steps = [_planned_step(step, found.get(step.id), places) for step in planned]
    steps += [_node(step, StepRelation.GUESSED, step, guess_places) for step in only_guessed]
    return RunGraph(
        task=task,
        steps=tuple(steps),
        pending=plan.pending if plan else (),
        skipped=plan.skipped if plan else (),
        speculative=PlanSummary.of(guess) if guess else None,
        optimal=PlanSummary.of(plan) if plan else None,
        routes=routes,
    )


def _match(guessed: tuple[PlannedStep, ...], planned: tuple[PlannedStep, ...]) -> dict[StepId, StepId]:
    """Steps of the guess -> the steps of the plan with the same work, or else with the same id; each at most once."""
    by_id = {step.id: step for step in planned}
    match = {step.id: step.id for step in guessed if step.id in by_id and by_id[step.id].work_key == step.work_key}
    by_work: dict[WorkKey, list[StepId]] = {}
    for step in reversed(planned):
        if step.id not in match:
            by_work.setdefault(step.work_key, []).append(step.id)
    for step in guessed:
        if step.id not in match and by_work.get(step.work_key):
            match[step.id] = by_work[step.work_key].pop()
    free = by_id.keys() - match.values()
    match |= {step.id: step.id for step in guessed if step.id not in match and step.id in free}
    return match


def _planned_step(step: PlannedStep, guess: PlannedStep | None, places: dict[StepId, int]) -> GraphStep:
    if guess is None:
        relation = StepRelation.PLANNED
    elif guess.work_key != step.work_key:
        relation = StepRelation.CHANGED
    else:
        relation = StepRelation.SAME if guess.id == step.id else StepRelation.MOVED
    return _node(step, relation, guess, places)


def _node(step: PlannedStep, relation: StepRelation, guess: PlannedStep | None, places: dict[StepId, int]) -> GraphStep:
    placement = step.placement
    return GraphStep(
        id=step.id,
        capability=step.step.capability,
        title=step.step.title,
        parents=tuple(places[parent] for parent in step.step.parents if parent in places),
        relation=relation,
        agent=placement.agent,
        node=placement.node,
        start_s=placement.start_s,
        duration_s=placement.duration_s,
        guessed_as=guess and guess.id,
        guessed_agent=guess and guess.placement.agent,
        guessed_node=guess and guess.placement.node,
        probability=guess and guess.probability,
    )
