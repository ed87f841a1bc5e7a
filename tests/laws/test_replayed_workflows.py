"""Where the order of completions matters, a run without speculation gives the same if that order is replayed."""

import math
import os
import re
from typing import NamedTuple

import pytest
from declared import Declared, a_task, step
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_workflows import answered, workflows

from planners.expressions.errors import ExpressionFailed
from planners.validation.structure import broken_structure
from reconciler.simulation import Restart
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Verdict
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus

INPUTS = {"seed": 7, "list": [3, 4]}
PLAN_S = 0.3
HISTORIES = int(os.environ.get("FORERUN_LAW_HISTORIES", "100"))
pytestmark = pytest.mark.timeout(120 + HISTORIES)
# Longer than any plan takes, so that a step has begun before its turn comes.
TURN_S, NEVER_S = 10.0, 1e6
_ENDS = (e.OptimalPlanReady, e.AttemptFinished, e.AttemptFailed, e.StepAnswered, e.QuorumEvaluated)


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


class Answered(Declared):
    """A run whose approvals are given; ``ends_s(work, now_s)`` says when a step with its inputs ends."""

    def __init__(self, task, ends_s, **more):
        self._ends_s, self._asked, self.end_s = ends_s, set(), math.inf
        self.confirmed_as = {}  # attempt -> the step that it did when a plan first held its work
        super().__init__(task, output=answered(6), plan_s=PLAN_S, happened=False, **more)

    def play(self):
        super().play()
        while not self.run.status.ended and self._answer(self.run.at_s):
            self.simulation.go_on()
        return self

    def _watch(self, now_s, news):
        super()._watch(now_s, news)
        for one in self.run.changed:
            if one.verdict is not None:
                self.confirmed_as.setdefault(one.id, one.step.id)
        if isinstance(news, c.EndRun):
            self.end_s = min(self.end_s, now_s)
        if isinstance(news, _ENDS):  # what they let begin is seen right after, also if it gives no command
            self.simulation.post(now_s, e.TimePassed(at_s=0))
        self._answer(now_s)

    def _answer(self, now_s):
        run = self.run
        asked = [one for one in map(run.attempts.__getitem__, run.attempts.live) if run.asks_somebody(one)]
        fresh = [one for one in asked if one.id not in self._asked]
        for attempt in fresh:
            self._asked.add(attempt.id)
            work = Work(attempt.step.id)
            self.simulation.post(self._ends_s(work, now_s), e.StepAnswered(at_s=0, attempt=attempt.id))
        return bool(fresh)

    def _work(self, order, now_s):
        for _, event in super()._work(order, now_s):
            yield self._ends_s(Work(order.step, self.inputs(order)), now_s), event

    def inputs(self, order):
        """The inputs of an attempt; None where they have no value, so that it fails."""
        try:
            return repr({name: self.value(source) for name, source in sorted(order.inputs.items())})
        except (ExpressionFailed, LookupError, TypeError, ValueError):
            return None

    def _evaluate(self, question, now_s):
        for _, event in super()._evaluate(question, now_s):
            yield self._ends_s(asked(question.fan_out, len(question.results)), now_s), event


class Work(NamedTuple):
    """A step with the inputs that it had: a plan may have it done again with others."""

    step: str
    inputs: str | None = None


def asked(fan_out, results):
    """What an evaluation of the condition of a fan-out is called among the work."""
    return Work(f"{fan_out}?{results}")


def recorded(world):
    """The work in the order in which its ends counted, also that of steps that were dropped later.

    That is the first success of some work, or its last failure: those before it were retried, and one with another
    attempt beside it is not the end. Nor is a failure after which a later plan has begun the work again, as it had been
    left out in between, if that has not ended, nor a success that was flushed with its step and begun again.
    Evaluations of conditions are among them: while one is made, other things may end. An attempt that serves another
    step by now, of a later turn of a loop, has ended as the step that it was begun for, and so has one that was begun
    again where that one was lost.
    """
    run = world.run
    counted = [one for one in run.attempts.values() if not one.began_speculative or one.confirmed_s is not None]
    last_begun_s = {_work(world, one): one.dispatched_s for one in counted}
    done_again = {
        one.id
        for one in counted
        if one.finished and one.verdict is Verdict.FLUSH and one.ended_s <= last_begun_s[_work(world, one)]
    }
    finished = [one for one in counted if one.finished and one.id not in done_again]
    done = {_work(world, one) for one in finished}
    failed = [one for one in counted if _has_failed(world, one) and not _hedged(run, one)]
    last = {work: one for one in failed if (work := _work(world, one)) not in done}
    begun_s = {_work(world, one): one.dispatched_s for one in counted if one not in failed}
    ended = (one.id for work, one in last.items() if begun_s.get(work, 0.0) < one.ended_s)
    counts = {one.id for one in finished}.union(ended)
    ends = [((one.counts_s, one.ended_s), _work(world, one)) for one in counted if one.id in counts]
    answers = [one for one in world.simulation.events if isinstance(one, e.QuorumEvaluated)]
    ends += [((one.at_s, one.at_s), asked(one.fan_out, one.results)) for one in answers]
    known = {work for _, work in ends}
    lost = {one.step.id: begun_as(world, one) for one in counted if one.id not in counts}
    ends += [
        ((one.ended_s, one.ended_s), work)
        for one in counted
        for name in (begun_as(world, one), lost.get(begun_as(world, one)))
        if one.id in counts and name is not None and (work := _work(world, one, name)) not in known
    ]
    ends.sort(key=lambda end: end[0])
    return list(dict.fromkeys(work for _, work in ends))


