"""The speculative planner: guesses the whole plan within a few milliseconds, with a probability on each step.

Steps come from the task (declared), from a past goal with the same template (the plan cache), from a learned predictor,
or from the most similar past goal. Agents are those that the optimal planner usually chose, else the objective decides;
nodes and times come from list scheduling. Where the first steps are uncertain, alternative guesses follow the first.
"""

import logging
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import islice

from planners.agents import Catalog
from planners.costs import CostModel
from planners.errors import Infeasible
from planners.guesses import DRAFT
from planners.interfaces import Interface, interfaces
from planners.model import AgentName, StepId
from planners.plans import Plan, PlanKind
from planners.requests import Continuation, PlanRequest
from planners.schedulers import ListScheduler
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.shortening import hints
from planners.speculative.agent_choices import survival_probabilities, usual_agents
from planners.speculative.ahead import workflow_ahead
from planners.speculative.binding import bind
from planners.speculative.cached_plan import CacheHit
from planners.speculative.cheaper_agents import cheaper_agents, with_agents
from planners.speculative.continuation import CONSIDERED, confirmed_steps, unlikely_works
from planners.speculative.guessed_workflow import GuessedWorkflow, alternatives_to
from planners.speculative.plan_advice import PlanAdvice
from planners.speculative.plan_cache import PlanCache
from planners.speculative.predictor import PlanPredictor
from planners.speculative.route_chances import RouteChances, route_chances
from planners.speculative.settings import SpeculativeSettings
from planners.speculative.time_budget import SchedulingSpeed, TimeBudget
from planners.tasks import Mode, Task
from planners.workflow import FlatWorkflow

_log = logging.getLogger(__name__)
_EXACT = "plan-cache"
# Origins of guesses that a prediction does not replace while the plan goes as they say.
_SURE = (_EXACT, DRAFT)


