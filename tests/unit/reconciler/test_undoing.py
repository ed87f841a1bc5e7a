"""A task that fails or is cancelled undoes what its steps have done, the last success first, and then ends."""

import pytest
from declared import Declared, a_task, step

from planners.model import NodeId, TaskId
from planners.tasks import AdmittedTask, RetryOf
from reconciler.simulation import Restart, Stalled
from reconciler.state import events as e
from reconciler.state.commands import Dispatch, RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.kept_work import kept_attempts
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus
from reconciler.views.projections import task_view, timeline


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def done(name, n, *, capability="say", by="undo", after=(), **more):
    undo = {"capability": by, "inputs": {"of": f"$steps.{name}", "n": n}}
    return step(name, capability, inputs={"n": n}, compensate=undo, after=list(after), **more)


def outputs(*bad, lost=()):
    """Agents return their ``n``; those whose ``n`` is bad fail for good, and lost compensations fail too."""

    def output(capability, inputs, _number):
        n = inputs.get("n")
        if n in bad and "of" not in inputs:
            return Failure(kind=FailureKind.BAD_INPUT, message=f"{n} is bad")
        if n in lost and "of" in inputs:
            return Failure(kind=FailureKind.BAD_INPUT, message=f"{n} cannot be undone")
        return n

    return output


def world_of(steps, output, mode="wait", inputs=None, **more):
    limits = more.pop("limits", {})
    task = a_task(steps, inputs, mode=mode, **limits)
    return Declared(task, output=output, **{"most_events": 5_000, **more})


SAGA = [done("flight", 1), done("hotel", 2, after=["flight"]), step("pay", "say", inputs={"n": 3}, after=["hotel"])]


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_a_task_that_fails_undoes_what_has_succeeded_the_last_first(mode):
    world = world_of(SAGA, outputs(3), mode).play()

    assert world.run.status is RunStatus.FAILED
    assert world.done[-2:] == ["undo:hotel", "undo:flight"]
    assert world.run.end.failure.message == "step 'pay' failed: 3 is bad; undone: 'hotel', 'flight'"
    assert world.run.steps["undo:flight"].status is StepStatus.FINISHED
    assert world.run.steps["pay"].status is StepStatus.FAILED
    assert world.run.steps["hotel"].status is StepStatus.FINISHED


def test_a_compensation_reads_what_its_step_has_returned():
    world = world_of(SAGA, outputs(3)).play()

    order = next(order for order in world.orders.values() if order.step == "undo:hotel")
    assert {name: world.value(source) for name, source in order.inputs.items()} == {"of": 2, "n": 2}


def test_a_task_that_succeeds_undoes_nothing():
    world = world_of(SAGA, outputs()).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.done == ["flight", "hotel", "pay"]


def test_a_task_that_is_cancelled_undoes_what_has_succeeded():
    world = world_of(SAGA, outputs(), faults=((1.2, e.CancelRequested(at_s=0, reason="no more")),)).play()

    assert world.run.status is RunStatus.CANCELLED
    assert world.done == ["flight", "hotel", "undo:flight"]
    assert world.run.end.failure.message == "no more; undone: 'flight'"


def test_a_second_cancel_does_not_stop_the_undoing():
    cancels = tuple((at_s, e.CancelRequested(at_s=0)) for at_s in (1.7, 2.0, 2.4))

    assert world_of(SAGA, outputs(), faults=cancels).play().done[-2:] == ["undo:hotel", "undo:flight"]


def test_a_passed_deadline_and_a_spent_budget_do_not_stop_the_undoing():
    world = world_of(SAGA, outputs(), limits={"deadline_s": 1.7}, seconds=lambda *_: 0.55).play()

    assert world.run.status is RunStatus.FAILED
    assert world.done[-2:] == ["undo:hotel", "undo:flight"]
    assert "the deadline of 1.7 s has passed" in world.run.end.failure.message


