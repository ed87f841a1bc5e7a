"""A step that fails while a plan is made that may do without it: how long planning takes decides nothing."""

import pytest
from declared import Declared, a_task, step

from reconciler.simulation import Restart
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus
from reconciler.state.waiting import WaitKind

GONE, EARLY, LATE = 1, 2, 3
SECONDS = {GONE: 0.1, EARLY: 0.3, LATE: 0.4}
MODES = pytest.mark.parametrize("mode", ["wait", "forerun"])
GONE_STEP = step("gone", inputs={"n": GONE}, on_failure="skip")


LIST = {"id": "each", "for_each": {"cel": "[$steps.known]"}, "steps": [step("one", inputs={"m": 9})], "output": "one"}


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def ended(_capability, inputs, _number):
    """What has a number ends at its moment, and badly."""
    n = inputs.get("n")
    return Failure(kind=FailureKind.BAD_INPUT, message=f"{n} is bad") if n in SECONDS else n


def played(steps, *, mode="wait", plan_s=0.5, other_s=1.0, **more):
    def seconds(_capability, inputs, _number):
        return SECONDS.get(inputs.get("n"), other_s)

    task = a_task(steps, mode=mode)
    return Declared(task, output=ended, seconds=seconds, plan_s=plan_s, most_events=5_000, **more).play()


def using(of, **more):
    """A workflow that is used with an input, and has a step that does not read it."""
    steps = [step("inner", inputs={"n": EARLY}), step("last", inputs={"q": "$inputs.block/q", "m": "$steps.inner"})]
    return {"id": "block", "use": "other", "inputs": {"q": of}, "steps": steps, "output": "last", **more}


def turning(of):
    """A loop with a state, and a step that does not read it."""
    steps = [step("inner", inputs={"n": EARLY}), step("last", inputs={"q": "$state.q", "m": "$steps.inner"})]
    return {"id": "block", "loop": steps, "output": "last", "state": {"q": of}, "next": {"q": "$steps.last"}, "max": 2}


def running_over(of):
    """A list of which one element does not read what another one does."""
    return {"id": "block", "for_each": [of, EARLY], "steps": [step("inner", inputs={"n": "$item"})], "output": "inner"}


BLOCKS = pytest.mark.parametrize("block", [using, turning, running_over])


@BLOCKS
@MODES
def test_a_step_whose_block_the_next_plan_skips_fails_nothing(block, mode):
    world = played([GONE_STEP, step("beside", inputs={"n": 7}), block("$steps.gone")], mode=mode)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"beside": 7}
    assert not [step for step in world.run.steps.values() if step.status is StepStatus.FAILED and step.step != "gone"]


@MODES
def test_a_turn_of_a_loop_that_is_not_made_fails_nothing(mode):
    turn = [
        step("odd", inputs={"n": "$state.n"}, on_failure="skip"),
        step("inner", inputs={"n": "$state.m"}),
        step("last", inputs={"n": 9}),
    ]
    state = {"state": {"n": GONE, "m": 8}, "next": {"n": "$steps.odd", "m": EARLY}}
    loop = {"id": "turns", "loop": turn, "output": "last", "max": 2, **state}

    world = played([loop], mode=mode)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"turns": 9}


@MODES
def test_an_element_is_not_failed_by_a_step_that_the_next_plan_skips(mode):
    steps = [GONE_STEP, using("$steps.gone"), step("kept", inputs={"n": "$item"})]
    many = {"id": "many", "for_each": [7], "steps": steps, "output": "kept", "on_failure": "default", "default": [-1]}

    assert played([many], mode=mode).outputs == {"many": [7]}


@MODES
def test_a_step_that_the_next_plan_still_holds_fails_the_task(mode):
    world = played([GONE_STEP, step("other", inputs={"n": EARLY})], mode=mode)

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.message == "step 'other' failed: 2 is bad"


@MODES
def test_a_default_keeps_the_block_and_its_failure(mode):
    world = played([{**GONE_STEP, "on_failure": "default", "default": 5}, using("$steps.gone")], mode=mode)

    assert world.run.end.failure.message == "step 'inner' failed: 2 is bad"


def test_of_several_failures_the_first_one_counts():
    steps = [GONE_STEP, step("a-late", inputs={"n": LATE}), step("early", inputs={"n": EARLY})]

    assert played(steps).run.end.failure.message == "step 'early' failed: 2 is bad"


@pytest.mark.parametrize("more", [[], [step("known", inputs={"m": 7}, after=["good"]), LIST]], ids=["alone", "a list"])
def test_a_condition_without_a_value_counts_after_a_failure_before_it(more):
    some = {"id": "some", "parallel": [step("good", inputs={"m": 8})], "complete_when": "$results.exists(r, r < '3')"}
    steps = [GONE_STEP, *more, some, step("early", inputs={"n": EARLY})]

    world = played(steps, other_s=0.08, evaluation_s=0.3)

    [answer] = [one for one in world.simulation.events if isinstance(one, e.QuorumEvaluated)]
    assert answer.failure
    assert world.run.end.failure.message == "step 'early' failed: 2 is bad"


KNOWN = step("known", inputs={"m": 7})
ENOUGH = {"id": "known", "parallel": [step("good", inputs={"m": 7}), step("slow", inputs={"m": 8})]}
REACHED = {"id": "known", "parallel": [step("good", inputs={"m": 6})], "complete_when": "$results.exists(r, r == 6)"}
PROPOSING = step("known", "propose", inputs={"m": 7})


