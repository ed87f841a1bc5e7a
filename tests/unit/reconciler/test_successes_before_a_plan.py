"""A step that finishes while a plan is made that may skip it: how long planning takes does not complete a fan-out."""

import pytest
from declared import Declared, a_task, step

from reconciler.simulation import Restart
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import CompletionReason
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus

GONE, EARLY, LATER, LAST, FAILS = 1, 2, 3, 4, 5
SECONDS = {GONE: 0.1, EARLY: 0.3, FAILS: 0.35, LATER: 0.4, LAST: 2.0}
PLAN_S = 0.5
# Everything begins once the first plan is there, also where its steps are guessed.
BEGIN_S = 1.0
BEGUN_S = PLAN_S + BEGIN_S  # in mode wait
BEGIN = step("begin", inputs={"n": 0})
GONE_STEP = step("gone", inputs={"n": GONE}, after=["begin"], on_failure="skip")
MODES = pytest.mark.parametrize("mode", ["wait", "forerun"])


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def ended(_capability, inputs, _number):
    n = inputs.get("n")
    return Failure(kind=FailureKind.BAD_INPUT, message=f"{n} is bad") if n in (GONE, FAILS) else n


def seconds(_capability, inputs, _number):
    return SECONDS.get(inputs.get("n"), BEGIN_S)


def played(steps, *, mode="wait", plan_s=PLAN_S, **more):
    task = a_task([BEGIN, *steps], mode=mode)
    return Declared(task, output=ended, seconds=seconds, plan_s=plan_s, most_events=5_000, **more).play()


def work(name, n, **more):
    return step(name, inputs={"n": n}, **more)


def using(of):
    """A workflow that is used with an input that its step does not read."""
    return {"id": "block", "use": "other", "inputs": {"q": of}, "steps": [work("inner", EARLY)], "output": "inner"}


def turning(of):
    """A loop with a state that its step does not read."""
    more = {"state": {"q": of}, "next": {"q": "$steps.inner"}, "max": 1}
    return {"id": "block", "loop": [work("inner", EARLY)], "output": "inner", **more}


def running_over(of):
    """A list of which one element does not read what another one does."""
    alone = [{"id": "one", "for_each": [EARLY, of], "steps": [work("inner", "$item")], "output": "inner"}]
    return {"id": "block", "use": "other", "inputs": {"q": of}, "steps": alone, "output": "one"}


BLOCKS = pytest.mark.parametrize("block", [using, turning])


def both(*nodes, **policy):
    return {"id": "both", "parallel": list(nodes), "after": ["begin"], **policy}


@BLOCKS
@MODES
def test_a_step_whose_block_the_next_plan_skips_completes_no_quorum(block, mode):
    world = played([GONE_STEP, both(block("$steps.gone"), work("last", LAST), min_successful=1)], mode=mode)

    assert world.outputs == {"both": [LAST]}


@BLOCKS
def test_a_block_that_the_next_plan_keeps_completes_the_quorum(block):
    """It begins once the plan is there: before, nobody knows what its step would be part of."""
    gone = {**GONE_STEP, "on_failure": "default", "default": 9}

    world = played([gone, both(block("$steps.gone"), work("last", LAST), min_successful=1)])

    assert world.outputs["both"] == [EARLY]
    begins_s = BEGUN_S + SECONDS[GONE] + PLAN_S
    assert world.run.facts.completions["both"].at_s == pytest.approx(begins_s + SECONDS[EARLY])


@MODES
def test_of_several_successes_the_first_one_that_counts_completes_the_quorum(mode):
    nodes = [work("last", LAST), work("later", LATER), using("$steps.gone"), work("third", LATER + 0.05)]

    world = played([GONE_STEP, both(*nodes, min_successful=1)], mode=mode)

    assert world.outputs == {"both": [LATER]}