def test_an_act_that_runs_when_the_task_fails_is_undone_once_it_has_acted():
    steps = [done("act", 1, capability="act"), done("early", 2), step("bad", "say", inputs={"n": 3})]
    seconds = lambda _capability, inputs, _number: 4.0 if inputs == {"n": 1} else 0.5  # noqa: E731

    world = world_of(steps, outputs(3), seconds=seconds).play()

    assert world.done[-2:] == ["undo:act", "undo:early"]
    assert world.run.status is RunStatus.FAILED


def test_nothing_is_undone_on_a_guess():
    world = world_of(SAGA, outputs(3), "forerun").play()

    assert not any(one.began_speculative for one in world.run.attempts.values() if one.step.id.startswith("undo:"))


def test_a_compensation_that_fails_for_good_does_not_stop_the_others():
    world = world_of(SAGA, outputs(3, lost=(2,))).play()

    assert world.done[-2:] == ["undo:hotel", "undo:flight"]
    assert world.run.end.failure.message == (
        "step 'pay' failed: 3 is bad; undone: 'flight'; 'hotel' is not undone: 2 cannot be undone"
    )


def test_a_compensation_is_retried():
    flaky = outputs(3)

    def output(capability, inputs, number):
        if capability == "undo" and number == 4:
            return Failure(kind=FailureKind.ERROR, message="try again")
        return flaky(capability, inputs, number)

    world = world_of(SAGA, output).play()

    assert world.done[-3:] == ["undo:hotel", "undo:hotel", "undo:flight"]


def test_an_irreversible_compensation_is_carried_out_once_wherever_the_service_is_restarted():
    steps = [done("flight", 1, by="refund"), done("hotel", 2, by="refund", after=["flight"]), SAGA[2]]
    events = len(world_of(steps, outputs(3)).play().simulation.events)

    for after in range(1, events + 1):
        world = world_of(steps, outputs(3), restarts=(Restart(after),)).play()
        acts = [order for order in world.simulation.commands if isinstance(order, Dispatch) and "undo" in order.step]
        assert len({order.attempt for order in acts}) == len(acts)
        doubts = world.run.in_doubt
        assert world.run.status is (RunStatus.IN_DOUBT if doubts else RunStatus.FAILED), after
        for doubt in doubts:
            world.simulation.post(world.run.at_s + 1, e.DoubtResolved(at_s=0, attempt=doubt.id, happened=True))
        world.simulation.go_on()
        assert world.run.status is RunStatus.FAILED, after
        assert "undone: 'hotel', 'flight'" in world.run.end.failure.message, (after, world.run.end.failure)


def test_elements_and_turns_are_undone_each_by_itself():
    each = {"id": "each", "for_each": [5, 6], "steps": [item_step("book")]}
    turns = {
        "id": "turns",
        "loop": [state_step("note")],
        "state": {"n": 7},
        "next": {"n": 8},
        "max": 2,
        "after": ["each"],
    }

    world = world_of([each, turns, step("bad", "say", inputs={"n": 3}, after=["turns"])], outputs(3)).play()

    assert world.done[-4:] == ["undo:note[1]", "undo:note[0]", "undo:book[1]", "undo:book[0]"]
    read = [world.value(order.inputs["n"]) for order in world.orders.values() if order.step.startswith("undo:")]
    assert read == [8, 7, 6, 5]


def item_step(name):
    undo = {"capability": "undo", "inputs": {"of": f"$steps.{name}", "n": "$item"}}
    return step(name, "say", inputs={"n": "$item"}, compensate=undo)


def state_step(name):
    undo = {"capability": "undo", "inputs": {"of": f"$steps.{name}", "n": "$state.n"}}
    return step(name, "say", inputs={"n": "$state.n"}, compensate=undo)


