"""Histories of a run: what its planner, agents and nodes do to it, and when the service is killed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from worlds import INPUTS, NODES, computed, planned, renamed

from planners.agents import AgentKind, AgentSpec, Catalog, Effect, Price, Retry
from planners.bindings import InputRef, StepRef, Value, fold_binding
from planners.expressions.evaluation import value_of
from planners.model import StepId, TaskId
from planners.plans import Plan, PlanKind
from planners.resources import Resources
from planners.tasks import Interchange, Limits, Mode, PlanningOptions, Task
from planners.workflow import Pending, Step, Workflow
from reconciler.simulation import Restart
from reconciler.state.handoff import FailureKind
from reconciler.state.run import RunState

SIZES = ("small", "large")
EFFECTS = {
    "look": Effect.PURE,
    "fetch": Effect.PURE,
    "ask": Effect.PURE,
    "solve": Effect.IDEMPOTENT,
    "file": Effect.STAGEABLE,
    "write": Effect.IRREVERSIBLE,
}
CATALOG = Catalog(
    agents=tuple(
        AgentSpec(
            name=f"{capability}-{size}",
            capability=capability,
            kind=AgentKind.ASYNC if capability == "look" else AgentKind.SYNC,
            resources=Resources() if capability == "look" else Resources(cpus=1),
            effect=effect,
            discloses=capability == "ask",
            price=Price(usd_per_call=0.01),
            retry=Retry(max_attempts=2, backoff_s=0.1),
        )
        for capability, effect in EFFECTS.items()
        for size in SIZES
    )
)
_NOTHING: Mapping = MappingProxyType({})


@dataclass(frozen=True)
class Fate:
    """What becomes of one attempt.

    ``acts``: whether an irreversible agent has acted although it failed, or was killed with its node or the service.
    """

    seconds: float = 0.5
    failure: FailureKind | None = None
    counts: bool = True
    never_began: bool = False
    acts: bool = False
    large: bool = False


@dataclass(frozen=True)
class Reply:
    """How the planners answer one request: guesses after ``guess_s``, prefixes, then the end after ``plan_s``.

    ``forgets``: the plan takes no account of the work under way, and may place it elsewhere. ``swaps``: it then prefers
    the other agents. ``renames``: it gives the same steps other names, as a goal does that is decomposed anew.
    ``revises``: after each prefix comes another guess, which gives up all guesses before, right ones, too.
    """

    guesses: tuple[int, ...] = ()
    guess_s: float = 0.01
    plan_s: float = 0.5
    prefixes: int = 0
    end: str = "plan"
    forgets: bool = False
    swaps: bool = False
    renames: bool = False
    revises: bool = False


@dataclass(frozen=True)
class Answer:
    """What is said about one attempt in doubt; ``person_s``: a person says the truth after so many seconds."""

    hook: str = "truth"
    person_s: float | None = None


@dataclass(frozen=True)
class Death:
    """A node dies, and the run is told later."""

    node: str
    at_s: float
    told_after_s: float


@dataclass(frozen=True)
class History:
    """One run and everything that happens to it. What its lists do not name goes well.

    ``fickle``: every other plan is made by a planner that forgets what is under way and prefers the other agents.
    ``late_s``: what plans tell about when attempts are late, so that they are hedged.
    """

    steps: tuple[Step, ...]
    agents: tuple[str, ...]
    nodes: tuple[str, ...]
    returned: tuple[StepId, ...]
    list_step: StepId | None = None
    known_first: int = 0
    mode: Mode = Mode.FORERUN
    interchange: Interchange = Interchange.EXACT
    deadline_s: float | None = None
    budget_usd: float | None = None
    guesses: tuple[Plan, ...] = ()
    replies: tuple[Reply, ...] = ()
    fickle: bool = False
    fates: tuple[Fate, ...] = ()
    act_fates: tuple[Fate, ...] = ()
    answers: tuple[Answer, ...] = ()
    has_hook: bool = True
    promotions: tuple[float | None, ...] = ()
    deaths: tuple[Death, ...] = ()
    cancel_s: float | None = None
    restarts: tuple[Restart, ...] = ()
    cancels_arrive: bool = True
    orphans_report: bool = False
    late_s: float | None = None

    def plan(
        self, *, without_agents=(), without_nodes=(), known=frozenset(), under_way=_NOTHING, prefix="s", swaps=False
    ):
        """The optimal plan around these agents and nodes; None if there is none.

        ``under_way``: step -> the placement of its attempt. ``prefix``: of the names of steps. ``swaps``: the other
        agent of each step is preferred.
        """
        names = {step.id: StepId(f"{prefix}{index}") for index, step in enumerate(self.steps)}
        unrolled = self.list_step is None or names[self.list_step] in known
        count = len(self.steps) if unrolled else self.known_first
        steps = [renamed(step, names) for step in self.steps[:count]]
        alive = [node for node in sorted(NODES) if node not in without_nodes]
        preferred = [other_than({agent}, agent) if swaps else agent for agent in self.agents[:count]]
        agents = [other_than(without_agents, agent) for agent in preferred]
        nodes = [node if node in alive else alive[0] for node in self.nodes[:count]] if alive else []
        for index, placement in ((index, under_way.get(step.id)) for index, step in enumerate(steps)):
            if placement is not None and alive:
                agents[index], nodes[index] = placement.agent, placement.node
        if not alive or None in agents:
            return None
        return planned(
            steps,
            agents,
            nodes,
            PlanKind.OPTIMAL,
            catalog=CATALOG,
            outputs={name: StepRef(step=names[name]) for name in self.returned if names[name] in {s.id for s in steps}},
            pending=() if unrolled else (Pending(id=StepId("rest"), waits_for=names[self.list_step]),),
        )

    def task(self):
        oracle = self.mode is Mode.ORACLE
        options = PlanningOptions(
            mode=self.mode,
            alpha=1.0,
            value_of_time_usd_per_s=1.0,
            interchange=self.interchange,
            plan=self.plan() if oracle else None,
        )
        workflow = Workflow(steps=(Step(id=StepId("only"), capability="fetch"),))
        limits = Limits(deadline_s=self.deadline_s, budget_usd=self.budget_usd)
        return Task(workflow=workflow, inputs=INPUTS, planning=options, limits=limits)

    def run(self):
        return RunState(TaskId("t"), self.task(), CATALOG)

    def alone(self):
        """Step -> its inputs and its output when nothing goes wrong."""
        values = {}

        def leaf(binding):
            match binding:
                case Value(value=literal):
                    return literal
                case InputRef(input=name):
                    return INPUTS[name]
                case StepRef(step=step):
                    return values[step][1]

        for step in self.steps:
            inputs = {name: fold_binding(bound, leaf, list, dict, _made) for name, bound in sorted(step.inputs.items())}
            values[step.id] = (inputs, computed(step.capability, inputs))
        return values


def _made(computed_, reads):
    return value_of(computed_.cel, reads, computed_.path)


def other_than(excluded, agent):
    """The agent, or the other one of its capability; None if neither is left."""
    capability = agent.rpartition("-")[0]
    return next((one for one in (agent, *(f"{capability}-{size}" for size in SIZES)) if one not in excluded), None)
