"""Models for simulated runs: random plans, agents that compute a digest, cancels that get lost."""

from dataclasses import dataclass, field

from hypothesis import strategies as st

from planners.agents import AgentSpec, Catalog, Effect, Retry
from planners.bindings import Computed, Gather, InputRef, StepRef, Value, fold_binding, map_binding
from planners.expressions.evaluation import value_of
from planners.model import AgentName, NodeId, StepId, TaskId, canonical_json, digest
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.tasks import Mode, PlanningOptions, Task
from planners.work_keys import InputDigests, work_keys
from planners.workflow import Step, Workflow
from reconciler.simulation import Simulation
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.run import RunState

CAPABILITIES = ("fetch", "solve", "write")
EFFECTS = {"fetch": Effect.PURE, "solve": Effect.IDEMPOTENT, "write": Effect.IRREVERSIBLE}
CATALOG = Catalog(
    agents=tuple(
        AgentSpec(
            name=f"{capability}-{size}",
            capability=capability,
            effect=EFFECTS[capability],
            quality=quality,
            retry=Retry(max_attempts=3, backoff_s=0.1),
        )
        for capability in CAPABILITIES
        for size, quality in (("small", 0.5), ("large", 0.9))
    )
)
NODES = {"n1": "cpu", "n2": "cpu", "n3": "gpu"}
INPUTS = {"seed": 7}


def planned(steps, agents, nodes, kind, *, catalog=None, **more):
    """A plan of steps (in topological order) with the given agent and node for each."""
    pairs = [(step, (catalog or CATALOG).by_name[agent].identity) for step, agent in zip(steps, agents, strict=True)]
    keys = work_keys(pairs, InputDigests(INPUTS))
    return Plan(
        kind=kind,
        steps=tuple(
            PlannedStep(
                step=step,
                placement=Placement(agent=agent, node=NodeId(node), node_class=NODES[node], duration_s=1.0),
                work_key=keys[step.id],
                probability=1.0 if kind is PlanKind.OPTIMAL else 0.9,
            )
            for step, agent, node in zip(steps, agents, nodes, strict=True)
        ),
        **{"outputs": {step.id: StepRef(step=step.id) for step in steps}, **more},
    )


@st.composite
def dags(draw, max_size=8, prefix="s"):
    """Steps in topological order whose inputs are literals, task inputs, outputs and gathered outputs."""
    steps = []
    for index in range(draw(st.integers(1, max_size))):
        earlier = [step.id for step in steps]
        inputs = {"k": draw(st.sampled_from([Value(value=1), Value(value=2), InputRef(input="seed")]))}
        if earlier and draw(st.booleans()):
            inputs["one"] = StepRef(step=draw(st.sampled_from(earlier)))
        if earlier and draw(st.booleans()):
            chosen = draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=3))
            inputs["many"] = Gather(gather=tuple(StepRef(step=step) for step in chosen))
        if earlier and draw(st.integers(0, 3)) == 0:
            inputs["made"] = Computed(cel=f"'of ' + $steps.{draw(st.sampled_from(earlier))}")
        after = tuple(draw(st.lists(st.sampled_from(earlier), max_size=1))) if earlier else ()
        capability = draw(st.sampled_from(CAPABILITIES))
        steps.append(Step(id=StepId(f"{prefix}{index}"), capability=capability, inputs=inputs, after=after))
    return steps


@st.composite
def plans(draw, steps=None, kind=PlanKind.OPTIMAL):
    """A plan over drawn (or given) steps."""
    steps = draw(dags()) if steps is None else steps
    agents = [f"{step.capability}-{draw(st.sampled_from(['small', 'large']))}" for step in steps]
    nodes = [draw(st.sampled_from(sorted(NODES))) for _ in steps]
    return planned(steps, agents, nodes, kind)


@st.composite
def guesses(draw, truth):
    """A guess at a plan: the same, renamed, replaced on some nodes and agents, cut short, or something else."""
    if draw(st.integers(0, 4)) == 0:
        return draw(plans(kind=PlanKind.SPECULATIVE))
    cut = draw(st.integers(1, len(truth.steps)))
    rename = draw(st.booleans())
    kept = truth.steps[:cut]
    names = {item.id: StepId(f"g{index}") if rename else item.id for index, item in enumerate(kept)}
    steps = [renamed(item.step, names) for item in kept]
    agents, nodes = [], []
    for item in kept:
        same = draw(st.integers(0, 3)) > 0
        size = draw(st.sampled_from(["small", "large"]))
        agents.append(item.placement.agent if same else f"{item.step.capability}-{size}")
        nodes.append(draw(st.sampled_from([item.placement.node, *sorted(NODES)])))
    return planned(steps, agents, nodes, PlanKind.SPECULATIVE)


def renamed(step, names):
    """The step with other ids for itself and its parents."""

    def rebound(binding):
        def leaf(of):
            return StepRef(step=names[of.step], path=of.path) if isinstance(of, StepRef) else of

        return map_binding(binding, leaf)

    return step.model_copy(
        update={
            "id": names[step.id],
            "inputs": {name: rebound(binding) for name, binding in step.inputs.items()},
            "after": tuple(names[parent] for parent in step.after),
        }
    )