def _work(world, attempt, name=None):
    order = world.orders.get(attempt.id)  # none if it asks somebody
    return Work(name or attempt.step.id, None if order is None else world.inputs(order))


def _has_failed(world, attempt):
    """Whether its failure counts, or ends the work on an element that a fan-out goes on without."""
    failure = attempt.failure
    return failure is not None and (failure.counts or attempt.step.id in world.run.facts.left_steps)


def _hedged(run, failed):
    """Whether another attempt was made beside one that has failed, so that it is not the end of its step."""
    others = (one for one in run.attempts.values() if one.step.id == failed.step.id and one.failure is None)
    return any(failed.dispatched_s <= one.dispatched_s <= failed.ended_s for one in others if one.id != failed.id)


def begun_as(world, attempt):
    """The step that an attempt was confirmed for; its work may serve a like step of a later turn of a loop by now."""
    return world.confirmed_as.get(attempt.id, attempt.step.id)


def effects(world, left):
    """What was done for good but ``left``, sorted. Acts go by the steps that they were begun for.

    How many turns of a loop one plan finds finished is a matter of time, and with it which of several like steps a
    finished act serves.
    """
    run, done = world.run, world.done_for_good()
    acts = {one.step.id: begun_as(world, one) for one in run.attempts.values() if one.finished and run.is_act(one)}
    return sorted(name for name in (acts.get(step, step) for step in done) if name not in left)


def unfinished(world):
    """The acts that had begun and not returned when the run ended, and other steps about which no completion decides.

    The order of completions does not decide about these: whether an act begins before a failure depends on how long
    the plan that holds it takes, and a restart after the end cuts it short. Nor does it about those in elements that
    a fan-out goes on without, for which the run waits: they may begin until a plan leaves the element out, and what a
    restart has cut short of them is not done again. Nor about steps that `max_concurrency` has held to the last:
    which of them get a place depends on which of them a plan holds when it is free, and so do later turns of them. Nor,
    where no plan can be made and the task fails, or a plan finds that a node has too few elements, about what ends
    while that is tried: how long it takes does.
    """
    left = world.run.facts.left_steps
    acts = [one for one in world.run.attempts.values() if world.run.is_act(one)]
    late = [one for one in acts if one.finished and (one.ended_s > world.end_s or _is_left(one, left))]
    cut = [one for one in acts if one.in_doubt or (one.step.id in left and _has_failed(world, one))]
    return {*_held(world), *_before_last_plan(world), *(begun_as(world, one) for one in (*late, *cut))}


def _held(world):
    """The steps that have been held, and have not begun since."""
    for last in world.run.steps.values():
        state = last
        # The element around it failed, or the fan-out, which holds nothing any more then.
        while state.status in (StepStatus.SKIPPED, StepStatus.READY) and state.before is not None:
            state = state.before
        if state.status is StepStatus.HELD:
            yield last.step


def _before_last_plan(world):
    """What ended while a plan was made, or plans one after the other, by which alone the task failed."""
    answers = [one for one in world.simulation.events if isinstance(one, e.PlanningFailed | e.OptimalPlanReady)]
    last = [one for one in answers if one.at_s == world.end_s]
    no_plan = any(isinstance(one, e.PlanningFailed) for one in last)
    if not no_plan and not (last and world.run.end.failure and "results, and it has" in world.run.end.failure.message):
        return
    since_s = world.end_s - PLAN_S
    while any(abs(one.at_s - since_s) < 1e-6 for one in answers):
        since_s -= PLAN_S
    ended = (one for one in world.run.attempts.values() if one.finished)
    yield from (begun_as(world, one) for one in ended if since_s <= one.ended_s)


def _is_left(act, left):
    """Whether a fan-out went on without an act, which has no place in the order."""
    return act.step.id in left and act.ended_s >= NEVER_S


def takes_over(world):
    """Whether an act begun in an element that a fan-out goes on without serves a like step elsewhere by now."""
    run, acts = world.run, [one for one in world.run.attempts.values() if world.run.is_act(one)]
    held = () if run.whole_plan is None else run.whole_plan.by_id
    return any(begun_as(world, act) not in (act.step.id, *held) for act in acts if act.finished)


