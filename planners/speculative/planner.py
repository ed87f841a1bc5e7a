"""The speculative planner: the whole decision guessed within a few milliseconds, a probability on each step.

Steps come from the task (declared), from the same shape of goal (plan cache), from a learned predictor, or from the
goal that reads most alike; agents from habit where the optimal planner has one, else from the objective; nodes and
times from list scheduling. Where the goal may well begin otherwise, other guesses follow the first.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol

from pydantic import Field

from planners.agents import Catalog
from planners.bindings import Binding, StepRef, step_refs
from planners.costs import CostModel
from planners.eligibility import Eligibility
from planners.errors import Infeasible
from planners.expansion import flatten
from planners.interfaces import Interface, interfaces
from planners.model import AgentName, Model, StepId, canonical_json
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.speculative.binding import bind
from planners.speculative.cached_plan import CacheHit
from planners.speculative.plan_cache import PlanCache, still_offered
from planners.speculative.predictor import PlanPredictor
from planners.tasks import Mode
from planners.workflow import FlatWorkflow, Step

_log = logging.getLogger(__name__)
# So many steps are always scheduled, however late it is: that takes about 5 ms, and less would be no guess.
_ALWAYS = 32
# Seconds list scheduling takes a step (measured: 0.16 ms at 100 steps on a busy core), until this machine says better.
_STEP_S = 0.0002

# Step -> the agents the optimal planner took for it, with shares, the likeliest first.
_Habits = Callable[[Step], list[tuple[AgentName, float]]]


class ListScheduler(Protocol):
    """A scheduler that answers in milliseconds."""

    def __call__(self, flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Plan:
        """A good plan."""
        ...


class SpeculativeSettings(Model):
    """``budget_s`` bounds a guess: past half of it no predictor is asked, and of large workflows the head is scheduled.

    ``min_habit``: an agent the optimal planner took at least so often is taken over. ``min_likeness``: a goal that
    reads less alike than this tells nothing. Of the predictor's first ``guesses`` the best is taken; among its first
    ``considered`` up to ``alternatives`` are looked for that begin with other work, likely by ``min_alternative``.
    """

    budget_s: float = Field(default=0.02, gt=0)
    min_habit: float = Field(default=0.6, ge=0, le=1)
    min_likeness: float = Field(default=0.5, ge=0, le=1)
    guesses: int = Field(default=3, ge=1)
    considered: int = Field(default=8, ge=1)
    alternatives: int = Field(default=0, ge=0)
    min_alternative: float = Field(default=0.05, gt=0, le=1)


@dataclass
class _Guess:
    """Steps before they have places: P that the optimal plan holds each one's work, agents left aside."""

    flat: FlatWorkflow
    origin: str
    probability: dict[StepId, float] = field(default_factory=dict)
    complete: bool = True

    @property
    def beginnings(self) -> dict[str, float]:
        """The work of the steps that wait for nothing, and P of each."""
        return {
            canonical_json([step.capability, {name: bound.model_dump() for name, bound in step.inputs.items()}]): (
                self.probability.get(step.id, 1.0)
            )
            for step in self.flat.steps
            if not step.parents
        }