def test_what_was_dropped_after_it_had_succeeded_is_undone_too():
    each = {
        "id": "each",
        "for_each": [5, 3],
        "tolerated_failures": 1,
        "steps": [item_step("book"), step("check", "say", inputs={"n": "$item"}, after=["book"])],
    }
    late = step("bad", "say", inputs={"n": 4}, after=["each"])

    world = world_of([each, late], checked).play()

    assert world.run.steps["check[1]"].status is StepStatus.FAILED
    assert sorted(world.done[-2:]) == ["undo:book[0]", "undo:book[1]"]
    assert world.run.status is RunStatus.FAILED


def checked(_capability, inputs, number):
    """The third dispatch and later ones fail where ``n`` is 3 or 4, unless they undo."""
    n = inputs.get("n")
    if "of" not in inputs and (n == 4 or (n == 3 and number > 2)):
        return Failure(kind=FailureKind.BAD_INPUT, message=f"{n} is bad")
    return n


def test_an_act_in_doubt_is_undone_once_it_is_known_to_have_happened():
    steps = [done("act", 1, capability="act"), done("early", 2), step("bad", "say", inputs={"n": 3})]
    lost = Failure(kind=FailureKind.WORKER_LOST, message="its process died", counts=False)

    def output(capability, inputs, number):
        return lost if capability == "act" else outputs(3)(capability, inputs, number)

    world = world_of(steps, output).play()

    assert world.run.status is RunStatus.IN_DOUBT
    assert world.done[-1] == "undo:early"
    (doubt,) = world.run.in_doubt
    world.values[doubt.id] = "acted"
    world.simulation.post(9.0, e.DoubtResolved(at_s=0, attempt=doubt.id, happened=True, output="acted"))
    world.simulation.go_on()
    assert world.done[-1] == "undo:act"
    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.message.endswith("undone: 'early', 'act'")


def test_an_act_in_doubt_that_did_not_happen_is_not_undone():
    steps = [done("act", 1, capability="act"), step("bad", "say", inputs={"n": 3})]
    lost = Failure(kind=FailureKind.WORKER_LOST, message="its process died", counts=False)
    world = world_of(steps, lambda *order: lost if order[0] == "act" else outputs(3)(*order)).play()

    (doubt,) = world.run.in_doubt
    world.simulation.post(9.0, e.DoubtResolved(at_s=0, attempt=doubt.id, happened=False))
    world.simulation.go_on()

    assert world.run.status is RunStatus.FAILED
    assert world.done == ["act", "bad"]


def late_behind_an_act(acted, *faults):
    """The task is cancelled while the act runs, and after the step behind it has failed at its deadline."""
    late = step("late", after=["act"], deadline_s=0.9, on_failure="skip")
    return world_of(
        [done("early", 2), done("act", 1, capability="act"), late],
        lambda capability, inputs, _number: acted if capability == "act" else inputs["n"],
        seconds=lambda capability, _inputs, _number: 3.0 if capability == "act" else 0.2,
        faults=((1.0, e.CancelRequested(at_s=0)), *faults),
    ).play()


def test_an_act_finishes_while_the_task_ends_although_a_step_behind_it_has_failed_at_its_deadline():
    world = late_behind_an_act(1)

    assert world.run.steps["late"].status is StepStatus.FAILED
    assert world.done == ["early", "act", "undo:act", "undo:early"]


def test_a_doubt_is_resolved_while_the_undoing_is_planned_although_a_step_behind_the_act_has_failed():
    lost = Failure(kind=FailureKind.WORKER_LOST, message="its process died", counts=False)

    world = late_behind_an_act(lost, (3.7, e.DoubtResolved(at_s=0, attempt="t.2", happened=True, output=1)))

    assert world.run.steps["late"].status is StepStatus.FAILED
    assert world.done[:2] == ["early", "act"]
    assert sorted(world.done[2:]) == ["undo:act", "undo:early"]


