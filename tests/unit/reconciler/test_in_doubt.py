"""An irreversible attempt that was lost is in doubt: it may have acted, and it is not repeated until that is known."""

import pytest
from declared import Declared, a_task, step
from runs import chain, finished, names, plan
from virtual_runs import ToldRun
from worlds import a_run, planned

from planners.bindings import Value
from planners.model import StepId
from planners.plans import PlanKind
from planners.tasks import Limits, Mode
from planners.workflow import Step
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.attempts import AttemptStatus
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus
from reconciler.state.waiting import WaitKind

LOST = Failure(kind=FailureKind.WORKER_LOST, message="its process died")


def in_doubt(failure=LOST, limits=None):
    """A run of an irreversible step and one that reads it, after the attempt of the first was lost."""
    run = a_run(Mode.WAIT)
    run.task = run.task.model_copy(update={"limits": limits or Limits()})
    told = ToldRun(run)
    told.plan(1.0, plan(chain("write", "fetch")))
    told.tell(e.AttemptStarted(at_s=1.0, attempt="t.1", node="n1"))
    return told, told.tell(e.AttemptFailed(at_s=2.0, attempt="t.1", failure=failure))


@pytest.mark.parametrize("kind", [FailureKind.WORKER_LOST, FailureKind.TIMEOUT, FailureKind.CANCELLED])
def test_a_lost_act_is_in_doubt_and_its_agent_is_asked(kind):
    told, commands = in_doubt(Failure(kind=kind, message="lost"))

    assert [command for command in commands if isinstance(command, c.Verify)] == [
        c.Verify(attempt="t.1", step="a", agent="write-small", node="n1")
    ]
    assert not {"EndRun", "Dispatch", "RequestPlan"} & set(names(commands))
    assert told.run.status is c.RunStatus.IN_DOUBT
    assert not told.run.status.ended


def test_the_agents_own_failure_leaves_no_doubt():
    told, _ = in_doubt(Failure(kind=FailureKind.ERROR, message="it refused"))

    assert told.run.status is c.RunStatus.FAILED


def test_an_act_that_certainly_never_began_is_tried_again():
    told, _ = in_doubt(LOST.model_copy(update={"never_began": True, "counts": False}))

    assert [command.step for command in told.dispatched] == ["a", "a"]


def test_steps_that_are_not_behind_the_doubt_go_on():
    steps = [
        Step(id=StepId("act"), capability="write", inputs={"k": Value(value=1)}),
        Step(id=StepId("first"), capability="fetch", inputs={"k": Value(value=2)}),
        Step(id=StepId("then"), capability="solve", inputs={"k": Value(value=2)}, after=(StepId("first"),)),
    ]
    told = ToldRun(a_run(Mode.WAIT))
    told.plan(1.0, planned(steps, ["write-small", "fetch-small", "solve-small"], ["n1"] * 3, PlanKind.OPTIMAL))
    told.tell(e.AttemptFailed(at_s=2.0, attempt="t.1", failure=LOST))

    assert told.run.status is c.RunStatus.RUNNING
    finished(told.run, "t.2", 3.0)
    finished(told.run, "t.3", 4.0)
    assert told.run.status is c.RunStatus.IN_DOUBT


def test_an_act_that_happened_has_finished_and_its_output_is_read():
    told, _ = in_doubt()

    commands = told.tell(e.DoubtResolved(at_s=9.0, attempt="t.1", happened=True, output="sent", by="alice"))

    assert c.Restore(attempt="t.1", output="sent") in commands
    assert told.dispatched[-1].inputs["one"] == c.OutputOf(attempt="t.1")
    finished(told.run, "t.2", 10.0)
    assert told.run.status is c.RunStatus.SUCCEEDED


def test_the_verify_hook_may_say_that_it_happened():
    told, _ = in_doubt()

    told.tell(e.AttemptVerified(at_s=3.0, attempt="t.1", happened=True, handoff=Handoff(output="sent")))

    assert told.run.attempts["t.1"].handoff.output == "sent"
    assert told.dispatched[-1].step == "b"


@pytest.mark.parametrize(
    "answer",
    [
        e.DoubtResolved(at_s=9.0, attempt="t.1", happened=False),
        e.AttemptVerified(at_s=9.0, attempt="t.1", happened=False),
    ],
    ids=["a person", "the verify hook"],
)
def test_an_act_that_did_not_happen_is_a_failed_try(answer):
    told, _ = in_doubt()

    told.tell(answer)
    assert told.run.steps["a"].status is StepStatus.RETRYING

    told.tell(e.TimePassed(at_s=9.1))
    assert [command.step for command in told.dispatched] == ["a", "a"]