class SpeculativePlannerPipeline:
    """Fulfils `planners.requests.SpeculativePlanner`: answers within its budget, never raises."""

    def __init__(  # noqa: PLR0913 -- the parts of a composition, each with a default
        self,
        costs: Callable[[], CostModel],
        memory: PlanCache | None = None,
        predictor: PlanPredictor | None = None,
        *,
        settings: SpeculativeSettings | None = None,
        lister: ListScheduler = list_schedule,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._costs = costs
        self.memory = memory if memory is not None else PlanCache()
        self._predictor = predictor
        self._settings = settings or SpeculativeSettings()
        self._lister = lister
        self._clock = clock
        self._step_s = _STEP_S
        self._offered: tuple[Catalog, Mapping[str, Interface]] | None = None

    def guess(self, request: PlanRequest) -> Plan | None:
        """The plan the optimal planner will probably make; None: no idea, or (in mode plan_cache) never seen."""
        return next(self.guesses(request), None)

    def guesses(self, request: PlanRequest) -> Iterator[Plan]:
        """That plan, then the likeliest that begin with other work: at most one can be right. Each made when asked for.

        The budget is that of the first; what follows has as much once more.
        """
        began_s = self._clock()
        try:
            for guess in self._steps(request, began_s):
                yield self._placed(guess, request, began_s)
        # A guess is a favour: whatever is wrong with it, the task must go on to the optimal planner, which says why.
        except Exception:  # noqa: BLE001
            _log.debug("no guess", exc_info=True)

    def _steps(self, request: PlanRequest, began_s: float) -> Iterator[_Guess]:
        task, only_cache = request.task, request.task.planning.mode is Mode.PLAN_CACHE
        if (known := self.memory.exact(task)) is not None:
            yield from _that_do_something([_recalled(known, request, "plan-cache")])
        elif task.plannable is not None:
            if only_cache and not self.memory.knows_agents(task):
                return
            # One step more than is scheduled, so that what is left out shows.
            flat = flatten(task.plannable, task.values, request.known, most=self._room(began_s) + 1)
            yield from _that_do_something([_Guess(flat, "declared")])
        elif not only_cache:
            yield from self._of_goal(request, began_s)

    def _of_goal(self, request: PlanRequest, began_s: float) -> Iterator[_Guess]:
        """The guess with the most steps expected to be right, then those that begin otherwise."""
        predicted = self._predicted(request, began_s)
        first = list(self._in_time(islice(predicted, self._settings.guesses), began_s))
        known, recalled = self.memory.nearest(request.task), list[_Guess]()
        if known is not None and known.likeness >= self._settings.min_likeness:
            recalled.append(_recalled(known, request, f"retrieval:{known.likeness:.2f}"))
        best = max(_that_do_something([*first, *recalled]), key=_worth, default=None)
        if best is None:
            return
        yield best
        if self._settings.alternatives:
            rest = self._in_time(predicted, self._clock())
            yield from _alternatives(best, _that_do_something([*first, *rest]), self._settings)

    def _predicted(self, request: PlanRequest, began_s: float) -> Iterator[_Guess]:
        """The predictor's guesses, each bound when it is asked for."""
        task, settings = request.task, self._settings
        if self._predictor is None or task.goal is None or self._spent(began_s) > 0.5:
            return
        offered = self._interfaces(request.catalog)
        wanted = max(settings.guesses, settings.considered if settings.alternatives else 0)
        for guessed in self._predictor.predict(task.goal, wanted):
            bound = bind(guessed, task, offered, self.memory)
            yield _Guess(
                FlatWorkflow(steps=bound.steps, outputs=_ends(bound.steps)),
                "predictor",
                bound.probability,
                complete=len(bound.steps) == len(guessed.steps),
            )

    def _in_time(self, guesses: Iterator[_Guess], began_s: float) -> Iterator[_Guess]:
        """Those that are there before half of the budget is gone, and one at least."""
        for guess in guesses:
            yield guess
            if self._spent(began_s) > 0.5:
                return

    def _interfaces(self, catalog: Catalog) -> Mapping[str, Interface]:
        """Made once for a catalog that is asked about again and again: it takes as long as the rest of a guess."""
        if self._offered is None or self._offered[0] is not catalog:
            self._offered = catalog, interfaces(catalog)
        return self._offered[1]

    def _placed(self, guess: _Guess, request: PlanRequest, began_s: float) -> Plan:
        flat, whole = self._head(guess.flat, began_s)
        habits = self.memory.agents(request.task)
        agents = self._habitual(flat, request, habits)
        pinned = flat.model_copy(
            update={
                "steps": tuple(
                    step.model_copy(update={"agent": agents[step.id]}) if step.id in agents else step
                    for step in flat.steps
                )
            }
        )
        scheduling_s, costs = self._clock(), self._costs()
        try:
            plan = self._lister(pinned, request, costs)
        except Infeasible:
            if not agents:
                raise
            # The usual agents fit nowhere any more, or cost more than this task has: others may do.
            plan = self._lister(flat, request, costs)
        self._learn_speed(self._clock() - scheduling_s, len(flat.steps))
        likely = self._probabilities(plan, guess, request, habits)
        return plan.model_copy(
            update={
                "kind": PlanKind.SPECULATIVE,
                "steps": tuple(
                    planned.model_copy(update={"step": flat.by_id[planned.id], "probability": likely[planned.id]})
                    for planned in plan.steps
                ),
                "complete": whole and guess.complete,
                "origin": f"{guess.origin}+{plan.origin}",
                "planning_s": max(0.0, self._clock() - began_s),
            }
        )

    def _spent(self, began_s: float) -> float:
        """The share of the budget that is gone."""
        return (self._clock() - began_s) / self._settings.budget_s

    def _head(self, flat: FlatWorkflow, began_s: float) -> tuple[FlatWorkflow, bool]:
        """As many steps, in topological order, as the rest of the budget will schedule; the first ones matter most."""
        room = self._room(began_s)
        if room >= len(flat.steps):
            return flat, True
        return flat.model_copy(update={"steps": flat.steps[:room], "outputs": {}}), False

    def _room(self, began_s: float) -> int:
        left_s = self._settings.budget_s - (self._clock() - began_s)
        return max(_ALWAYS, int(left_s / self._step_s))

    def _learn_speed(self, took_s: float, steps: int) -> None:
        if steps > _ALWAYS:
            self._step_s = (self._step_s + took_s / steps) / 2

    def _habitual(self, flat: FlatWorkflow, request: PlanRequest, habits: _Habits) -> dict[StepId, AgentName]:
        """The agents that the optimal planner is in the habit of taking, where they still may do the step."""
        chosen = dict[StepId, AgentName]()
        for step in flat.steps:
            may = _candidates(step, request)
            for agent, share in habits(step)[:1]:
                if share >= self._settings.min_habit and agent in may and step.agent is None:
                    chosen[step.id] = agent
        return chosen

    def _probabilities(self, plan: Plan, guess: _Guess, request: PlanRequest, habits: _Habits) -> dict[StepId, float]:
        """P(step) = P(its work) * product of P(agent) over the distinct choices of itself and its data ancestors.

        The copies of a step are given to an agent together more often than not, so one capability and agent counts
        once in the product: independent choices would make the end of a wide fan-in look hopeless.
        """
        costs = self._costs()
        choices: dict[StepId, dict[tuple[str, AgentName], float]] = {}
        likely: dict[StepId, float] = {}
        for planned in plan.steps:
            step, agent = guess.flat.by_id[planned.id], planned.placement.agent
            above: dict[tuple[str, AgentName], float] = {}
            for parent in step.data_parents:
                above |= choices.get(parent, {})
            if len(_candidates(step, request)) > 1:
                shares = dict(habits(step))
                spec = request.catalog.by_name[agent]
                above[step.capability, agent] = shares.get(agent, 0.05) if shares else costs.survival(spec)
            choices[step.id] = above
            p = guess.probability.get(step.id, 1.0)
            for share in above.values():
                p *= share
            likely[step.id] = min(1.0, max(0.0, p))
        return likely


def _recalled(known: CacheHit, request: PlanRequest, origin: str) -> _Guess:
    """What memory holds, as far as it can still be done with this task's inputs and today's catalog."""
    steps = tuple(still_offered(known.steps, request.catalog, request.task.values))
    there = {step.id for step in steps}
    outputs: dict[str, Binding] = {
        name: binding
        for name, binding in known.outputs.items()
        if there.issuperset(ref.step for ref in step_refs(binding))
    }
    whole = len(outputs) == len(known.outputs) and len(steps) == len(known.steps)
    likely = {step: p for step, p in known.probability.items() if step in there}
    return _Guess(FlatWorkflow(steps=steps, outputs=outputs), origin, likely, complete=whole)


def _that_do_something(guesses: Iterable[_Guess]) -> Iterator[_Guess]:
    return (guess for guess in guesses if guess.flat.steps)


def _alternatives(best: _Guess, guesses: Iterable[_Guess], settings: SpeculativeSettings) -> Iterator[_Guess]:
    """What may be right if the beginning of the best guess is not, the likeliest first.

    Of plans that begin differently at most one is right, so together they are no likelier than the best leaves room
    for: where they claim more, all of their probabilities are scaled down.
    """
    begun, others = set(best.beginnings), list[tuple[float, _Guess]]()
    for guess in guesses:
        beginnings = guess.beginnings
        if not begun & beginnings.keys():
            begun |= beginnings.keys()
            others.append((max(beginnings.values()), guess))
    left = 1.0 - max(best.beginnings.values())
    for p, guess in sorted(others, key=lambda other: -other[0])[: settings.alternatives]:
        scale = min(1.0, left / p) if p > 0 else 0.0
        if p * scale < settings.min_alternative:
            return
        left -= p * scale
        yield replace(guess, probability={step: scale * q for step, q in guess.probability.items()})


def _ends(steps: tuple[Step, ...]) -> dict[str, Binding]:
    """What a goal returns: the outputs of the steps that nobody waits for."""
    read = {parent for step in steps for parent in step.parents}
    return {step.id: StepRef(step=step.id) for step in steps if step.id not in read}


def _candidates(step: Step, request: PlanRequest) -> list[AgentName]:
    rule = Eligibility.of_task(request.task, excluded=request.without_agents)
    return [agent.name for agent in rule.agents(step, request.catalog)]


def _worth(guess: _Guess) -> float:
    """Steps expected to be right."""
    return sum(guess.probability.values())