def test_a_lost_node_delays_the_undoing_and_does_not_end_it():
    world = world_of(SAGA, outputs(3), faults=((3.0, e.NodeLost(at_s=0, node=NodeId("n1"))),), plan_s=0.7).play()

    assert world.run.status is RunStatus.FAILED
    assert "undone: 'hotel', 'flight'" in world.run.end.failure.message


@pytest.mark.parametrize("lost", [("t.1",), ("t.1", "t.2")], ids=["one", "both"])
@pytest.mark.parametrize("node", ["n1", "n2"])
def test_what_reads_an_output_that_is_lost_while_the_undoing_is_planned_is_not_undone(lost, node):
    faults = ((2.2, e.OutputsLost(at_s=0, attempts=lost)), (2.2, e.NodeLost(at_s=0, node=node)))

    world = world_of(SAGA, outputs(3), faults=faults).play()

    assert world.run.status is RunStatus.FAILED
    assert world.done == ["flight", "hotel", "pay", *["undo:hotel"] * (len(lost) == 1)]


def test_a_thousand_compensations_take_linear_time():
    steps = [{"id": "each", "for_each": list(range(1_000)), "steps": [item_step("book")]}]
    steps.append(step("bad", "say", inputs={"n": -1}, after=["each"]))
    RunState.validates = False
    world = Declared(a_task(steps, mode="wait"), output=outputs(-1), most_events=10_000, seconds=lambda *_: 0.5)

    world.play()

    assert len(world.plans) <= 3
    assert len(world.run.undoing.undone(world.run.steps)) == 1_000


def test_a_recovered_undoing_goes_on_where_it_was():
    whole = world_of(SAGA, outputs(3)).play()

    for after in range(1, len(whole.simulation.events) + 1):
        for restart in (Restart(after), Restart(after, unsent=1), Restart(after, unrecorded=1)):
            world = world_of(SAGA, outputs(3), restarts=(restart,)).play()
            assert world.run.status is RunStatus.FAILED, restart
            assert world.run.end.failure.message == whole.run.end.failure.message, restart
            assert world.run.id == TaskId("t")


def test_the_view_tells_what_is_being_undone():
    world = world_of(SAGA, outputs(3, lost=(2,)), most_events=6)
    with pytest.raises(Stalled):
        world.play()

    admitted = AdmittedTask(id=world.run.id, task=world.task, submitted_at_s=0.0)
    view = task_view(admitted, world.run)
    assert view.status is RunStatus.RUNNING
    assert view.undoing.reason == "step 'pay' failed: 3 is bad"
    assert view.undoing.left == 2
    world.simulation.most_events = 100
    world.simulation.go_on()
    view = task_view(admitted, world.run)
    assert view.undoing.undone == ("flight",)
    assert view.undoing.failed == {"undo:hotel": "2 cannot be undone"}
    assert view.given_up == {}
    assert {bar.step for bar in timeline(world.run).bars} >= {"undo:hotel", "undo:flight"}


def test_a_retry_runs_what_was_undone_and_what_follows_from_it_again():
    acts = [done("act", 1, capability="act"), done("more", 2, capability="act", after=["act"])]
    acts.append(step("pay", "say", inputs={"n": 3}, after=["more"]))
    acts.insert(2, step("told", inputs={"n": ["$steps.act"]}))
    acts.insert(3, step("other", inputs={"n": 9}))
    run = world_of(acts, outputs(3, lost=(2,))).play().run

    kept = kept_attempts(run, RetryOf(task=TaskId("t")), promoted=(), agents=run.catalog.by_name, nodes=())

    # `more` could not be undone, so it is not done again.
    assert {one.step.id for one in kept} == {"more", "other"}


def test_a_task_whose_planning_fails_undoes_what_has_succeeded():
    route = {"id": "way", "route": [{"when": "$steps.flight.label == 1", "steps": [step("more")]}]}

    world = world_of([SAGA[0], route], outputs()).play()

    assert world.run.status is RunStatus.FAILED
    assert world.done == ["flight", "undo:flight"]