def test_where_nobody_knows_the_step_waits_for_a_person():
    told, _ = in_doubt()
    assert told.run.waiting("a").kind is WaitKind.VERIFICATION

    assert told.tell(e.AttemptVerified(at_s=3.0, attempt="t.1")) == []

    reason = told.run.waiting("a")
    assert (reason.kind, reason.attempt, reason.agent) == (WaitKind.RESOLUTION, "t.1", "write-small")
    assert told.run.doubt_about("a") == "t.1"


def test_a_result_that_arrives_after_all_ends_the_doubt():
    told, _ = in_doubt()

    told.tell(e.AttemptFinished(at_s=3.0, attempt="t.1", handoff=Handoff(output="sent"), seconds=2.0))

    assert told.run.in_doubt == []
    assert told.dispatched[-1].step == "b"


def test_a_new_plan_keeps_a_step_in_doubt_whatever_agent_it_would_choose():
    told, _ = in_doubt()
    told.tell(e.NodeLost(at_s=3.0, node="n1"))

    told.plan(4.0, plan(chain("write", "fetch"), agent="large", node="n2"))

    assert told.run.steps["a"].status is StepStatus.IN_DOUBT
    assert [command.agent for command in told.dispatched] == ["write-small"]
    told.tell(e.DoubtResolved(at_s=9.0, attempt="t.1", happened=True, output="sent"))
    assert [command.agent for command in told.dispatched] == ["write-small", "fetch-large"]


def test_a_deadline_ends_a_run_in_doubt_and_the_doubt_stays():
    told, _ = in_doubt(limits=Limits(deadline_s=5.0))

    told.tell(e.TimePassed(at_s=5.0))

    assert told.run.status is c.RunStatus.FAILED
    assert [attempt.id for attempt in told.run.in_doubt] == ["t.1"]


def test_an_answer_after_the_end_is_noted():
    told, _ = in_doubt()
    told.tell(e.CancelRequested(at_s=3.0))

    assert told.tell(e.DoubtResolved(at_s=9.0, attempt="t.1", happened=False)) == []

    assert told.run.attempts["t.1"].status is AttemptStatus.FAILED


def test_the_lost_output_of_an_act_is_asked_for_and_cannot_be_denied():
    told = ToldRun(a_run(Mode.WAIT))
    told.plan(1.0, plan(chain("write", "fetch")))
    large = Handoff(by_reference=True, output_bytes=10**6)
    told.tell(e.AttemptFinished(at_s=2.0, attempt="t.1", handoff=large, seconds=1.0))
    told.tell(e.AttemptFailed(at_s=2.5, attempt="t.2", failure=LOST.model_copy(update={"counts": False})))
    commands = told.tell(e.OutputsLost(at_s=3.0, attempts=("t.1",)))
    assert "Verify" in names(commands)

    told.tell(e.DoubtResolved(at_s=4.0, attempt="t.1", happened=False))
    assert told.run.steps["a"].status is StepStatus.IN_DOUBT

    told.tell(e.DoubtResolved(at_s=5.0, attempt="t.1", happened=True, output="sent"))
    assert told.run.steps["a"].status is StepStatus.FINISHED


def test_an_act_in_doubt_teaches_the_learner_nothing():
    told, commands = in_doubt()

    commands += told.tell(e.DoubtResolved(at_s=9.0, attempt="t.1", happened=True))

    assert "Learn" not in [type(command).__name__ for command in commands]


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize(
    "loss", [(), [(2.0, e.AttemptFailed(at_s=0, attempt="t.3", failure=LOST))]], ids=["output", "attempt"]
)
def test_a_plan_may_skip_a_step_in_doubt_and_its_doubt_stays(monkeypatch, loss, happened):
    """What the act follows is lost as well, and cannot be made again."""
    monkeypatch.setattr(RunState, "validates", True)
    steps = [
        step("first", on_failure="skip"),
        step("act", "act", inputs={"n": "$steps.first"}),
        step("last", "say", inputs={"n": "$steps.act"}),
        step("other", "refund"),
    ]

    def output(capability, _inputs, number):
        again = capability == "do" and number > 1
        return Failure(kind=FailureKind.BAD_INPUT, message="not again") if again else number

    def seconds(capability, _inputs, _number):
        return {"do": 0.5, "act": 4.0 if loss else 0.5, "say": 4.0, "refund": 9.0}[capability]

    answer = e.DoubtResolved(at_s=0, attempt="t.3", happened=happened)
    faults = (*loss, (2.1, e.OutputsLost(at_s=0, attempts=("t.1", "t.3"))), (6.0, answer))
    world = Declared(a_task(steps, mode="wait"), output=output, seconds=seconds, faults=faults).play()

    assert world.run.status is c.RunStatus.SUCCEEDED
    assert world.run.steps["act"].status is StepStatus.SKIPPED
    assert world.done.count("act") == 1
    assert [one.id for one in world.run.in_doubt] == ["t.3"] * (not loss and not happened)