def a_task(mode=Mode.FORERUN, **planning):
    workflow = Workflow(steps=(Step(id=StepId("only"), capability="fetch"),))
    options = PlanningOptions(mode=mode, alpha=1.0, value_of_time_usd_per_s=1.0, **planning)
    return Task(workflow=workflow, inputs=INPUTS, planning=options)


def computed(agent, inputs):
    """The output of an agent: a digest of its name and its inputs."""
    return digest(agent, canonical_json(inputs))


def alone(plan):
    """The outputs of running this plan alone."""
    values = {}

    def leaf(binding):
        match binding:
            case Value(value=literal):
                return literal
            case InputRef(input=name):
                return INPUTS[name]
            case StepRef(step=step):
                return values[step]

    def value(binding):
        return fold_binding(binding, leaf, list, dict, lambda of, reads: value_of(of.cel, reads, of.path))

    for item in plan.steps:
        inputs = {name: value(binding) for name, binding in sorted(item.step.inputs.items())}
        values[item.id] = computed(item.placement.agent, inputs)
    return {name: values[binding.step] for name, binding in plan.outputs.items()}


@dataclass
class World:
    """Planner and agents of a simulated run.

    ``seconds(attempt number)`` is how long an attempt takes; ``fails(attempt number)`` whether it fails; a cancelled
    attempt reports its result all the same: every cancel is lost.
    """

    run: RunState
    truth: Plan | None
    guess: Plan | None
    alternatives: tuple[Plan, ...] = ()
    guess_s: float = 0.01
    plan_s: float = 1.0
    prefixes: int = 0
    seconds: object = lambda number: 0.5
    fails: object = lambda number: False
    values: dict = field(default_factory=dict)
    orders: dict = field(default_factory=dict)
    simulation: Simulation = field(init=False)

    def __post_init__(self):
        self.simulation = Simulation(self.run, planner=self._plan, agents=self._work)

    @property
    def commands(self):
        return self.simulation.commands

    @property
    def events(self):
        return self.simulation.events

    @property
    def result(self):
        return self.simulation.result

    def play(self):
        """Run to the end; returns the EndRun, or None when nothing more happens."""
        return self.simulation.play()

    def _plan(self, command, now_s):
        epoch = command.epoch
        for number, plan in enumerate([self.guess, *self.alternatives] if self.guess is not None else ()):
            conditions = Conditions(prior_plan_s=now_s + self.plan_s)
            yield (
                now_s + self.guess_s,
                e.SpeculativePlanReady(at_s=0, plan=plan, epoch=epoch, conditions=conditions, alternative=number > 0),
            )
        if self.truth is None:
            failure = Failure(kind=FailureKind.PLANNING, message="no plan")
            yield now_s + self.plan_s, e.PlanningFailed(at_s=0, failure=failure, epoch=epoch)
            return
        for index in range(self.prefixes):
            size = (index + 1) * len(self.truth.steps) // (self.prefixes + 1)
            steps = self.truth.steps[:size]
            prefix = self.truth.model_copy(update={"steps": steps, "complete": False, "outputs": {}})
            at_s = now_s + self.plan_s * (index + 1) / (self.prefixes + 1)
            yield at_s, e.OptimalPlanReady(at_s=0, plan=prefix, epoch=epoch)
        yield now_s + self.plan_s, e.OptimalPlanReady(at_s=0, plan=self.truth, epoch=epoch)

    def _work(self, order, now_s):
        number = len(self.orders) + 1
        self.orders[order.attempt] = order
        seconds = self.seconds(number)
        if self.fails(number):
            failure = Failure(kind=FailureKind.ERROR, message="it broke")
            yield now_s + seconds, e.AttemptFailed(at_s=0, attempt=order.attempt, failure=failure, seconds=seconds)
            return
        inputs = {name: self.value(source) for name, source in sorted(order.inputs.items())}
        self.values[order.attempt] = output = computed(order.agent, inputs)
        yield now_s + 0.001, e.AttemptStarted(at_s=0, attempt=order.attempt, node=order.node)
        handoff = Handoff(output=output)
        yield now_s + seconds, e.AttemptFinished(at_s=0, attempt=order.attempt, handoff=handoff, seconds=seconds)

    def value(self, source):
        """The value behind a source."""
        match source:
            case c.Given(value=value):
                return value
            case c.OutputOf(attempt=attempt):
                return self.values[attempt]
            case c.ListOf(items=items):
                return [self.value(item) for item in items]
            case c.ComputedOf(cel=cel, reads=reads, path=path):
                return value_of(cel, {name: self.value(part) for name, part in reads.items()}, path)


def a_run(mode=Mode.FORERUN, **planning):
    return RunState(TaskId("t"), a_task(mode, **planning), CATALOG)


__all__ = ["AgentName", "World", "a_run", "alone", "dags", "guesses", "planned", "plans"]
