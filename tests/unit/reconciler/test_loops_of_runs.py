"""Runs with loops: each turn is a new plan, and the state goes from turn to turn."""

import pytest
from declared import Declared, a_task, step
from operations import operations

from planners.graph import PlanGraph
from reconciler.simulation import Restart
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus
from reconciler.views.projections import plans_view, timeline


def counting(until, **more):
    return [
        {
            "id": "count",
            "loop": [step("add", inputs={"n": "$state.n"})],
            "state": {"n": 0},
            "next": {"n": "$steps.add"},
            "until": until,
            "max": 5_000,
            **more,
        },
        step("tell", "say", inputs={"n": "$steps.count"}),
    ]


def one_more(capability, inputs, _number):
    return inputs["n"] + 1 if capability == "do" else inputs["n"]


def played(steps, mode="wait", **more):
    return Declared(a_task(steps, mode=mode), output=one_more, plan_s=0.1, **more).play()


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_a_loop_runs_until_its_condition_holds(mode, monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)

    world = played(counting("$steps.add >= 4"), mode)

    assert world.outputs == {"tell": 4}
    assert world.done.count("add[3]") == 1
    assert "add[4]" not in world.done


@pytest.mark.parametrize("after", range(2, 14, 3))
def test_a_loop_goes_on_after_a_restart_without_repeating_a_turn(after, monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)

    world = played(counting("$steps.add >= 4"), restarts=(Restart(after=after),))

    assert world.outputs == {"tell": 4}


def test_a_turn_that_fails_fails_the_loop():
    def output(_capability, inputs, _number):
        return Failure(kind=FailureKind.BAD_INPUT, message="too much") if inputs["n"] == 2 else inputs["n"] + 1

    world = Declared(a_task(counting("$steps.add >= 4"), mode="wait"), output=output).play()

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.message == "step 'add[2]' failed: too much"


def test_a_loop_ends_with_what_it_has_when_a_turn_is_skipped():
    def output(_capability, inputs, _number):
        return Failure(kind=FailureKind.BAD_INPUT, message="too much") if inputs["n"] == 2 else inputs["n"] + 1

    steps = counting("$steps.add >= 4", default=7)
    steps[0]["loop"][0]["on_failure"] = "skip"

    world = Declared(a_task(steps, mode="wait"), output=output).play()

    assert world.run.status is RunStatus.SUCCEEDED


def test_ten_times_the_turns_cost_ten_times_as_much(monkeypatch):
    monkeypatch.setattr(RunState, "validates", False)  # checking a run costs work in proportion to its size

    few = operations(lambda: played(counting("$steps.add >= 20")))
    many = operations(lambda: played(counting("$steps.add >= 200")))

    assert many < 11 * few


def test_a_plan_holds_the_turns_that_have_not_finished_and_what_they_read(monkeypatch):
    monkeypatch.setattr(RunState, "validates", False)

    world = played(counting("$steps.add >= 1000"))

    assert world.outputs == {"tell": 1000}
    assert max(len(plan.steps) for plan in world.plans) == 3


def test_a_run_is_shown_whole():
    world = played(counting("$steps.add >= 30"))

    shown = plans_view(world.run).optimal
    assert [planned.id for planned in shown.steps] == [*(f"add[{turn}]" for turn in range(30)), "tell"]
    assert PlanGraph(shown).critical_path()[0] == "add[0]"
    assert len(timeline(world.run).bars) == 31
    assert world.run.steps.count(StepStatus.FINISHED) == len(world.run.steps) == 31


@pytest.mark.parametrize("mode", ["wait", "forerun"])
@pytest.mark.parametrize("lost_at_s", [3.25, 3.45, 3.65, 3.85])
def test_an_output_that_was_lost_is_made_again_with_everything_it_needs(lost_at_s, mode, monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)
    lost = e.OutputsLost(at_s=0, attempts=tuple(f"t.{number}" for number in range(1, 50)), reason="gone")

    world = played(counting("$steps.add >= 12"), mode, faults=((lost_at_s, lost),))

    assert world.outputs == {"tell": 12}
    assert world.done.count("add[0]") == 2


def test_an_output_that_nobody_reads_any_more_is_not_made_again():
    lost = e.OutputsLost(at_s=0, attempts=("t.1", "t.2"), reason="gone")

    world = played(counting("$steps.add >= 12"), faults=((5.0, lost),))

    assert world.outputs == {"tell": 12}
    assert (world.done.count("add[0]"), world.done.count("add[1]")) == (1, 1)


@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_like_work_in_each_turn_is_done_once_a_turn(mode, monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)
    steps = counting("$steps.add >= 8", output="add")
    steps[0]["loop"] += [step("sample", "say", inputs={"n": 1}), step("act", "act", inputs={"n": 1})]

    world = played(steps, mode)

    assert world.outputs == {"tell": 8}
    assert len(world.done) == len(set(world.done)) == 25


