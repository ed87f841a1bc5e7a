"""A fan-out that ends, or that has no elements, while a plan is made that decides what becomes of it."""

import pytest
from acting_runs import FAILS, FAILS_TOO, LASTING, MODES, PLAN_S, SECONDS, SLOW, begun, played, promoted, work
from declared import Declared, a_task, step

from reconciler.simulation import Restart
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind, Handoff


@MODES
@LASTING
def test_what_reads_a_fan_out_does_not_begin_with_an_element_that_ran_to_its_end(capability, mode):
    """The fan-out was complete without it; an act had begun in it."""
    both = {"id": "both", "parallel": [work("a", 3), work("b", 2, "act")], "min_successful": 1}

    world = played([both, step("then", capability, inputs={"all": "$steps.both"})], mode=mode)

    assert world.outputs["then"] == [3]


@pytest.mark.parametrize("plan_s", [0.1, 2.0])
def test_a_failure_in_an_element_that_a_quorum_goes_on_without_fails_nothing(plan_s):
    """An act was under way in it, which is awaited."""
    acting = [work("act", 2, "act"), step("fails", inputs={"n": FAILS, "all": "$steps.act"})]
    block = {"id": "block", "use": "other", "inputs": {}, "steps": acting, "output": "fails"}

    world = played([{"id": "both", "parallel": [work("a", 3), block], "min_successful": 1}], plan_s=plan_s)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"both": [3]}


def first_of(block):
    return {"id": "both", "parallel": [work("a", 3), block], "min_successful": 1}


@MODES
@pytest.mark.parametrize("plan_s", [0.1, 2.0])
def test_nothing_but_an_act_that_is_under_way_goes_on_in_an_element_that_a_quorum_goes_on_without(plan_s, mode):
    more = [step("later", "act", inputs={"all": "$steps.act"}), work("beside", SLOW), work("filed", SLOW, "file")]
    block = {"id": "block", "use": "other", "inputs": {}, "steps": [work("act", 2, "act"), *more], "output": "later"}

    world = played([first_of(block)], plan_s=plan_s, mode=mode)

    assert world.outputs == {"both": [3]}
    assert world.done_for_good() == {"act"}
    [act] = begun(world, "act")
    assert act.ended_s <= world.end_s < SECONDS[SLOW]


@MODES
@pytest.mark.parametrize("plan_s", [0.1, 2.0])
def test_a_join_that_fails_while_an_act_is_under_way_in_what_it_joins_fails_the_task(plan_s, mode):
    """The act is awaited, and the join does not go on without its result: it has none."""
    block = {"id": "block", "parallel": [work("act", 2, "act"), work("fails", FAILS)]}

    world = played([block, work("joins", 1, join={"steps": ["block"], "min_successful": 1})], plan_s=plan_s, mode=mode)

    assert world.run.status is RunStatus.FAILED
    assert "step 'fails' failed" in world.run.end.failure.message


LEFT_LOOP = {
    "id": "loop",
    "loop": [
        step("act", "act", inputs={"n": 2, "all": "$state.x"}),
        work("fails", {"cel": f"$state.x == 0 ? 1 : {FAILS}"}),
    ],
    "output": "act",
    "state": {"x": 0},
    "next": {"x": {"cel": "$state.x + 1"}},
    "max": 3,
}


@MODES
@pytest.mark.parametrize("plan_s", [0.1, 2.0])
def test_no_later_turn_begins_in_an_element_that_a_quorum_goes_on_without(plan_s, mode):
    """Its failure would be that of the task, because its fan-out is complete."""
    world = played([first_of({**LEFT_LOOP, "until": "$steps.act > 90"})], plan_s=plan_s, mode=mode)

    assert world.run.status is RunStatus.SUCCEEDED, world.run.end.failure
    assert world.done_for_good() == {"act[0]"}


@MODES
def test_no_condition_is_evaluated_in_an_element_that_has_failed_while_an_act_in_it_is_awaited(mode):
    """The plan holds a later turn of a loop in it, with steps that do not run."""
    join = {"steps": ["one"], "complete_when": "$results.size() >= 1"}
    turn = [work("one", 1), work("joins", FAILS, join=join, default=None)]
    loop = {"id": "loop", "loop": turn, "output": "joins", "state": {"x": 0}, "next": {"x": "$steps.joins"}, "max": 3}
    acts = [work("act", SLOW, "act"), {**loop, "until": "$steps.joins == 5"}]
    block = {"id": "block", "use": "other", "inputs": {}, "steps": acts, "output": "loop", "on_failure": "skip"}

    world = played([block, work("beside", 1)], mode=mode)

    assert world.outputs == {"beside": 1}
    assert len(world.evaluations) == 1
    assert world.done_for_good() == {"act"}


def test_a_restart_at_any_event_changes_nothing_where_an_act_is_awaited():
    steps = [first_of({**LEFT_LOOP, "until": "$steps.act > 90"})]

    for after in range(1, len(played(steps).simulation.events) + 1):
        world = played(steps, restarts=(Restart(after=after),))

        assert world.outputs == {"both": [3]}, after
        assert world.done_for_good() <= {"act[0]"}, after