@MODES
def test_a_success_counts_after_a_failure_before_it(mode):
    policy = {"min_successful": 1, "tolerated_failures": 0, "on_failure": "default", "default": "failed"}

    world = played([GONE_STEP, both(work("fails", FAILS), work("later", LATER), **policy)], mode=mode)

    assert world.outputs["both"] == "failed"


def test_a_success_counts_before_a_failure_after_it():
    policy = {"min_successful": 1, "tolerated_failures": 0, "on_failure": "default", "default": "failed"}

    world = played([GONE_STEP, both(work("fails", FAILS), work("early", EARLY), **policy)])

    assert world.outputs["both"] == [EARLY]


def test_a_success_between_two_failures_counts_after_the_first_and_before_the_second():
    second = step("second", inputs={"n": FAILS}, after=["begin"], on_failure="skip")

    world = played([GONE_STEP, second, both(work("early", EARLY), work("last", LAST), min_successful=1)])

    assert world.run.facts.completions["both"].reason is CompletionReason.MIN_SUCCESSFUL_REACHED
    assert world.run.steps["last"].status is StepStatus.SKIPPED


def test_a_fan_out_that_times_out_meanwhile_goes_on_with_what_counts_and_came_in_time():
    nodes = [work("early", EARLY), work("later", LATER), using("$steps.gone"), work("last", LAST)]

    world = played([GONE_STEP, both(*nodes, timeout_s=0.35)])

    assert world.outputs == {"both": [EARLY]}
    assert world.run.facts.completions["both"].reason is CompletionReason.TIMED_OUT


def test_a_block_that_times_out_is_no_success_of_the_fan_out_around_it():
    few = {"id": "few", "for_each": [LAST], "steps": [work("one", "$item")], "output": "one", "timeout_s": 0.2}
    inside = {"id": "inside", "use": "other", "inputs": {}, "steps": [{**few, "on_failure": "skip"}], "output": "few"}

    world = played([both(inside, work("later", LATER), min_successful=1)])

    assert world.outputs == {"both": [LATER]}


def test_an_element_that_waits_for_the_plan_leaves_its_slot_to_the_next():
    nodes = [work("early", EARLY), work("later", LATER)]

    world = played([GONE_STEP, both(*nodes, max_concurrency=1)], plan_s=5.0)

    begun = {attempt.step.id: attempt.dispatched_s for attempt in world.run.attempts.values()}
    assert begun["later"] == pytest.approx(5.0 + BEGIN_S + SECONDS[EARLY])


@pytest.mark.parametrize("beside", [[], [both(work("a", EARLY), work("b", LAST), min_successful=1) | {"id": "first"}]])
def test_a_quorum_does_not_wait_for_a_plan_that_skips_nothing(beside):
    """Another quorum asks for a plan, and there is nothing that it could skip."""
    world = played([*beside, both(work("later", LATER), work("last", LAST), min_successful=1)])

    assert world.run.facts.completions["both"].at_s == pytest.approx(BEGUN_S + SECONDS[LATER])


def test_a_step_that_is_late_while_the_plan_is_made_fails_only_if_that_holds_it():
    late = step("inner", inputs={"n": LAST}, deadline_s=BEGUN_S + 0.3, after=["begin"])
    block = {**using("$steps.gone"), "steps": [late]}

    assert played([GONE_STEP, block, work("beside", EARLY, after=["begin"])]).outputs == {"beside": EARLY}


def test_a_step_that_is_late_while_the_plan_is_made_fails_the_task_if_that_holds_it():
    late = step("inner", inputs={"n": LAST}, deadline_s=BEGUN_S + 0.3, after=["begin"])
    block = {**using("$steps.gone"), "steps": [late]}

    world = played([{**GONE_STEP, "on_failure": "default", "default": 9}, block])

    assert world.run.status is RunStatus.FAILED
    assert "had not finished at its deadline" in world.run.end.failure.message
    assert world.run.at_s == pytest.approx(BEGUN_S + SECONDS[GONE] + PLAN_S)


