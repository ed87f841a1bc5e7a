"""A `try` that fails undoes what its steps have done, the last success first, before its fallback begins."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.agents import Catalog, Price
from planners.model import TaskId
from planners.tasks import RetryOf
from reconciler.simulation import Restart
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.kept_work import kept_attempts
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def done(name, n, *, capability="say", by="undo", after=(), **more):
    undo = {"capability": by, "inputs": {"of": f"$steps.{name}", "n": n}}
    return step(name, capability, inputs={"n": n}, compensate=undo, after=list(after), **more)


def booking(*fallback, **more):
    """Flight, hotel and payment, and what is done if one of them fails."""
    hotel, pay = done("hotel", 2, after=["flight"]), step("pay", inputs={"n": 3}, after=["hotel"])
    first = [done("flight", 1, **more), hotel, pay]
    return {"id": "trip", "try": first, "fallback": list(fallback) or [step("train", inputs={"n": 4})]}


def outputs(*bad, lost=()):
    def output(_capability, inputs, _number):
        n = inputs.get("n")
        if n in (lost if "of" in inputs else bad):
            return Failure(kind=FailureKind.BAD_INPUT, message=f"{n} is bad")
        return n

    return output


def played(steps, *bad, lost=(), mode="wait", **more):
    return Declared(a_task(steps, mode=mode), output=outputs(*bad, lost=lost), most_events=5_000, **more).play()


READ = step("told", inputs={"n": "$steps.trip"})


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_what_was_done_is_undone_before_the_fallback_begins(mode):
    world = played([booking(), READ], 3, mode=mode)

    run = world.run
    assert run.status is RunStatus.SUCCEEDED
    assert world.done == ["flight", "hotel", "pay", "undo:hotel", "undo:flight", "train", "told"]
    assert world.outputs == {"told": 4}
    assert run.steps["hotel"].status is StepStatus.FINISHED
    (train,) = [one for one in run.attempts.values() if one.step.id == "train"]
    undone = [one for one in run.attempts.values() if one.step.id == "undo:flight"]
    assert train.dispatched_s >= undone[0].ended_s


def test_a_compensation_reads_what_its_step_has_returned():
    world = played([booking()], 3)

    order = next(order for order in world.orders.values() if order.step == "undo:hotel")
    assert {name: world.value(source) for name, source in order.inputs.items()} == {"of": 2, "n": 2}


def test_a_try_that_succeeds_undoes_nothing():
    assert played([booking()]).done == ["flight", "hotel", "pay"]


def test_what_has_not_succeeded_is_not_undone():
    assert played([booking()], 2).done == ["flight", "hotel", "undo:flight", "train"]


def test_a_task_that_fails_later_undoes_nothing_twice():
    trip, end = {**booking(done("train", 4)), "after": ["before"]}, step("end", inputs={"n": 9}, after=["trip"])

    world = played([done("before", 7), trip, end], 3, 9)

    assert world.run.status is RunStatus.FAILED
    assert world.done == [
        *("before", "flight", "hotel", "pay", "undo:hotel", "undo:flight", "train", "end"),
        *("undo:train", "undo:before"),
    ]
    assert world.run.end.failure.message == "step 'end' failed: 9 is bad; undone: 'train', 'before'"


def test_a_compensation_that_fails_is_named_and_the_others_and_the_fallback_run():
    world = played([booking()], 3, lost=(2,))

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.done[-2:] == ["undo:flight", "train"]
    assert world.run.facts.given_up["undo:hotel"] == "step 'undo:hotel' failed: 2 is bad"


def test_a_compensation_that_failed_is_not_tried_again_when_the_task_fails():
    world = played([booking(), step("end", inputs={"n": 9}, after=["trip"])], 3, 9, lost=(2,))

    assert world.run.status is RunStatus.FAILED
    assert world.done.count("undo:hotel") == 1
    assert "'hotel' is not undone" in world.run.end.failure.message


def test_tries_inside_each_other_undo_each_step_once():
    inner = {**booking(step("train", inputs={"n": 4})), "id": "inner"}
    first = [done("visa", 5), {**inner, "after": ["visa"]}]
    outer = {"id": "trip", "try": first, "fallback": [step("stay", inputs={"n": 6})]}

    world = played([outer], 3, 4)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.done == ["visa", "flight", "hotel", "pay", "undo:hotel", "undo:flight", "train", "undo:visa", "stay"]


def test_what_is_still_undone_inside_is_undone_before_the_fallback_around_begins():
    inner = {"id": "inner", "try": [done("flight", 1), step("pay", inputs={"n": 3}, after=["flight"])]}
    inner["fallback"] = [step("train", inputs={"n": 4})]
    outer = {"id": "trip", "try": [inner, step("other", inputs={"n": 5})], "fallback": [step("stay", inputs={"n": 6})]}

    def seconds(_capability, inputs, _number):
        return 5.0 if "of" in inputs else 2.0 if inputs.get("n") == 5 else 0.5

    world = played([outer], 3, 5, seconds=seconds)

    (undone,) = [one for one in world.run.attempts.values() if one.step.id == "undo:flight"]
    (stay,) = [one for one in world.run.attempts.values() if one.step.id == "stay"]
    assert undone.took_effect
    assert stay.dispatched_s >= undone.ended_s


def test_an_act_that_runs_when_its_try_fails_is_undone_once_it_has_succeeded():
    first = [done("act", 1, capability="act", by="refund"), step("bad", inputs={"n": 3})]
    block = {"id": "trip", "try": first, "fallback": [step("train", inputs={"n": 4})]}

    world = played([block], 3, seconds=lambda capability, *_: 5.0 if capability == "act" else 0.5)

    assert world.run.status is RunStatus.SUCCEEDED
    assert "undo:act" in world.done
    assert world.outputs == {"trip": 4}


def test_an_act_that_ends_long_after_its_try_has_failed_is_undone():
    acting = {"id": "acting", "parallel": [done("book", 1, capability="act"), step("pay", inputs={"n": 3})]}
    trip = {"id": "trip", "try": [acting], "output": "acting", "fallback": [step("train", inputs={"n": 4})]}
    beside = [step("long", inputs={"n": 5}), step("last", inputs={"m": "$steps.long"})]
    lasts = {1: 4.0, 4: 0.5, 5: 4.1}

    def seconds(_capability, inputs, _number):
        return 0.1 if "of" in inputs else lasts.get(inputs.get("n"), 0.1)

    world = played([trip, *beside], 3, seconds=seconds)

    assert world.run.status is RunStatus.SUCCEEDED
    assert "undo:book" in world.done


@pytest.mark.parametrize("cancel_s", [2.6, 3.2, 3.6])
def test_a_cancel_while_a_try_is_undone_undoes_each_step_once(cancel_s):
    cancel = (cancel_s, e.CancelRequested(at_s=0, reason="no more"))

    world = played([booking()], 3, faults=(cancel,))

    assert world.run.status is RunStatus.CANCELLED
    assert sorted(one for one in world.done if one.startswith("undo:")) == ["undo:flight", "undo:hotel"]


def test_a_cancel_releases_a_compensation_that_a_limit_of_the_task_holds_back():
    agents = tuple(one.model_copy(update={"price": Price(usd_per_call=1.0)}) for one in CATALOG.agents)
    block = {"id": "trip", "try": [done("flight", 1), step("pay", inputs={"n": 3}, after=["flight"])]}
    task = a_task([{**block, "fallback": [step("train")]}], mode="wait", budget_usd=2.0, on_budget="ask")
    cancel = (5.0, e.CancelRequested(at_s=0))

    world = Declared(task, output=outputs(3), catalog=Catalog(agents=agents), faults=(cancel,)).play()

    assert world.run.status is RunStatus.CANCELLED
    assert world.done == ["flight", "pay", "undo:flight"]


@pytest.mark.parametrize("after", range(2, 26, 2))
def test_undoing_survives_restarts(after):
    world = played([booking(), READ], 3, restarts=(Restart(after=after),))

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"told": 4}
    ended = [one.step.id for one in world.run.attempts.values() if one.took_effect]
    assert ended.count("undo:hotel") == ended.count("undo:flight") == 1


def test_the_elements_of_a_fan_out_undo_each_their_own():
    block = {"id": "each", "for_each": "$inputs.items", "steps": [_element()]}
    task = a_task([block], {"items": [1, 2]}, mode="wait", outputs={"all": "$steps.each"})

    def output(_capability, inputs, _number):
        return Failure(kind=FailureKind.BAD_INPUT, message="bad") if inputs.get("bad") == 2 else inputs.get("n", 0)

    world = Declared(task, output=output, most_events=5_000).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert [one for one in world.done if one.startswith("undo:")] == ["undo:book[1]"]


def _element():
    book = done("book", "$item")
    return {
        "id": "trip",
        "try": [book, step("pay", inputs={"bad": "$item"}, after=["book"])],
        "fallback": [step("train", inputs={"n": 4})],
    }


def large(_capability, inputs, _number):
    """Payment fails; what is done has a large output, which compensations read."""
    if inputs.get("n") == 3:
        return Failure(kind=FailureKind.BAD_INPUT, message="bad")
    return Handoff(output="much", by_reference=True) if "of" not in inputs else "undone"


def test_a_lost_output_is_not_made_again_for_a_compensation():
    lost = (2.55, e.OutputsLost(at_s=0, attempts=("t.1",)))
    world = Declared(a_task([booking()], mode="wait"), output=large, faults=(lost,), most_events=5_000).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.done.count("flight") == 1
    assert "undo:flight" in world.run.facts.given_up


@pytest.mark.parametrize(
    "faults",
    [
        [(3.2, e.OutputsLost(at_s=0, attempts=("t.1",)))],
        [(3.2, e.OutputsLost(at_s=0, attempts=("t.1",))), (3.2, e.NodeLost(at_s=0, node="n1"))],
    ],
    ids=["the output", "the output, then the node"],
)
def test_a_compensation_that_runs_when_its_input_is_lost_goes_on(faults):
    """A lost node ends it, too: then it is given up, as it has no input to begin with again."""
    world = Declared(a_task([booking()], mode="wait"), output=large, faults=tuple(faults), most_events=5_000).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.done.count("flight") == world.done.count("undo:flight") == 1
    undone = world.run.steps["undo:flight"].status is StepStatus.FINISHED
    assert undone == (len(faults) == 1) == ("undo:flight" not in world.run.facts.given_up)


def test_a_doubt_about_a_compensation_whose_input_is_lost_stays_until_it_is_resolved():
    block = {"id": "trip", "try": [done("flight", 1, by="refund"), step("pay", inputs={"n": 3}, after=["flight"])]}
    faults = (
        (2.2, e.AttemptFailed(at_s=0, attempt="t.3", failure=Failure(kind=FailureKind.TIMEOUT, message="lost"))),
        (2.3, e.OutputsLost(at_s=0, attempts=("t.1",))),
        (4.0, e.DoubtResolved(at_s=0, attempt="t.3", happened=True, output=1)),
    )

    block["fallback"] = [step("train", inputs={"n": 4})]
    world = Declared(a_task([block], mode="wait"), output=large, faults=faults, most_events=5_000).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.done == ["flight", "pay", "undo:flight", "train"]
    assert world.run.steps["undo:flight"].status is StepStatus.FINISHED


def test_a_retry_does_again_what_was_undone():
    world = played([booking(), step("end", inputs={"n": 9}, after=["trip"])], 3, 9)

    kept = kept_attempts(world.run, RetryOf(task=TaskId("t")), promoted=(), agents={"doer", "sayer"}, nodes=("n1",))

    assert {one.step.id for one in kept}.isdisjoint({"flight", "hotel", "undo:flight"})


def test_a_loop_in_a_failed_try_makes_no_further_turn_beside_an_act():
    """The plan that unrolls the turn is asked for when the `try` has failed, and so holds no `try` that it could fail.

    It is not the plan that is on its way when the first turn ends and fails: that one was asked for because of a list.
    """
    turns = {
        "id": "turns",
        "loop": [step("bad", inputs={"n": 7, "turn": "$state.turn"}), step("good", "say", inputs={"n": 2})],
        "output": "good",
        "state": {"last": 0},
        "next": {"last": {"cel": "$steps.good + 1"}},
        "max": 3,
    }
    first = [turns, step("act", "act", inputs={"n": 3})]
    trip = {"id": "trip", "try": first, "fallback": [step("train", inputs={"n": 4})]}
    each = {"id": "each", "for_each": "$steps.list", "steps": [step("one", inputs={"n": "$item"})]}
    at_s = {7: 0.4, 2: 0.3, 3: 20.0, 9: 0.1}

    def output(_capability, inputs, _number):
        return [5, 6] if inputs["n"] == 9 else outputs(7)(None, inputs, None)

    task = a_task([trip, step("list", inputs={"n": 9}), each, READ], mode="wait")
    world = Declared(task, output=output, seconds=lambda _c, inputs, _n: at_s.get(inputs["n"], 0.5)).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs["told"] == 4
    assert {"good[0]", "act"} <= set(world.done)
    assert {"bad[1]", "good[1]"}.isdisjoint(world.done)


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_undoing_goes_on_once_a_join_has_nothing_to_wait_for(mode):
    """The fallback gives nothing, so that the join goes on with its default while the flight is undone."""
    skipped = {"id": "way", "route": [{"when": "false", "steps": [step("never", inputs={"n": 8})]}]}
    train = step("train", inputs={"n": 4, "way": "$steps.way"})
    join = {"steps": ["trip"], "complete_when": "size($results) > 0"}
    merge = step("merge", inputs={"n": 6, "all": ["$steps.trip"]}, join=join, default=0)

    world = played(
        [booking(skipped, train), merge], 3, mode=mode, seconds=lambda _c, inputs, _n: 5.0 if "of" in inputs else 0.5
    )

    assert world.run.status is RunStatus.SUCCEEDED
    assert {"undo:hotel", "undo:flight", "merge"} <= set(world.done)
    undone = [one for one in world.run.attempts.values() if one.step.id.startswith("undo:")]
    assert [one.took_effect for one in undone] == [True, True]