def test_a_fan_out_without_elements_that_needs_one_fails_the_task():
    each = {"id": "each", "for_each": [], "min_successful": 1, "steps": [step("inner", inputs={"item": "$item"})]}

    world = played([{**each, "output": "inner"}])

    assert world.run.status is RunStatus.FAILED
    assert "'each' needs 1 results, and it has 0 elements" in world.run.end.failure.message


@MODES
@LASTING
def test_what_reads_a_fan_out_without_elements_that_needs_one_is_not_done(capability, mode):
    """It has no parent, and the plan that is coming skips it."""
    each = {"id": "each", "for_each": [], "min_successful": 1, "on_failure": "skip", "steps": [work("inner", "$item")]}
    reads = step("reads", capability, inputs={"all": "$steps.each"})

    world = played([{**each, "output": "inner"}, reads, work("beside", 1)], mode=mode)

    assert world.outputs == {"beside": 1}
    assert capability == "file" or not begun(world, "reads")
    assert not world.done_for_good()


@MODES
@LASTING
@pytest.mark.parametrize("kind", ["try", "use"])
def test_what_follows_a_list_without_elements_is_not_done_if_what_that_joins_gives_nothing(kind, capability, mode):
    """The join fails as soon as a plan tells what there is to join, and in that plan nothing follows the list."""
    odd = step("odd", inputs={"n": FAILS, "all": "$steps.good"}, on_failure="skip")
    fallback = {"steps": [work("other", 3)], "output": "other"}
    instead = {"steps": [work("instead", 3)], "output": "instead"}
    tried = {"id": "tried", "try": [work("good", 2), odd], "output": "odd", "fallback": instead}
    join = {"steps": ["tried"], "min_successful": 1}
    each = {"id": "each", "for_each": [], "steps": [work("never", "$item")], "output": "never", "join": join}
    nodes = [tried, {**each, "on_failure": "skip"}]
    blocks = {"try": {"try": nodes, "fallback": fallback}, "use": {"use": "other", "inputs": {}, "steps": nodes}}

    world = played(
        [{**blocks[kind], "id": "block", "output": "each"}, work("then", 5, capability, after=["block"])], mode=mode
    )

    assert world.run.status is RunStatus.SUCCEEDED
    assert promoted(world) == []
    assert capability == "file" or begun(world, "then") == []


def test_an_act_beside_a_condition_that_holds_without_elements_does_not_wait_for_a_plan():
    each = {"id": "each", "for_each": [], "complete_when": "$results.size() >= 0", "steps": [work("inner", "$item")]}

    world = played([{**each, "output": "inner"}, work("beside", 1), step("acts", "act", inputs={"n": "$steps.beside"})])

    [act] = begun(world, "acts")
    assert act.dispatched_s == pytest.approx(PLAN_S + SECONDS[1])


EMPTY = {"id": "empty", "for_each": [], "steps": [work("never", "$item")], "output": "never"}


@MODES
@pytest.mark.parametrize("more", [[], [EMPTY]], ids=["", "an element without steps behind it"])
def test_a_guess_does_not_take_the_place_of_an_element_before_it(more, mode):
    """An act is the first element, so that no guess can start it."""
    steps = [work("early", 1), step("late", inputs={"all": "$steps.early"})]
    second = {"id": "second", "use": "other", "inputs": {}, "steps": steps, "output": "late"}

    both = {"id": "both", "parallel": [work("act", 2, "act"), second, *more], "max_concurrency": 1}

    world = played([both], mode=mode)

    assert [attempt.step.id for attempt in world.run.attempts.values()] == ["act", "early", "late"]


@MODES
@pytest.mark.parametrize("capability", ["propose", "do"])
def test_an_element_that_has_begun_keeps_its_place_when_a_plan_comes(capability, mode):
    """It waits for a plan that holds what it has proposed, or for a retry; another one comes first in the plan."""

    tries = iter([Failure(kind=FailureKind.ERROR, message="not yet")])

    def output(capability, inputs, _number):
        if inputs.get("n") == FAILS:
            return Failure(kind=FailureKind.BAD_INPUT, message="it is bad")
        if capability == "propose":
            return Handoff(output="thoughts", next={"steps": [work("last", 3)], "inputs": {}})
        return next(tries, 2) if inputs.get("n") == 2 else inputs.get("n")

    def seconds(_capability, inputs, _number):
        return {1: PLAN_S + 0.12, FAILS: 0.1, 2: PLAN_S + 0.08}.get(inputs.get("n"), 0.5)

    first = step("first", "act", inputs={"all": "$steps.early"})
    both = {"id": "both", "parallel": [first, work("second", 2, capability)], "max_concurrency": 1}
    steps = [work("early", 1), work("fails", FAILS, on_failure="skip"), both]
    world = Declared(a_task(steps, mode=mode), output=output, seconds=seconds, plan_s=PLAN_S).play()

    begun_in_both = [one for one in world.done if one.startswith(("first", "second"))]
    assert begun_in_both == ["second", "second" if capability == "do" else "second/last", "first"]


