"""What the page is told of steps whose state no attempt shows: skipped, held, retrying, blocked, failed for good."""

import pytest
from declared import Declared, a_task, step

from planners.model import StepId
from planners.workflow import Skipped
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState
from reconciler.state.step_state import WITHOUT_ATTEMPT, StepStatus
from reconciler.state.waiting import WaitKind, WaitReason
from reconciler.views.models import PlansView, Timeline
from reconciler.views.step_notes import notes_in, step_notes
from reconciler.views.step_view import step_view

ROUTE = [
    step("classify"),
    {
        "id": "answer",
        "route": [{"when": "$steps.classify == 'refund'", "steps": [step("refund", "say", inputs={"k": 1})]}],
        "else": [step("ask", "say", inputs={"k": 2})],
    },
]
FAN = [
    {
        "id": "each",
        "for_each": [0, 1, 2, 3],
        "steps": [step("work", inputs={"n": "$item"})],
        "max_concurrency": 2,
        "min_successful": 2,
    },
    step("join", "say", inputs={"all": "$steps.each"}),
]


def output(_capability, inputs, _number):
    if inputs.get("n") == 1:
        return Failure(kind=FailureKind.BAD_INPUT, message="1 is bad")
    return inputs.get("n", "refund")


@pytest.fixture
def told(monkeypatch):
    """What clients hear that read after every event: step -> its last state."""
    heard, handle = {}, RunState.handle

    def handling(run, event):
        commands = handle(run, event)
        heard.update({note.step: note.status for note in step_notes(run, run.steps.changed)})
        return commands

    monkeypatch.setattr(RunState, "handle", handling)
    return heard


@pytest.mark.parametrize("steps", [ROUTE, FAN], ids=["route", "fan-out"])
@pytest.mark.parametrize("mode", ["wait", "forerun"])
def test_the_notes_of_all_events_add_up_to_the_states_of_the_run(told, steps, mode):
    world = Declared(a_task(steps, mode=mode), output=output).play()

    now = {note.step: note.status for note in step_notes(world.run)}
    assert {step: status for step, status in told.items() if status in WITHOUT_ATTEMPT} == now
    assert now


def test_elements_beyond_the_limit_are_told_of_until_they_start(told):
    world = Declared(a_task(FAN, mode="wait"), output=output).play()

    assert world.run.steps["work[0]"].status is StepStatus.FINISHED
    assert {"work[2]", "work[3]"} <= told.keys()


def test_a_skipped_step_says_why():
    world = Declared(a_task(ROUTE), output=output).play()

    notes = {note.step: note for note in step_notes(world.run)}
    assert notes["ask"].status is StepStatus.SKIPPED
    assert notes["ask"].reason == "the route 'answer' takes another way"


def test_a_run_that_is_known_by_its_timeline_tells_the_same():
    waits = WaitReason(step="work[3]", kind=WaitKind.FAN_OUT, since_s=1.0, message="each works on 2 elements")
    timeline = Timeline(task="t", bars=(), skipped=(Skipped(id="ask", reason="another way"),), waiting=(waits,))

    notes = {note.step: (note.status, note.reason) for note in notes_in(timeline)}

    assert notes == {
        "ask": (StepStatus.SKIPPED, "another way"),
        "work[3]": (StepStatus.HELD, "each works on 2 elements"),
    }


def test_a_node_that_is_not_run_is_shown_as_a_step_that_is_skipped():
    timeline = Timeline(task="t", bars=(), skipped=(Skipped(id=StepId("ask"), reason="another way"),))

    view = step_view(StepId("ask"), PlansView(task="t"), timeline, {})

    assert view is not None
    assert view.skipped == "another way"
