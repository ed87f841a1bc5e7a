"""Random histories of a run: what its planner, agents and nodes do to it, and when the service is killed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hypothesis import strategies as st
from worlds import INPUTS, NODES, computed, planned, renamed

from planners.agents import AgentKind, AgentSpec, Catalog, Effect, Price, Retry
from planners.bindings import Gather, InputRef, StepRef, Value, fold_binding
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
_CAPABILITIES = (*EFFECTS, "file", "write")
# Failures that an executor reports of an attempt; a lost node has its own model. The first may be tried again.
_LOST = (FailureKind.WORKER_LOST, FailureKind.TIMEOUT, FailureKind.CANCELLED)
_KINDS = (
    *(FailureKind.ERROR, FailureKind.WORKER_LOST, FailureKind.TIMEOUT) * 4,
    *sorted(set(FailureKind) - {FailureKind.NODE_LOST}),
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
        preferred = [_other_than({agent}, agent) if swaps else agent for agent in self.agents[:count]]
        agents = [_other_than(without_agents, agent) for agent in preferred]
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


def _other_than(excluded, agent):
    """The agent, or the other one of its capability; None if neither is left."""
    capability = agent.rpartition("-")[0]
    return next((one for one in (agent, *(f"{capability}-{size}" for size in SIZES)) if one not in excluded), None)


# One number for each element keeps drawing cheap; a smaller number is a simpler element.
_NUMBERS = st.integers(0, 2**48)
_SHORT = st.lists(_NUMBERS, max_size=3)
_LONG = st.lists(_NUMBERS, max_size=10)


class _Choices:
    """Choices read off one number; 0 is the first option of each."""

    def __init__(self, number):
        self._number = number

    def of(self, options):
        self._number, index = divmod(self._number, len(options))
        return options[index]

    def upto(self, most):
        return self.of(range(most + 1))

    def once_in(self, times):
        """True for one number in so many."""
        return self.upto(times - 1) == times - 1

    def seconds(self, most=3):
        return self.upto(most * 100) / 100


def _step(number, earlier):
    """A step behind some of the earlier ones, with its agent and node."""
    choices = _Choices(number)
    capability, size, node = choices.of(_CAPABILITIES), choices.of(SIZES), choices.of(sorted(NODES))
    inputs = {"k": choices.of((Value(value=1), Value(value=2), InputRef(input="seed")))}
    after = ()
    if earlier and choices.once_in(2):
        inputs["one"] = StepRef(step=choices.of(earlier))
    if earlier and choices.once_in(3):
        inputs["many"] = Gather(gather=(StepRef(step=choices.of(earlier)), StepRef(step=choices.of(earlier))))
    if earlier and choices.once_in(4):
        after = (choices.of(earlier),)
    step = Step(id=StepId(f"s{len(earlier)}"), capability=capability, inputs=inputs, after=after)
    return step, f"{capability}-{size}", node


def _fate(number, kinds):
    choices = _Choices(number)
    failure = choices.of((None,) * 2 * len(kinds) + kinds)
    uncertain = failure in _LOST
    return Fate(
        seconds=choices.seconds() or 0.01,
        failure=failure,
        counts=not uncertain or choices.once_in(2),
        never_began=uncertain and choices.once_in(4),
        acts=choices.once_in(2),
        large=choices.once_in(3),
    )


def _reply(number, guesses):
    choices = _Choices(number)
    order = [*range(guesses)][:: choices.of((1, -1))]
    return Reply(
        guesses=tuple(order[: choices.upto(guesses)]),
        guess_s=choices.seconds(1),
        plan_s=choices.seconds(),
        prefixes=choices.upto(3),
        end=choices.of(("plan",) * 10 + ("silence", "failure")),
        forgets=choices.once_in(3),
        swaps=choices.once_in(2),
        renames=choices.once_in(6),
        revises=choices.once_in(3),
    )


def _guess(number, steps, agents, nodes):
    """The plan, or the beginning of it: renamed, on other nodes, by other agents, or with another literal."""
    choices = _Choices(number)
    cut = len(steps) - choices.upto(len(steps) - 1)
    names = {step.id: step.id for step in steps}
    if choices.once_in(2):
        names = {step.id: StepId(f"g{index}") for index, step in enumerate(steps)}
    kept = [renamed(step, names) for step in steps[:cut]]
    if choices.once_in(3):
        wrong = choices.upto(cut - 1)
        kept[wrong] = kept[wrong].model_copy(update={"inputs": kept[wrong].inputs | {"k": Value(value=3)}})
    by = [_other_than({agent}, agent) if choices.once_in(4) else agent for agent in agents[:cut]]
    on = [choices.of((node, node, *sorted(NODES))) for node in nodes[:cut]]
    return planned(kept, by, on, PlanKind.SPECULATIVE, catalog=CATALOG)


def _answer(number):
    choices = _Choices(number)
    hook = choices.of(("truth", "unknown", "silence"))
    return Answer(hook, choices.seconds() if choices.once_in(2) else None)


def _death(number, node):
    choices = _Choices(number)
    return Death(node, choices.seconds(), choices.seconds(1))


def _restart(number):
    choices = _Choices(number)
    return Restart(choices.upto(30) + 1, choices.of((0, 0, 1, 2, 3)), choices.of((0, 0, 1, 2)))


@st.composite
def histories(draw, *, restarts=True):
    """Any history; its lists are short, so that it may still end well."""
    drawn = []
    for number in draw(st.lists(_NUMBERS, min_size=1, max_size=8)):
        drawn.append(_step(number, [step.id for step, _, _ in drawn]))
    steps, agents, nodes = (tuple(column) for column in zip(*drawn, strict=True))
    choices = _Choices(draw(_NUMBERS))
    mode = choices.of((Mode.FORERUN,) * 4 + (Mode.STREAMED, Mode.WAIT, Mode.ORACLE))
    hides = mode is not Mode.ORACLE and choices.once_in(2)
    known_first = len(steps) - (choices.upto(len(steps) - 1) if hides else 0)
    guesses = tuple(_guess(number, steps, agents, nodes) for number in draw(st.lists(_NUMBERS, max_size=2)))
    dying = draw(st.lists(_NUMBERS, max_size=2)) if choices.once_in(2) else ()
    return History(
        steps=steps,
        agents=agents,
        nodes=nodes,
        returned=tuple(step.id for step in steps if choices.once_in(2)) or (steps[-1].id,),
        list_step=choices.of(steps[:known_first]).id if known_first < len(steps) else None,
        known_first=known_first,
        mode=mode,
        interchange=choices.of((Interchange.EXACT, Interchange.EXACT, Interchange.INTERCHANGEABLE)),
        deadline_s=choices.of((None, None, 30.0, 4.0)),
        budget_usd=choices.of((None,) * 6 + (1.0, 0.04)),
        guesses=guesses,
        fickle=choices.once_in(4),
        replies=tuple(_reply(number, len(guesses)) for number in draw(_SHORT)),
        fates=tuple(_fate(number, _KINDS) for number in draw(_LONG)),
        act_fates=tuple(_fate(number, _LOST) for number in draw(_SHORT)),
        answers=tuple(_answer(number) for number in draw(_SHORT)),
        has_hook=not choices.once_in(3),
        promotions=tuple(_Choices(number).of((0.0, 0.5, 2.0, None)) for number in draw(_SHORT)),
        deaths=tuple(_death(number, node) for number, node in zip(dying, ("n1", "n3"), strict=False)),
        cancel_s=choices.seconds() if choices.once_in(8) else None,
        restarts=tuple(sorted(map(_restart, draw(_SHORT)), key=lambda one: one.after)) if restarts else (),
        cancels_arrive=choices.once_in(2),
        orphans_report=choices.once_in(2),
        late_s=choices.of((None, 0.05, 0.3)),
    )