@MODES
def test_a_restart_at_any_event_changes_nothing(mode):
    steps = [GONE_STEP, both(using("$steps.gone"), work("last", LAST), work("later", LATER), min_successful=1)]
    events = len(played(steps, mode=mode).simulation.events)

    for after in range(1, events + 1):
        assert played(steps, mode=mode, restarts=(Restart(after=after),)).outputs == {"both": [LATER]}, after


def test_an_act_does_not_begin_that_the_next_plan_may_skip():
    steps = [work("inner", EARLY), step("act", "act", inputs={"n": "$steps.inner"})]
    block = {**using("$steps.gone"), "steps": steps, "after": ["begin"]}

    skipped = played([GONE_STEP, block, work("beside", EARLY)])
    kept = played([{**GONE_STEP, "on_failure": "default", "default": 9}, block])

    assert "act" not in skipped.done
    [act] = [attempt for attempt in kept.run.attempts.values() if attempt.step.id == "act"]
    assert act.dispatched_s == pytest.approx(BEGUN_S + SECONDS[GONE] + PLAN_S + SECONDS[EARLY])


def test_an_act_begins_that_the_next_plan_cannot_skip():
    steps = [work("early", EARLY, after=["begin"]), step("act", "act", inputs={"n": "$steps.early"})]

    world = played([GONE_STEP, *steps])

    [act] = [attempt for attempt in world.run.attempts.values() if attempt.step.id == "act"]
    assert act.dispatched_s == pytest.approx(BEGUN_S + SECONDS[EARLY])


@MODES
@pytest.mark.parametrize("plan_s", [PLAN_S, 30.0])
def test_a_quorum_does_not_wait_for_a_plan_that_skips_something_else(plan_s, mode):
    other = {**using("$steps.gone"), "after": ["begin"]}

    world = played([GONE_STEP, other, both(work("later", LATER), work("last", LAST), min_successful=1)], plan_s=plan_s)

    begun_s = world.run.facts.started_s["both"]
    assert world.run.facts.completions["both"].at_s == pytest.approx(begun_s + SECONDS[LATER])


def test_a_quorum_does_not_wait_for_the_failures_of_another_fan_out():
    """The one tolerates failures, which its own readers learn of with the next plan."""
    tolerant = {"id": "some", "for_each": [GONE, LAST], "steps": [work("one", "$item")], "output": "one"}
    reads = step("reads", inputs={"n": 0, "all": "$steps.some"})

    world = played(
        [
            GONE_STEP,
            {**tolerant, "tolerated_failures": 1, "after": ["begin"]},
            reads,
            both(work("later", LATER), work("last", LAST), min_successful=1),
        ]
    )

    assert world.run.facts.completions["both"].at_s == pytest.approx(BEGUN_S + SECONDS[LATER])


@MODES
def test_of_elements_that_one_plan_ends_the_one_counts_whose_steps_were_done_first(mode):
    """A plan says that nothing is left of them; while another was made, both had got that far."""
    route = {"id": "route", "route": [{"when": "$steps.inner == 9", "steps": [work("never", 0)]}]}
    each = {"for_each": [LATER, EARLY], "steps": [work("inner", "$item", after=["begin"]), route], "output": "inner"}

    world = played([GONE_STEP, {"id": "both", **each, "min_successful": 1}], mode=mode)

    assert world.outputs == {"both": [EARLY]}


@MODES
def test_an_element_that_ends_with_a_condition_counts_when_that_was_known(mode):
    """Its step was done before, and the plan tells of it after another element, with which it comes together."""
    loop = {"id": "loop", "loop": [work("turn", LATER, after=["begin"])], "output": "turn", "max": 3}
    some = {"id": "some", "parallel": [work("inner", EARLY, after=["begin"])], "complete_when": "$results.size() >= 1"}

    world = played([both({**loop, "until": "$steps.turn > 0"}, some, min_successful=1)], mode=mode, evaluation_s=0.2)

    assert world.outputs["both"] == [LATER]