def route(when):
    """A route whose condition has no value once it is evaluated."""
    return {"id": "route", "route": [{"steps": [step("never")], "output": "never", "when": when}]}


PROPOSAL = {"steps": [route("$inputs.n < '5'")], "inputs": {"n": 7}}


@pytest.mark.parametrize(
    "steps",
    [
        [KNOWN, route("$steps.known < '5'")],
        [{**ENOUGH, "min_successful": 1}, route("$steps.known[0] < '5'")],
        [REACHED, route("$steps.known[0] < '5'")],
        [PROPOSING],
    ],
    ids=["an output", "a quorum", "a condition", "a proposal"],
)
def test_a_failure_waits_for_no_plan_that_is_needed_only_by_what_came_after_it(steps):
    """The plan after the next one cannot be made, and counted before the failure that had been there first."""

    def output(capability, inputs, number):
        given = ended(capability, inputs, number)
        return Handoff(output=given, next=PROPOSAL) if capability == "propose" else given

    def seconds(_capability, inputs, _number):
        return SECONDS.get(inputs.get("n"), {6: 0.08, 7: 0.35}.get(inputs.get("m"), 2.0))

    task = a_task([GONE_STEP, *steps, step("early", inputs={"n": EARLY})], mode="wait")
    world = Declared(task, output=output, seconds=seconds, plan_s=0.5, evaluation_s=0.3, most_events=5_000).play()

    assert world.run.end.failure.message == "step 'early' failed: 2 is bad"


def test_a_failure_does_not_wait_where_no_plan_is_made():
    world = played([step("other", inputs={"n": EARLY}), step("beside", inputs={"n": 7})])

    assert world.run.at_s == pytest.approx(0.5 + SECONDS[EARLY])


def test_a_fan_out_counts_a_failure_before_what_follows_it():
    steps = [step("first", inputs={"n": EARLY}), step("second", inputs={"n": 7})]
    policy = {"min_successful": 1, "tolerated_failures": 0, "on_failure": "default", "default": "failed"}

    world = played([GONE_STEP, {"id": "both", "parallel": steps, **policy}], other_s=0.35)

    assert world.outputs["both"] == "failed"


def test_a_quorum_is_reached_at_its_moment_whatever_becomes_of_a_failure_before():
    steps = [step("first", inputs={"n": EARLY}), step("second", inputs={"n": 7}), step("third", inputs={"m": 8})]
    task = [GONE_STEP, step("beside", inputs={"n": 9}), {"id": "some", "parallel": steps, "min_successful": 1}]

    def seconds(_capability, inputs, _number):
        return SECONDS.get(inputs.get("n"), {7: 0.35, 9: 2.0}.get(inputs.get("n"), 0.4))

    world = Declared(a_task(task, mode="wait"), output=ended, seconds=seconds, plan_s=0.5, most_events=5_000).play()

    assert world.outputs["some"] == [7]


def test_a_failure_inside_reaches_the_fan_out_around_before_what_follows_it():
    inner = {"id": "inner", "parallel": [step("first", inputs={"n": EARLY})], "max_concurrency": 1}
    policy = {"min_successful": 1, "tolerated_failures": 0, "on_failure": "default", "default": "failed"}

    world = played(
        [GONE_STEP, {"id": "both", "parallel": [inner, step("second", inputs={"n": 7})], **policy}], other_s=0.35
    )

    assert world.outputs["both"] == "failed"


def test_the_step_tells_what_it_waits_for():
    seen = []

    class Watched(Declared):
        def _watch(self, now_s, news):
            super()._watch(now_s, news)
            seen.append(self.run.waiting("inner"))

    task = a_task([GONE_STEP, step("beside", inputs={"n": 7}), step("inner", inputs={"n": EARLY})], mode="wait")
    Watched(task, output=ended, seconds=lambda _c, inputs, _n: SECONDS.get(inputs.get("n"), 1.0)).play()

    [told] = {one.message for one in seen if one is not None and one.kind is WaitKind.NEW_PLAN}
    assert told == "waiting for a new plan: it failed (2 is bad), and the plan may do without it"


@MODES
def test_a_restart_at_any_event_changes_nothing(mode):
    steps = [GONE_STEP, step("beside", inputs={"n": 7}), using("$steps.gone")]
    events = len(played(steps, mode=mode).simulation.events)

    for after in range(1, events + 1):
        assert played(steps, mode=mode, restarts=(Restart(after=after),)).outputs == {"beside": 7}, after


def test_a_step_that_fails_on_what_the_next_plan_gives_it_no_more_fails_nothing():
    """One result was enough, and the other one, a guess that had finished as well, does not count."""
    each = {"id": "each", "for_each": [7, 8], "steps": [step("inner", inputs={"n": "$item"})], "min_successful": 1}
    reader = step("reader", inputs={"all": "$steps.each"})

    def output(_capability, inputs, _number):
        bad = Failure(kind=FailureKind.BAD_INPUT, message="too many")
        return bad if len(inputs.get("all", ())) > 1 else inputs.get("n", 0)

    world = Declared(a_task([each, reader]), output=output, seconds=lambda *_: 0.1, plan_s=0.5).play()

    assert world.outputs == {"reader": 0}


@MODES
def test_optional_steps_that_fail_together_wait_for_no_plan_each(mode):
    many = [step(f"s{number}", inputs={"n": GONE}, on_failure="skip") for number in range(20)]

    world = played([*many, step("beside", inputs={"n": 7})], mode=mode)

    assert world.outputs == {"beside": 7}
    assert len(world.run.facts.given_up) == len(many)
    assert len(world.plans) <= 4