def routed(rounds):
    """For each element, a loop whose turns take one way or the other."""
    way = {
        "id": "way",
        "route": [{"when": "$state.n % 2 == 0", "steps": [step("even", inputs={"n": "$state.n"})]}],
        "else": [step("odd", inputs={"n": "$state.n"})],
    }
    loop = {"id": "again", "loop": [way], "state": {"n": "$item"}, "next": {"n": "$steps.way"}, "max": 5_000}
    loop["until"] = f"$steps.way >= {rounds}"
    return [
        {"id": "each", "for_each": [0, 1, 4], "max_concurrency": 2, "steps": [loop]},
        step("tell", "say", inputs={"n": "$steps.each"}),
    ]


@pytest.mark.parametrize("after", [None, 5, 17, 40])
@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_a_route_inside_a_loop_inside_a_for_each(mode, after, monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)
    world = Declared(
        a_task(routed(9), mode=mode),
        output=one_more,
        seconds=lambda _capability, inputs, _number: 0.3 + 0.1 * (str(inputs["n"]) > "4"),
        plan_s=0.1,
        restarts=() if after is None else (Restart(after=after),),
    ).play()

    assert world.outputs == {"tell": [9, 9, 9]}
    assert [plan for plan in world.plans if len(plan.steps) > 12] == []
    taken = {one for one in world.run.steps if world.run.steps[one].status is StepStatus.FINISHED}
    assert taken == {
        *(
            f"{'odd' if n % 2 else 'even'}[{element}][{n - first}]"
            for element, first in enumerate([0, 1, 4])
            for n in range(first, 9)
        ),
        "tell",
    }


def test_no_more_elements_than_allowed_are_in_their_loops_at_once():
    world = played(routed(12))

    begun, ended = {}, {}
    for bar in timeline(world.run).bars:
        if bar.step != "tell":
            element = bar.step.split("[")[1]
            begun[element] = min(begun.get(element, bar.started_s or bar.dispatched_s), bar.dispatched_s)
            ended[element] = max(ended.get(element, 0.0), bar.ended_s)
    third = max(begun, key=begun.get)
    assert begun[third] >= min(ended[element] for element in ended if element != third)


def test_like_work_before_a_loop_is_done_once_however_many_turns_follow():
    work = {"inputs": {"k": 1}}
    turn = [step("b", "act", **work), step("c", **work)]
    loop = {"id": "turns", "loop": turn, "output": "c", "max": 4, "until": "$steps.c == 'never'"}

    world = Declared(a_task([step("a", "act", **work), loop, step("d", "act", **work)], mode="wait")).play()

    assert sorted(world.done) == sorted(["a", "d", *(f"{name}[{turn}]" for name in "bc" for turn in range(4))])
    keys = [one.work_key for one in world.run.attempts.values()]
    assert len(set(keys)) == len(keys)


def same(_capability, inputs, _number):
    """Output that depends on the inputs only, so that equal steps do equal work."""
    return str(sorted(inputs.items()))


ONCE_AND_IN_EACH_TURN = [
    step("once", inputs={"k": 1}),
    {
        "id": "turns",
        "loop": [step("again", inputs={"k": 1})],
        "state": {"x": 0},
        "next": {"x": "$steps.again"},
        "until": "$steps.again == 'never'",
        "max": 4,
    },
]
NESTED = [
    {
        "id": "outer",
        "loop": [
            {
                "id": "inner",
                "loop": [step("count", inputs={"k": 1}), step("work", inputs={"k": "$state.x"})],
                "state": {"x": 2},
                "next": {"x": "$steps.work"},
                "until": "$steps.work == 'never'",
                "max": 3,
            }
        ],
        "state": {"x": 1},
        "next": {"x": "$steps.inner"},
        "until": "$steps.inner == 'never'",
        "max": 3,
    }
]


@pytest.mark.parametrize("steps", [ONCE_AND_IN_EACH_TURN, NESTED], ids=["beside a loop", "in nested loops"])
@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_like_work_keeps_its_number_when_finished_turns_leave_the_plan(steps, mode, monkeypatch):
    """Otherwise two steps get one work key, and work that has finished is done again."""
    monkeypatch.setattr(RunState, "validates", True)

    world = Declared(a_task(steps, mode=mode), output=same, seconds=lambda *_: 0.2, plan_s=0.3).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert len(world.done) == len(set(world.done)), "each step runs once"


def test_nothing_runs_of_a_turn_that_was_planned_before_its_loop_failed(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)
    loop = {
        "id": "turns",
        "loop": [step("slow", "say", inputs={"k": "$state.x"}), step("fast", inputs={"k": "$state.x"})],
        "state": {"x": 0},
        "next": {"x": "$steps.fast"},
        "until": "$steps.fast == 'never'",
        "max": 3,
        "on_failure": "default",
        "default": "none",
    }

    def output(capability, inputs, number):
        return Failure(kind=FailureKind.BAD_INPUT, message="bad") if capability == "say" else same("", inputs, number)

    world = Declared(
        a_task([loop], mode="wait"), output=output, seconds=lambda kind, *_: 0.3 if kind == "say" else 0.2, plan_s=0.3
    ).play()

    assert world.outputs == {"turns": "none"}
    assert not any(name.endswith("[1]") for name in world.done)