@MODES
@pytest.mark.parametrize("plan_s", [0.1, 2.0])
def test_a_fan_out_without_elements_that_needs_one_is_no_result_of_a_join(plan_s, mode):
    """It fails the join before anything else counts, whether or not another result is there before the next plan."""
    each = {"id": "each", "for_each": [], "min_successful": 1, "steps": [work("inner", "$item")], "output": "inner"}
    join = {"steps": ["each", "a", "b"], "complete_when": "$results.size() >= 1"}

    others = [work("a", 3), work("b", 2), step("reads", inputs={"all": "$steps.a"})]
    world = played([each, *others, step("then", join=join)], mode=mode, plan_s=plan_s)

    assert world.run.status is RunStatus.FAILED
    assert "'each' needs 1 results, and it has 0 elements" in world.run.end.failure.message
    assert world.evaluations == []


@pytest.mark.parametrize("plan_s", [0.01, 0.5])
def test_a_block_counts_as_no_result_once_what_it_reads_has_failed(plan_s):
    """The failure waits for a plan that is coming for another one; so does what ends in the block meanwhile."""
    failing = [work("other", FAILS_TOO, on_failure="skip"), work("gone", FAILS, on_failure="skip")]
    block = {"id": "block", "use": "other", "inputs": {"q": "$steps.gone"}, "steps": [work("in", 3)], "output": "in"}
    some = {"id": "some", "parallel": [block, work("good", 2)], "min_successful": 1}

    world = played([*failing, some], plan_s=plan_s)

    assert world.outputs == {"some": [2]}


@pytest.mark.parametrize("plan_s", [0.02, 0.5, 2.0])
def test_an_element_that_takes_two_plans_to_end_is_a_result_before_what_ends_meanwhile(plan_s):
    """The first one tells that a part of its output is missing, and the second one what the element gives instead."""
    first = [work("early", 1), step("fails", inputs={"n": FAILS}, after=["early"], on_failure="skip")]
    tried = {"id": "tried", "try": first, "output": "fails", "fallback": {"steps": [work("other", 1)]}, "default": "no"}
    some = {"id": "some", "parallel": [work("quick", 1), tried, work("late", 2)], "min_successful": 2}

    world = played([some], plan_s=plan_s)

    assert world.outputs == {"some": [1, "no"]}


@pytest.mark.parametrize("plan_s", [0.02, 0.5, 2.0])
def test_nothing_gets_out_once_the_condition_of_a_fan_out_that_a_plan_decides_about_has_no_value(plan_s):
    """The answer came before the output, and the plan that is awaited fails the task for it."""
    loop = {"id": "loop", "loop": [work("turn", 3)], "output": "turn", "max": 2, "until": "$steps.turn > 90"}
    some = {"id": "some", "parallel": [work("quick", 1), loop], "complete_when": "$results.exists(r, r < '3')"}
    late = [work("early", 2), step("file", "file", inputs={"n": 3}, after=["early"])]

    world = played([some, *late], plan_s=plan_s, evaluation_s=0.3)

    assert "complete_when of 'some' has no value" in world.run.end.failure.message
    assert promoted(world) == []


def test_what_ends_while_a_plan_is_made_counts_in_joins_after_what_that_plan_ends():
    """Only the plan tells that the list goes on without its element."""
    none = {"id": "none", "for_each": [FAILS], "steps": [work("one", "$item", on_failure="skip")], "output": "one"}
    condition = {"complete_when": "$results.size() >= 1"}
    join = {"steps": ["none", "later"], **condition}
    joins = [step(name, inputs={"all": ["$steps.none", "$steps.later"]}, join=join) for name in ("first", "second")]

    world = played([{**none, **condition}, work("later", 3), *joins])

    assert world.outputs == {"first": [[], None], "second": [[], None]}


@MODES
@pytest.mark.parametrize("plan_s", [0.1, PLAN_S])
def test_a_quorum_waits_for_the_fallback_of_an_element_also_while_something_is_unrolled(plan_s, mode):
    """What fails in it has no parent, and the plan tells so together with a result that has ended before."""
    join = {"steps": ["never"], "min_successful": 1}
    way = {"id": "way", "route": [{"when": "$steps.begin > 5", "steps": [work("other", 1)]}]}
    never = step("never", inputs={"all": "$steps.way"}, writes={"p": "$output"})
    tried = {"id": "tried", "try": [never, work("joins", {"cel": "$context.p"}, join=join)], "output": "joins"}
    tried |= {"fallback": {"steps": [work("instead", 2)], "output": "instead"}}
    some = {"id": "some", "parallel": [tried, step("skipped", inputs={"all": "$steps.way"}), work("good", 1)]}

    some |= {"min_successful": 2, "on_failure": "default", "default": "none"}

    world = played([work("begin", 3), way, some], plan_s=plan_s, mode=mode)

    assert world.outputs == {"some": [2, 1]}