class SpeculativePlannerPipeline:
    """Fulfils `planners.requests.SpeculativePlanner`: answers within its budget and never raises.

    Thread-safe: threads may guess while another one calls ``cache.remember``. A guess takes the time of its budget, of
    which little is interruptible; an event loop that must not wait so long asks from a thread. The budget is CPU time,
    so that a thread which waits for the interpreter or for a core, as it does when several tasks come at once, guesses
    as much as any other. All guesses at one request are made in one thread.
    """

    def __init__(  # noqa: PLR0913 -- the parts of a composition, each with a default
        self,
        costs: Callable[[], CostModel],
        cache: PlanCache | None = None,
        predictor: PlanPredictor | None = None,
        *,
        settings: SpeculativeSettings | None = None,
        list_scheduler: ListScheduler = list_schedule,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Set up. ``clock``: of the budget; None for the CPU time of the thread that guesses."""
        self.cache = cache if cache is not None else PlanCache()
        self._costs = costs
        self._predictor = predictor
        self._settings = settings or SpeculativeSettings()
        self._list_scheduler = list_scheduler
        self._clock = clock or time.thread_time
        self._speed = SchedulingSpeed()
        self._offered: tuple[Catalog, Mapping[str, Interface]] | None = None

    def guess(self, request: PlanRequest) -> Plan | None:
        """The plan that the optimal planner will probably make; None if there is none (in mode plan_cache: cached)."""
        return next(self.guesses(request), None)

    def guesses(self, request: PlanRequest) -> Iterator[Plan]:
        """That plan, then the likeliest plans with other first steps, of which at most one can be right.

        Each is made when it is asked for. The alternatives together have the budget of the first plan once more.
        """
        try:
            budget = self._new_budget()
            for guess in self._workflows(request, budget):
                yield self._scheduled(guess, request, budget)
        # A task goes on without a guess. If the task itself is at fault, the optimal planner says so.
        except Exception:  # noqa: BLE001
            _log.debug("no guess", exc_info=True)

    def continuation(self, request: PlanRequest, prefix: Plan, before: Sequence[Plan]) -> Continuation | None:
        """The guess at the plan of a goal again, given its first steps; ``before``: the guesses acted on so far.

        None where there is nothing to add: the guess in hand is a draft, or the last plan of the same goal, and begins
        like that.
        """
        try:
            return self._continuation(request, prefix, before)
        # A task goes on with the guesses it has.
        except Exception:  # noqa: BLE001
            _log.debug("no continuation", exc_info=True)
            return None

    def ahead(self, request: PlanRequest, plan: Plan) -> Plan | None:
        """A guess at what follows the pending routes of a plan, together with the plan's own steps.

        None if nothing is known about them.
        """
        try:
            guess = workflow_ahead(request, plan, self.cache)
            if guess is None:
                return None
            agents = {planned.id: planned.placement.agent for planned in plan.steps}
            return self._scheduled(guess, request, self._new_budget(), agents)
        # A task goes on with its plan.
        except Exception:  # noqa: BLE001
            _log.debug("no guess at what follows", exc_info=True)
            return None

    def chances(self, task: Task, plan: Plan) -> tuple[RouteChances, ...]:
        """How probable the branches of the routes of a task are, given its plan. May be called in any thread."""
        return route_chances(task, plan, lambda route, options: self.cache.branch_shares(task, route, options))

    def advice(self, request: PlanRequest, plan: Plan) -> PlanAdvice:
        """What people may want to know about a plan before it runs. Takes longer than a guess."""
        return PlanAdvice(
            routes=self.chances(request.task, plan),
            cheaper=cheaper_agents(request, plan, self._list_scheduler, self._costs()),
            hints=hints(plan, request.catalog),
        )

    def _continuation(self, request: PlanRequest, prefix: Plan, before: Sequence[Plan]) -> Continuation | None:
        task = request.task
        if self._predictor is None or task.goal is None or task.planning.mode is Mode.PLAN_CACHE:
            return None
        if not self._settings.revises:
            return None
        works = {planned.work_key for planned in prefix.steps}
        if before and before[-1].origin.startswith(_SURE) and works <= {one.work_key for one in before[-1].steps}:
            return None
        guesses = self._predictor.continuations(task.goal, confirmed_steps(prefix), CONSIDERED, task.kind)
        if not guesses:
            return None
        known = [planned.step for planned in prefix.steps]
        bound = bind(guesses[0], task, self._interfaces(request.catalog), self.cache, known)
        workflow = GuessedWorkflow.from_prediction(bound, len(guesses[0].steps))
        agents = {planned.id: planned.placement.agent for planned in prefix.steps}
        plan = self._scheduled(workflow, request, self._new_budget(), agents)
        unlikely = unlikely_works(guesses, before, works | {planned.work_key for planned in plan.steps})
        return Continuation(plan, unlikely)

    def _workflows(self, request: PlanRequest, budget: TimeBudget) -> Iterator[GuessedWorkflow]:
        task, only_cache = request.task, request.task.planning.mode is Mode.PLAN_CACHE
        # A plan of the cache holds all turns of a loop, and a request is about those that have not finished.
        hit = None if request.facts.loops else self.cache.exact(task)
        if hit is not None and (only_cache or task.goal is None or hit.is_sure):
            guess = GuessedWorkflow.from_cache(hit, request, _EXACT)
        elif task.plannable is not None:
            if only_cache and not self.cache.knows_workflow(task):
                return
            guess = GuessedWorkflow.from_declared(task.plannable, request, budget.steps_left)
        elif only_cache:
            return
        else:
            yield from self._of_goal(request, budget, hit)
            return
        if guess.flat.steps:
            yield guess

    def _of_goal(self, request: PlanRequest, budget: TimeBudget, exact: CacheHit | None) -> Iterator[GuessedWorkflow]:
        """The guess with the most steps expected to be right, then those with other first steps.

        ``exact``: what the plan cache holds for the goal, if its plans differed.
        """
        started = set[str]()
        predicted = self._predicted(request, budget, started)
        first = list(_in_time(islice(predicted, self._settings.guesses), budget))
        cached = list[GuessedWorkflow]()
        if exact is not None:
            cached.append(GuessedWorkflow.from_cache(exact, request, _EXACT))
        elif (hit := self.cache.nearest(request.task, self._settings.min_similarity)) is not None:
            cached.append(GuessedWorkflow.from_cache(hit, request, f"retrieval:{hit.similarity:.2f}"))
        guesses = [guess for guess in (*first, *cached) if guess.flat.steps]
        if not guesses:
            return
        best = max(guesses, key=lambda guess: guess.expected_correct)
        yield best
        if self._settings.alternatives:
            started.update(best.first_steps)
            rest = _in_time(predicted, self._new_budget())
            others = [guess for guess in (*first, *rest) if guess.flat.steps]
            yield from alternatives_to(best, others, self._settings)

    def _predicted(
        self, request: PlanRequest, budget: TimeBudget, started: Container[str]
    ) -> Iterator[GuessedWorkflow]:
        """The predictor's guesses, each bound when it is asked for; without steps if a first one has ``started``."""
        task, settings = request.task, self._settings
        if self._predictor is None or task.goal is None or budget.half_spent:
            return
        offered = self._interfaces(request.catalog)
        wanted = max(settings.guesses, settings.considered if settings.alternatives else 0)
        for guessed in self._predictor.predict(task.goal, wanted, task.kind):
            bound = bind(guessed, task, offered, self.cache, unwanted=started)
            yield GuessedWorkflow.from_prediction(bound, len(guessed.steps))

    def _interfaces(self, catalog: Catalog) -> Mapping[str, Interface]:
        """Computed once per catalog: it takes as long as the rest of a guess."""
        offered = self._offered
        if offered is None or offered[0] is not catalog:
            self._offered = offered = catalog, interfaces(catalog)
        return offered[1]

    def _scheduled(
        self,
        guess: GuessedWorkflow,
        request: PlanRequest,
        budget: TimeBudget,
        known: Mapping[StepId, AgentName] | None = None,
    ) -> Plan:
        """The guess with agents, nodes and times. ``known``: agents that the optimal plan has chosen."""
        flat, shares, certain = budget.affordable(guess.flat), self.cache.agent_shares(request.task), known or {}
        agents = {**usual_agents(flat, request, shares, self._settings.min_agent_share), **certain}
        plan = self._list_schedule(flat, agents, request, certain)
        # The agents of the placements are guesses; the steps themselves do not ask for them.
        steps = tuple(planned.model_copy(update={"step": flat.by_id[planned.id]}) for planned in plan.steps)
        plan = plan.model_copy(update={"steps": steps})
        likely = survival_probabilities(plan, guess.probability, request, shares, self._costs(), certain=certain)
        return plan.model_copy(
            update={
                "kind": PlanKind.SPECULATIVE,
                "steps": tuple(step.model_copy(update={"probability": likely[step.id]}) for step in steps),
                "complete": guess.complete and len(flat.steps) == len(guess.flat.steps),
                "origin": f"{guess.origin}+{plan.origin}",
                "planning_s": budget.elapsed_s,
            }
        )

    def _list_schedule(
        self,
        flat: FlatWorkflow,
        agents: Mapping[StepId, AgentName],
        request: PlanRequest,
        certain: Mapping[StepId, AgentName],
    ) -> Plan:
        began_s, costs = self._clock(), self._costs()
        try:
            plan = self._list_scheduler(with_agents(flat, agents), request, costs)
        except Infeasible:
            if not agents:
                raise
            # The usual agents no longer fit anywhere, or cost more than this task has; others may do.
            plan = self._list_scheduler(with_agents(flat, certain), request, costs)
        self._speed.observe(self._clock() - began_s, len(flat.steps))
        return plan

    def _new_budget(self) -> TimeBudget:
        return TimeBudget(self._settings.budget_s, self._clock, self._speed)


def _in_time(guesses: Iterator[GuessedWorkflow], budget: TimeBudget) -> Iterator[GuessedWorkflow]:
    """The guesses that are made in half of the budget, but at least one."""
    for guess in guesses:
        yield guess
        if budget.half_spent:
            return
