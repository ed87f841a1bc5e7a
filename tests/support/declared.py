"""Declared workflows in virtual time: the real expansion as planner, and agents that are functions of their inputs."""

from dataclasses import dataclass, field

from worlds import computed

from planners.agents import AgentKind, AgentSpec, Catalog, Effect, Retry
from planners.errors import PlanningError
from planners.expansion import flatten
from planners.expressions.errors import ExpressionFailed
from planners.expressions.evaluation import value_of
from planners.expressions.quorums import is_reached
from planners.model import NodeId, TaskId
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.resources import Resources
from planners.tasks import Mode, PlanningOptions, Task
from planners.work_keys import InputDigests, work_keys
from planners.workflow import Workflow
from reconciler.simulation import Simulation
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.messages import MailboxMessage
from reconciler.state.quorums import answer_to
from reconciler.state.run import RunState

NODES = (NodeId("n1"), NodeId("n2"))
CATALOG = Catalog(
    agents=tuple(
        AgentSpec(
            name=f"{capability}er",
            capability=capability,
            kind=AgentKind.ASYNC,
            resources=Resources(),
            effect=effect,
            proposes=capability == "propose",
            retry=Retry(max_attempts=2, backoff_s=0.1),
        )
        for capability, effect in (
            ("do", Effect.PURE),
            ("say", Effect.IDEMPOTENT),
            ("act", Effect.IRREVERSIBLE),
            ("undo", Effect.IDEMPOTENT),
            ("refund", Effect.IRREVERSIBLE),
            ("propose", Effect.PURE),
            ("file", Effect.STAGEABLE),
        )
    )
)


def step(name, capability="do", **more):
    """A declared step."""
    return {"id": name, "capability": capability, **more}


def a_task(steps, inputs=None, *, mode=Mode.FORERUN, outputs=None, **limits):
    """A task with a declared workflow; speculation dares everything."""
    return Task(
        workflow=Workflow.model_validate({"steps": steps, "outputs": outputs or {}}),
        inputs=inputs or {},
        planning=PlanningOptions(mode=mode, alpha=1.0, value_of_time_usd_per_s=1.0),
        limits=limits,
    )