@MODES
def test_elements_whose_steps_are_all_skipped_count_when_the_conditions_inside_were_known(mode):
    """One plan tells of two of them, of which one is enough beside the one before."""
    inner = {"id": "inner", "parallel": [step("skipped", inputs={"n": "$steps.gone"}, default=8)]}
    some = {**inner, "complete_when": "$results.size() >= 1"}
    each = {"id": "each", "for_each": [1, 2, 3], "steps": [some], "output": "inner", "min_successful": 2}

    assert played([GONE_STEP, each], mode=mode).outputs == {"each": [[8], [8]]}


@pytest.mark.parametrize("later", [work("other", LATER), work("other", FAILS)])
@MODES
def test_an_element_counts_that_the_next_plan_ends_before_what_ends_meanwhile(mode, later):
    """All its steps are done, and only the plan says that nothing is left of it."""
    route = {"id": "route", "route": [{"when": "$steps.inner == 9", "steps": [work("never", 0)]}]}
    used = {"id": "block", "use": "other", "inputs": {}, "steps": [work("inner", EARLY), route], "output": "inner"}

    world = played([both({**used, "after": ["begin"]}, later, min_successful=1, tolerated_failures=0)], mode=mode)

    assert world.outputs["both"] == [EARLY]


@MODES
def test_a_default_that_waits_for_a_plan_completes_the_quorum_before_what_ends_meanwhile(mode):
    """The plan that is made unrolls something else."""
    each = {"id": "each", "for_each": {"cel": "[$steps.begin]"}, "steps": [work("one", "$item")], "output": "one"}
    early = work("early", EARLY, after=["begin"])
    later = {
        **each,
        "id": "again",
        "for_each": {"cel": "[$steps.early]"},
        "steps": [work("two", "$item")],
        "output": "two",
    }
    fails = work("fails", FAILS, on_failure="default", default="none")

    world = played([each, early, later, both(fails, work("later", LATER), min_successful=1)], mode=mode)

    assert world.outputs["both"] == ["none"]


@MODES
def test_the_defaults_of_elements_count_before_what_ends_at_the_same_moment(mode):
    """A plan without the first of them comes before the one that knows of the second."""
    fails = step("fails", inputs={"n": FAILS}, on_failure="default", default=0, after=["begin"])
    inner = {"id": "inner", "parallel": [fails, work("early", EARLY), work("like", FAILS + 1)], "min_successful": 2}
    lasting = {**SECONDS, FAILS: 0.35, FAILS + 1: 0.35}

    world = Declared(
        a_task([BEGIN, {"id": "each", "for_each": [1, 2], "steps": [inner], "after": ["begin"]}], mode=mode),
        output=ended,
        seconds=lambda _capability, inputs, _number: lasting.get(inputs.get("n"), BEGIN_S),
        plan_s=0.3,
    ).play()

    assert world.outputs == {"each": [[0, EARLY], [0, EARLY]]}


@MODES
def test_a_fan_out_that_goes_on_without_an_element_ends_the_element_around_it_at_once(mode):
    """Only the next plan tells what its list is. What ends until then does not complete the fan-out around it first."""
    parts = [work("early", EARLY), work("bad", FAILS)]
    inner = {"id": "inner", "parallel": parts, "tolerated_failures": 1}
    around = {"id": "around", "parallel": [inner, work("later", LATER)], "min_successful": 1, "after": ["begin"]}

    world = played([around], mode=mode)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"around": [[EARLY]]}


@MODES
def test_a_block_ends_when_its_last_step_has_and_not_when_the_next_one_of_another_element_has(mode):
    """It gives a literal, so a plan tells that it has ended only once it is known that `early` has."""
    gone, fallback = work("gone", GONE, on_failure="skip"), {"steps": [work("instead", LAST)]}
    tried = {"id": "tried", "try": [work("early", EARLY), gone], "output": "gone", "fallback": fallback}

    world = played([both({**tried, "default": "none"}, work("a", LATER), min_successful=1)], mode=mode)

    assert world.outputs == {"both": ["none"]}
