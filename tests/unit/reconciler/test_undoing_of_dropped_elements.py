"""What was done in elements that a fan-out went on without is undone as well when the task fails."""

import pytest
from declared import Declared, a_task, step

from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState

BAD = Failure(kind=FailureKind.BAD_INPUT, message="bad")


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


@pytest.mark.parametrize("check_s", [0.1, 0.3, 0.4, 0.85])
def test_a_turn_that_finished_while_a_plan_found_that_its_element_had_failed_is_undone(check_s):
    undo = {"capability": "undo", "inputs": {"of": "$steps.book"}}
    loop = {
        "id": "loop",
        "loop": [step("book", "say", inputs={"seconds": 0.2}, compensate=undo)],
        "max": 2,
        "state": {"x": 1},
        "next": {"x": "$steps.book"},
        "until": "$steps.book == 'enough'",
    }
    check = step("check", "say", inputs={"seconds": check_s, "fails": True})
    each = {"id": "each", "for_each": [1], "steps": [loop, check], "output": "check", "on_failure": "skip"}
    late = step("late", "say", inputs={"seconds": 5, "fails": True})
    task = a_task([each, late], mode="forerun")

    world = Declared(
        task,
        output=lambda _capability, inputs, _number: BAD if "fails" in inputs else "booked",
        seconds=lambda _capability, inputs, _number: inputs.get("seconds", 0.1),
        plan_s=0.3,
    ).play()

    assert world.run.status is RunStatus.FAILED
    undone = [name for name in world.done if name.startswith("undo:")]
    assert undone == ["undo:book[0][1]", "undo:book[0][0]"]
    assert world.run.end.failure.message == "step 'late' failed: bad; undone: 'book[0][1]', 'book[0][0]'"