@dataclass
class Declared:
    """A run of a declared task.

    Attributes:
        task: with a declared workflow.
        output: (capability, inputs, number of its dispatch) -> output, or a handoff. A `Failure` that it returns or an
            error that it raises fails the attempt. By default a digest.
        seconds: the same -> seconds of the attempt.
        plan_s: how long an optimal plan takes.
        imagined: outputs by step that guesses are made with, right or wrong, where they are not known.
        faults: events from outside, with their moments.
        happened: what is known of acts in doubt. They are done at their end, so one that a restart cuts short did not
            happen.
    """

    task: Task
    output: object = None
    seconds: object = lambda _capability, _inputs, _number: 0.5
    plan_s: float = 0.5
    evaluation_s: float = 0.05
    guess_s: float = 0.01
    imagined: dict = field(default_factory=dict)
    faults: tuple = ()
    restarts: tuple = ()
    most_events: int = 20_000
    catalog: Catalog = CATALOG
    happened: bool | None = None

    def __post_init__(self):
        self.values, self.orders, self.plans, self.end_s = {}, {}, [], None  # ``end_s``: when the task ended
        self.evaluations = []  # how many results each evaluation of a condition was about
        self.promoted = {}  # a promotion that a restart begins again is the same one
        self.said, self.heard = {}, {}  # attempt -> the messages that it publishes while it runs, and gets
        self.simulation = Simulation(
            RunState(TaskId("t"), self.task, self.catalog),
            planner=self._plan,
            agents=self._work,
            verifier=self._verify,
            evaluator=self._evaluate,
            faults=self.faults,
            restarts=self.restarts,
            most_events=self.most_events,
            cancels_arrive=True,
            watch=self._watch,
        )

    @property
    def run(self):
        return self.simulation.run

    def play(self):
        self.simulation.play()
        return self

    @property
    def outputs(self):
        """What the task returns: name -> value."""
        return {name: self.value(source) for name, source in self.run.end.outputs.items()}

    @property
    def done(self):
        """The steps that were dispatched, in order, with their inputs."""
        return [order.step for order in self.orders.values()]

    def done_for_good(self):
        """The steps that have acted, and those whose staged outputs were promoted, each once."""
        run = self.run
        acted = [one.step.id for one in run.attempts.values() if one.finished and run.is_act(one)]
        done = [*acted, *(run.attempts[attempt].step.id for attempt in self.promoted)]
        assert len(set(done)) == len(done), done
        return set(done)

    def _watch(self, now_s, news):
        if isinstance(news, c.EndRun):
            self.end_s = now_s
        if isinstance(news, c.Restore):
            self.values[news.attempt] = news.output
        if isinstance(news, c.Promote):
            self.promoted[news.attempt] = None
        if isinstance(news, c.Deliver):
            self.heard.setdefault(news.attempt, []).extend(message.body for message in news.messages)

    def heard_by(self, name):
        """What each attempt of a step has heard."""
        return [self.heard.get(a.id, []) for a in self.run.attempts.values() if a.step.id == name]

    # ---- models

    def _node(self, command):
        return next((node for node in NODES if node not in command.without_nodes), NODES[0])

    def _flat(self, command, known):
        return flatten(self.task.plannable, self.task.values, known, command.facts)

    def _plan(self, command, now_s):
        known = {step: self.values[attempt] for step, attempt in command.known_from.items()}
        if self.task.planning.mode is Mode.FORERUN:
            guess = self._planned(command, {**self.imagined, **known}, PlanKind.SPECULATIVE)
            if guess is not None:
                conditions = Conditions(prior_plan_s=now_s + self.plan_s)
                event = e.SpeculativePlanReady(at_s=0, plan=guess, epoch=command.epoch, conditions=conditions)
                yield now_s + self.guess_s, event
        try:
            plan = self.planned(self._flat(command, known), PlanKind.OPTIMAL, self._node(command))
        except PlanningError as error:
            failure = Failure(kind=FailureKind.PLANNING, message=error.message)
            yield now_s + self.plan_s, e.PlanningFailed(at_s=0, failure=failure, epoch=command.epoch)
            return
        self.plans.append(plan)
        yield now_s + self.plan_s, e.OptimalPlanReady(at_s=0, plan=plan, epoch=command.epoch)
        if plan.pending and self.task.planning.mode is Mode.FORERUN:
            yield from self._ahead(command, known, now_s + self.plan_s)

    def _ahead(self, command, known, now_s):
        """A guess at what follows the pending nodes, made with the imagined outputs."""
        guess = self._planned(command, {**self.imagined, **known}, PlanKind.SPECULATIVE)
        if guess is not None:
            event = e.SpeculativePlanReady(
                at_s=0, plan=guess, epoch=command.epoch, conditions=Conditions(prior_plan_s=now_s + 2.0), ahead=True
            )
            yield now_s + self.guess_s, event

    def _planned(self, command, known, kind):
        try:
            return self.planned(self._flat(command, known), kind, self._node(command))
        except PlanningError:
            return None

    def planned(self, flat, kind, node=NODES[0]):
        """A plan of the flat workflow on one node."""
        agents = [self.catalog.offering(step.capability)[0] for step in flat.steps]
        digests = InputDigests(self.task.values)
        keys = work_keys(
            [(s, agent.identity) for s, agent in zip(flat.steps, agents, strict=True)],
            digests,
            flat.finished,
            flat.repeats,
        )
        return Plan(
            kind=kind,
            steps=tuple(
                PlannedStep(
                    step=one,
                    placement=Placement(agent=agent.name, node=node, duration_s=0.5),
                    work_key=keys[one.id],
                    probability=1.0 if kind is PlanKind.OPTIMAL else 0.9,
                )
                for one, agent in zip(flat.steps, agents, strict=True)
            ),
            pending=flat.pending,
            skipped=flat.skipped,
            fan_outs=flat.fan_outs,
            loops=flat.loops,
            left=flat.left,
            outputs=flat.outputs,
        )

    def _work(self, order, now_s):
        self.orders[order.attempt] = order
        number = len(self.orders)
        capability = self.catalog.by_name[order.agent].capability
        try:
            inputs = {name: self.value(source) for name, source in sorted(order.inputs.items())}
            made = self.output(capability, inputs, number) if self.output else computed(capability, inputs)
        except ExpressionFailed as error:
            made, inputs = Failure(kind=FailureKind.BAD_INPUT, message=str(error)), {}
        except (LookupError, TypeError, ValueError) as error:
            made, inputs = Failure(kind=FailureKind.ERROR, message=str(error)), {}
        seconds = self.seconds(capability, inputs, number)
        end_s = now_s + seconds
        for message in self._messages(order, inputs):
            after_s = seconds * len(self.said[order.attempt]) / 3
            yield now_s + after_s, e.MessagePublished(at_s=0, attempt=order.attempt, message=message)
        if isinstance(made, Failure):
            yield end_s, e.AttemptFailed(at_s=0, attempt=order.attempt, failure=made, seconds=seconds)
            return
        handoff = made if isinstance(made, Handoff) else Handoff(output=made)
        self.values[order.attempt] = handoff.output
        yield end_s, e.AttemptFinished(at_s=0, attempt=order.attempt, handoff=handoff, seconds=seconds)

    def _verify(self, command, now_s):
        yield now_s + 0.05, e.AttemptVerified(at_s=0, attempt=command.attempt, happened=self.happened)

    def _evaluate(self, question, now_s):
        """Whether a condition holds, after a while."""
        self.evaluations.append(len(question.results))
        results = [self.value(source) for source in question.results]
        try:
            inputs = {name: self.value(source) for name, source in question.inputs.items()}
            holds = is_reached(question.condition, results, question.confidences, inputs)
            answer = answer_to(question, holds=holds)
        except ExpressionFailed as error:
            answer = answer_to(question, holds=False, failure=error.message)
        yield now_s + self.evaluation_s, answer

    def _messages(self, order, inputs):
        """Two for each topic that the step publishes, one after the other; they follow from the inputs."""
        said = self.said[order.attempt] = []
        for topic in order.mailbox.publishes[:1] * 2 if order.mailbox else ():
            body = f"{order.step} says {len(said)}" + (f" of {inputs}" if inputs else "")
            said.append(MailboxMessage(id=f"{order.step}/{len(said)}", topic=topic, body=body))
            yield said[-1]

    def value(self, source):
        """The value of a source."""
        match source:
            case c.Given(value=value):
                return value
            case c.OutputOf(attempt=attempt, path=path):
                value = self.values[attempt]
                for part in path:
                    value = value[part]
                return value
            case c.ListOf(items=items):
                return [self.value(item) for item in items]
            case c.ObjectOf(fields=fields):
                return {name: self.value(part) for name, part in fields.items()}
            case c.ComputedOf(cel=cel, reads=reads, path=path):
                return value_of(cel, {name: self.value(part) for name, part in reads.items()}, path)