def awaits_more(plain, guessed):
    """Whether a fan-out that goes on without an element awaits an act in it, which had not begun with speculation.

    The fan-out was complete before the plan that holds the act was there. Others that wait for it end later, and of
    two that reach a quorum another one may be the first.
    """
    begun = {begun_as(guessed, one) for one in guessed.run.attempts.values() if guessed.run.is_act(one)}
    left = plain.run.facts.left_steps
    acts = (one for one in plain.run.attempts.values() if plain.run.is_act(one) and _is_left(one, left))
    return any(begun_as(plain, one) not in begun for one in acts)


def ended(world):
    """How the run ended, and its outputs or why it failed.

    Not after how many tries: a step that has failed ahead of what it follows is tried once more after that.
    """
    run = world.run
    if run.status is RunStatus.SUCCEEDED:
        return run.status, world.outputs
    return run.status, re.sub(r" after \d+ tries", "", run.end.failure.message)


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(
    workflows(order=True, effects=True),
    # Longer than a plan takes: what a plan finds finished counts at one moment, and no order replays that.
    st.lists(st.sampled_from([0.41, 0.57, 0.93, 3.07]), min_size=1, max_size=7),
    st.dictionaries(st.sampled_from([f"n{n}" for n in range(1, 9)]), st.sampled_from(["0", "5", "f", 3]), max_size=3),
    st.lists(st.integers(1, 30), max_size=1),
)
def test_the_order_of_completions_decides_what_a_run_gives(steps, seconds, imagined, kills):
    check(steps, seconds, imagined, kills)


def check(steps, seconds, imagined=(), kills=()):
    """A run gives the same if the order of its completions is replayed without speculation.

    Not so where an act that a fan-out leaves alone takes the place of a like one, which then does not happen: whether
    it had begun and ended by then is left open, and so is which steps have a place in the order. Nor where it had not
    begun in the one run and is awaited in the other.
    """
    task = a_task(steps, INPUTS)
    if list(broken_structure(task.workflow)):
        return
    count = iter(range(10**6))
    guessed = Answered(
        task,
        lambda _work, now_s: now_s + seconds[next(count) % len(seconds)] + next(count) * 1e-6,
        imagined=dict(imagined),
        restarts=tuple(Restart(after=after) for after in kills),
    ).play()
    turns = {work: TURN_S * number for number, work in enumerate(recorded(guessed), 1)}

    plain = Answered(a_task(steps, INPUTS, mode="wait"), lambda work, _now_s: turns.get(work, NEVER_S)).play()

    assert guessed.run.status.ended
    if takes_over(plain) or takes_over(guessed) or awaits_more(plain, guessed):
        return
    assert ended(plain) == ended(guessed), (steps, turns)
    left = unfinished(plain) | unfinished(guessed)
    held = {step.partition("[")[0] for world in (plain, guessed) for step in _held(world)}
    left |= {step for world in (plain, guessed) for step in world.run.steps if step.partition("[")[0] in held}
    assert effects(plain, left) == effects(guessed, left), (steps, turns)


def test_an_act_that_a_quorum_leaves_alone_may_have_begun_or_not():
    """The plan that holds it is made while the quorum is reached: it begins only if planning takes less time."""
    tried = {"id": "tried", "try": [step("fails", inputs={"made": {"cel": "$inputs.seed + 'z'"}})], "output": "fails"}
    acts = {"steps": [step("acts", "act", inputs={"k": 1})], "output": "acts"}
    some = {"id": "some", "parallel": [{**tried, "fallback": acts}, step("good", inputs={"k": 0})]}

    check([{**some, "min_successful": 1}], [0.41])
    other = step("other", inputs={"k": 2})
    reader = step("reader", inputs={"k": "$steps.some"}, join={"steps": ["some", "other"], "min_successful": 1})
    check([{**some, "min_successful": 1}, other, reader], [0.41])


def test_a_fan_out_that_has_failed_is_told_to_the_next_plan_also_while_others_are_unrolled():
    """Its steps have proposed what fails, and acts would begin with what they have written to the context."""
    joins = {"steps": ["n3"], "complete_when": "$results.exists(r, r < '3')"}
    more = {"writes": {"p": "$output"}}
    first = [
        step("n3", "propose", inputs={"k": 2}, default="none", on_failure="default", **more),
        step("n4", inputs={"k": "$inputs.seed", "before": "$context.p"}, join=joins, **more),
    ]
    fallback = {"steps": [step("n6", inputs={"k": "$item"})], "output": "n6"}
    tried = {"id": "n2", "try": first, "output": "n4", "fallback": fallback}
    needs = {"output": "n2", "min_successful": 2, "default": "none", "on_failure": "default"}
    acts = {"steps": [step("n8", "act", inputs={"k": "$context.p"})], "output": "n8", "tolerated_failures": "50%"}
    both = [
        {"id": "n1", "for_each": "$inputs.list", "steps": [tried], **needs},
        {"id": "n7", "for_each": "$inputs.list", **acts, "max_concurrency": 2, "default": None},
    ]

    check([*both, step("n9", "propose", inputs={"k": 0}, after=["n7"], on_failure="skip")], [0.41, 0.41])
