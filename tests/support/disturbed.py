"""Plays a history: models of planner, agents, hooks and nodes, and a witness outside that counts what was done."""

from collections import Counter
from dataclasses import dataclass, field

from histories import CATALOG, NODES, Answer, Fate, History, Reply
from stories import line, summary
from worlds import computed

from planners.expressions.evaluation import value_of
from planners.model import StepId, canonical_json
from reconciler.runtime.recovery import Recovery
from reconciler.simulation import Simulation
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.commands import PlanReason
from reconciler.state.conditions import Conditions
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.learned_times import LearnedTimes
from reconciler.state.outcomes import Verdict

MOST_ANSWERS = 30


@dataclass
class _Deed:
    """What an attempt of an irreversible agent does: ``of`` (capability, inputs); whether it is ``done``, and when."""

    of: tuple
    done: bool
    end_s: float
    if_killed: bool


@dataclass
class Disturbed:
    """A run to which a history happens.

    Attributes:
        orders: attempt id -> its last dispatch.
        deeds: attempt id -> what an irreversible agent does.
        effects: what promotions have let out, how often.
        again: attempts at work that the recovered run knew as finished.
        early: attempts of agents that must not speculate, dispatched speculatively.
        unasked: attempts whose hook the run waits for although nobody has asked it.
        stuck: the run's status, its attempts in doubt and what it says about them, whenever it could not go on.
        story: what happened, one line each.
    """

    history: History
    orders: dict = field(default_factory=dict)
    deeds: dict = field(default_factory=dict)
    effects: Counter = field(default_factory=Counter)
    again: list = field(default_factory=list)
    early: list = field(default_factory=list)
    unasked: list = field(default_factory=list)
    stuck: list = field(default_factory=list)
    story: list = field(default_factory=list)

    def __post_init__(self):
        history = self.history
        self.values = {}  # of every attempt that has begun
        self.by_reference = {}  # of every output that the executor holds: whether it lies on its node
        self.questions = set()  # attempts that this life of the service has asked about
        self.keys = {}  # idempotency key -> the works it has stood for
        self.staged, self.out, self.finished_works = set(), set(), set()
        self.asked = self.dispatched = self.acted = self.doubts = self.promotions = 0
        self.deaths = {death.node: death for death in history.deaths}
        faults = [(death.at_s + death.told_after_s, e.NodeLost(at_s=0, node=death.node)) for death in history.deaths]
        if history.cancel_s is not None:
            faults.append((history.cancel_s, e.CancelRequested(at_s=0, reason="no longer wanted")))
        self.simulation = Simulation(
            history.run(),
            planner=self._plan,
            agents=self._work,
            verifier=self._verify,
            promoter=self._promote,
            faults=faults,
            restarts=history.restarts,
            cancels_arrive=history.cancels_arrive,
            orphans_report=history.orphans_report,
            watch=self._watch,
        )

    @property
    def run(self):
        return self.simulation.run

    def play(self):
        """Play to the end; a person answers whenever nothing else can."""
        try:
            self.simulation.play()
            while not self.run.status.ended and len(self.stuck) < MOST_ANSWERS:
                doubted = [attempt.id for attempt in self.run.in_doubt]
                waits = [self.run.waiting(attempt.step.id) for attempt in self.run.in_doubt]
                self.stuck.append((self.run.status, doubted, [wait for wait in waits if wait is not None]))
                self.unasked += [attempt.id for attempt in self.run.in_doubt if self._is_unasked(attempt)]
                if not doubted:
                    break
                for attempt in doubted:
                    self.simulation.post(self.run.at_s + 0.1, self.told_by_a_person(attempt))
                self.simulation.go_on()
        except Exception as error:
            error.add_note(self.told())
            raise
        return self

    @property
    def outputs(self):
        """What the task returns: name -> value; None if it has not succeeded, or an output is gone."""
        if not self.simulation.succeeded:
            return None
        try:
            return {name: self._value(of, self.run.at_s) for name, of in self.run.end.outputs.items()}
        except _Gone:
            return None

    @property
    def acts(self):
        """What irreversible agents have done, how often."""
        return Counter(deed.of for deed in self.deeds.values() if deed.done)

    def told(self):
        """The story."""
        return "\n".join([summary(self.history), *self.story, f"{self.run.at_s:.3f} s  it is {self.run.status}"])

    # ---- models

    def _plan(self, command, now_s):
        reply = _nth(self.history.replies, self.asked, self._usual_reply())
        self.asked += 1
        for number, guess in enumerate(reply.guesses):
            yield (
                now_s + reply.guess_s,
                e.SpeculativePlanReady(
                    at_s=0,
                    plan=self.history.guesses[guess],
                    epoch=command.epoch,
                    conditions=Conditions(prior_plan_s=now_s + reply.plan_s),
                    alternative=number > 0,
                ),
            )
        plan = self._optimal(command, reply, now_s)
        if plan is None or reply.end == "failure":
            failure = Failure(kind=FailureKind.PLANNING, message="no plan")
            yield now_s + reply.plan_s, e.PlanningFailed(at_s=0, failure=failure, epoch=command.epoch)
            return
        for index in range(reply.prefixes):
            steps = plan.steps[: (index + 1) * len(plan.steps) // (reply.prefixes + 1)]
            prefix = plan.model_copy(update={"steps": steps, "complete": False, "outputs": {}, "pending": ()})
            at_s = now_s + reply.plan_s * (index + 1) / (reply.prefixes + 1)
            yield at_s, self._ready(prefix, command.epoch)
            if reply.revises and self.history.guesses:
                yield at_s + 0.005, self._revised(command, index, len(steps))
        may_be_silent = self.history.deadline_s is not None or command.reason is PlanReason.ESTIMATE_WRONG
        if not (reply.end == "silence" and may_be_silent):
            yield now_s + reply.plan_s, self._ready(plan, command.epoch)

    def _ready(self, plan, epoch):
        if self.history.late_s is None:
            return e.OptimalPlanReady(at_s=0, plan=plan, epoch=epoch)
        late_s = {planned.id: self.history.late_s for planned in plan.steps}
        nodes = {agent.name: tuple(sorted(NODES)) for agent in CATALOG.agents}
        return e.OptimalPlanReady(at_s=0, plan=plan, epoch=epoch, times=LearnedTimes(late_s=late_s, nodes=nodes))

    def _revised(self, command, index, known):
        guesses = self.history.guesses
        return e.SpeculativePlanReady(
            at_s=0,
            plan=guesses[index % len(guesses)],
            epoch=command.epoch,
            conditions=Conditions(prior_plan_s=3.0),
            continues=(known or 1) if index % 2 == 0 else 0,  # a continuation, or a draft
            unlikely=tuple(planned.work_key for guess in guesses for planned in guess.steps),
        )

    def _usual_reply(self):
        strays = self.history.fickle and self.asked % 2 == 1
        return Reply(guesses=tuple(range(len(self.history.guesses))), forgets=strays, swaps=strays)

    def _optimal(self, command, reply, now_s):
        if any(not self._is_readable(attempt, now_s) for attempt in command.known_from.values()):
            return None
        told = {death.node for death in self.deaths.values() if death.at_s + death.told_after_s <= now_s}
        prefix = "r" if reply.renames else "s"
        return self.history.plan(
            without_agents=command.without_agents,
            without_nodes=told.union(command.without_nodes),
            known=command.known_from.keys(),
            under_way={} if reply.forgets else self._under_way(prefix),
            prefix=prefix,
            swaps=reply.forgets and reply.swaps,
        )

    def _under_way(self, prefix):
        """What real planners keep where it is: work that has finished or runs, also under the names of a new plan."""
        usable = [attempt for attempt in self.run.attempts.values() if attempt.usable]
        return {StepId(f"{prefix}{attempt.step.id[1:]}"): attempt.placement for attempt in usable}

    def _work(self, order, now_s):
        fate, attempt, agent = self._fate(order), order.attempt, CATALOG.by_name[order.agent]
        self.orders[attempt] = order
        self.keys.setdefault(order.idempotency_key, set()).add(order.work_key)
        if order.work_key in self.finished_works and not self._was_given_up(order.work_key):
            self.again.append(attempt)
        if order.speculative and not agent.may_speculate:
            self.early.append(attempt)
        try:
            inputs = {name: self._value(source, now_s) for name, source in sorted(order.inputs.items())}
        except _Gone:
            return [(now_s + 0.01, _failed(attempt, FailureKind.ERROR, "an input is gone"))]
        self.values[attempt] = computed(agent.capability, inputs)
        ended = self._end(order, fate, now_s)
        if agent.effect.never_twice:
            done = isinstance(ended[1], e.AttemptFinished) or (fate.acts and not fate.never_began)
            done = done and self._is_alive(order.node, now_s)
            deed = (agent.capability, canonical_json(inputs))
            self.deeds[attempt] = _Deed(deed, done, ended[0], if_killed=fate.acts or self.history.orphans_report)
        if fate.never_began or not self._is_alive(order.node, now_s):
            return [ended]
        return [(min(now_s + 0.01, ended[0]), e.AttemptStarted(at_s=0, attempt=attempt, node=order.node)), ended]

    def _end(self, order, fate, now_s):
        """When and how an attempt ends."""
        end_s, death = now_s + fate.seconds, self.deaths.get(order.node)
        if death is not None and death.at_s < end_s:
            failed = _failed(order.attempt, FailureKind.NODE_LOST, f"{order.node} is gone")
            return max(now_s, death.at_s) + 0.02, failed
        if fate.failure is not None:
            return end_s, _failed(order.attempt, fate.failure, "it broke", fate)
        output = None if fate.large else self.values[order.attempt]
        handoff = Handoff(output=output, by_reference=fate.large)
        return end_s, e.AttemptFinished(at_s=0, attempt=order.attempt, handoff=handoff, seconds=fate.seconds)

    def _fate(self, order):
        if order.effect.never_twice:
            self.acted += 1
            return _nth(self.history.act_fates, self.acted - 1, Fate())
        self.dispatched += 1
        return _nth(self.history.fates, self.dispatched - 1, Fate())

    def _verify(self, command, now_s):
        answer = _nth(self.history.answers, self.doubts, Answer())
        self.doubts += 1
        self.questions.add(command.attempt)
        attempt = command.attempt
        if answer.person_s is not None:
            yield now_s + answer.person_s, self.told_by_a_person(attempt)
        if answer.hook == "silence":
            return
        knows = self.history.has_hook and answer.hook == "truth"
        happened = self._has_acted(attempt) if knows else None
        handoff = Handoff(output=self.values[attempt]) if happened else None
        yield now_s + 0.05, e.AttemptVerified(at_s=0, attempt=attempt, happened=happened, handoff=handoff)

    def told_by_a_person(self, attempt):
        happened = self._has_acted(attempt)
        output = self.values[attempt] if happened else None
        return e.DoubtResolved(at_s=0, attempt=attempt, happened=happened, output=output, by="ops")

    def _has_acted(self, attempt):
        return attempt in self.deeds and self.deeds[attempt].done

    def _promote(self, command, now_s):
        seconds = _nth(self.history.promotions, self.promotions, 0.0)
        self.promotions += 1
        attempt = self.run.attempts[command.attempt]
        if command.attempt in self.staged - self.out and seconds is not None:
            self.out.add(command.attempt)  # the hook is idempotent: its key is the attempt
            self.effects[attempt.step.capability, self._inputs_of(command.attempt)] += 1
        return None if seconds is None else now_s + seconds

    # ---- the world

    def _watch(self, now_s, news):
        self.story.append(f"{now_s:.3f} s  {line(news)}")
        match news:
            case e.AttemptFinished(attempt=attempt):
                self.staged.add(attempt)
                self.by_reference[attempt] = news.handoff.by_reference
            case c.Restore(attempt=attempt, output=output):
                self.values[attempt], self.by_reference[attempt] = output, False
            case Recovery():
                self._recovered(now_s, news)

    def _recovered(self, now_s, recovery):
        self.by_reference = dict.fromkeys(recovery.outputs, False)
        self.questions = set()
        self.staged = {order.attempt for order, _ in recovery.staged}
        for deed in self.deeds.values():
            if deed.end_s > now_s:
                deed.done = deed.done and deed.if_killed
        for attempt in self.run.attempts.values():
            keeps_output = attempt.finished and not attempt.handoff.by_reference
            if keeps_output and attempt.verdict is not None and attempt.verdict.survives:
                self.finished_works.add(attempt.work_key)

    def _is_unasked(self, attempt):
        return attempt.verifying and attempt.id not in self.questions

    def _was_given_up(self, work):
        """Whether a later plan had no use for the finished work, so that its output was dropped."""
        return any(one.work_key == work and one.verdict is Verdict.FLUSH for one in self.run.attempts.values())

    def _inputs_of(self, attempt):
        inputs = self.orders[attempt].inputs
        return canonical_json({name: self._value(of) for name, of in sorted(inputs.items())})

    def _is_alive(self, node, now_s):
        return node not in self.deaths or now_s < self.deaths[node].at_s

    def _is_readable(self, attempt, now_s):
        by_reference = self.by_reference.get(attempt)
        return by_reference is False or (by_reference is True and self._is_alive(self.orders[attempt].node, now_s))

    def _value(self, source, now_s=None):
        """The value of a source; raises _Gone where it cannot be read at this moment."""
        match source:
            case c.Given(value=value):
                return value
            case c.OutputOf(attempt=attempt):
                if now_s is not None and not self._is_readable(attempt, now_s):
                    raise _Gone(attempt)
                return self.values[attempt]
            case c.ListOf(items=items):
                return [self._value(item, now_s) for item in items]
            case c.ComputedOf(cel=cel, reads=reads, path=path):
                return value_of(cel, {name: self._value(part, now_s) for name, part in reads.items()}, path)


class _Gone(LookupError):
    pass


def _nth(given, index, otherwise):
    return given[index] if index < len(given) else otherwise


def _failed(attempt, kind, message, fate=None):
    fate = fate or Fate()
    failure = Failure(kind=kind, message=message, counts=fate.counts, never_began=fate.never_began)
    return e.AttemptFailed(at_s=0, attempt=attempt, failure=failure)
