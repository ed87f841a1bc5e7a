"""Failed attempts in the views of a run: with their evidence, and never as commits."""

from runs import chain, finished, plan
from worlds import CATALOG, a_run

from planners.agents import Catalog
from planners.model import TaskId
from planners.tasks import Limits
from reconciler.journal.rows import event_row
from reconciler.runtime.stored_failures import stored_failures
from reconciler.state import events as e
from reconciler.state.commands import Dispatch, RunStatus
from reconciler.state.evidence import FailureEvidence, Frame, RaisedException
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState
from reconciler.views.failure_text import failure_lines
from reconciler.views.projections import failures_view, plans_view, timeline
from reconciler.views.totals import AttemptTotals

FRAME = Frame(file="/code/bad.py", line=9, function="summarise", code='return document["text"]')
TOLD = FailureEvidence(
    frame=FRAME,
    exceptions=(
        RaisedException(error_type="KeyError", message="'text'", frame=FRAME),
        RaisedException(error_type="ValueError", message="no text"),
    ),
    traceback="Traceback ...",
    inputs={"document": {}},
)
FAILURE = Failure(kind=FailureKind.ERROR, message="no text", error_type="ValueError", evidence=TOLD)
# Without the large agents there is nothing to plan around a small one.
ALONE = Catalog(agents=tuple(agent for agent in CATALOG.agents if agent.name.endswith("small")))


def failing_run(failure=FAILURE):
    """A run whose first step has finished and whose second one fails until the run has failed too."""
    run, events = RunState(TaskId("t"), a_run().task, ALONE), []

    def handle(event):
        events.append(event)
        return run.handle(event)

    handle(e.RunStarted(at_s=0.0))
    dispatched = handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "solve"))))
    first = next(command for command in dispatched if isinstance(command, Dispatch))
    commands = finished(run, first.attempt, 2.0)
    now_s = 3.0
    while not run.status.ended:
        attempts = [command.attempt for command in commands if isinstance(command, Dispatch)]
        if attempts:
            commands = handle(e.AttemptFailed(at_s=now_s, attempt=attempts[0], failure=failure, seconds=0.5))
        else:
            commands = handle(e.TimePassed(at_s=now_s))
        now_s += 10.0
    return run, events


def test_the_failure_of_the_task_says_what_failed_where_and_after_how_many_tries():
    run, _ = failing_run()

    assert run.status is RunStatus.FAILED
    assert run.end.failure.message == "step 'b' failed after 3 tries: ValueError: no text at bad.py:9 in summarise"
    evidence = run.end.failure.evidence
    assert (evidence.step, evidence.agent, evidence.node, evidence.tries) == ("b", "solve-small", "n1", 3)
    assert evidence.attempt == list(run.attempts)[-1]
    assert evidence.inputs == {"document": {}}


def test_failed_attempts_are_no_commits():
    run, _ = failing_run()

    bars = timeline(run).bars
    failed = [bar for bar in bars if bar.status == "failed"]

    assert [bar.verdict for bar in failed] == [None, None, None]
    assert plans_view(run).verdicts == {bars[0].attempt: "commit"}
    sums = AttemptTotals(run.catalog, run.attempts.values()).sums
    assert (sums.failed, sums.failed_s, sums.agent_s) == (3, 1.5, 2.0)


def test_the_timeline_tells_failures_briefly_and_the_view_of_failures_in_full():
    run, _ = failing_run()

    brief = [bar.failure for bar in timeline(run).bars if bar.failure is not None]
    full = failures_view(run).failures

    assert all(failure.evidence.traceback == "" and failure.evidence.frame == FRAME for failure in brief)
    assert [one.failure.evidence.traceback for one in full] == ["Traceback ..."] * 3
    assert [one.attempt for one in full] == list(run.attempts)[:0:-1]


def test_a_run_that_has_ended_tells_the_same_failures_from_its_journal():
    run, events = failing_run()

    rows = [event_row(seq, event) for seq, event in enumerate(events, 1) if event.event == "attempt_failed"]

    stored, live = stored_failures(timeline(run), rows), failures_view(run)
    assert [one.model_copy(update={"failure": None}) for one in stored.failures] == [
        one.model_copy(update={"failure": None}) for one in live.failures
    ]
    assert [one.failure.evidence for one in stored.failures] == [one.failure.evidence for one in live.failures]


def test_a_journal_without_evidence_still_tells_who_failed():
    run, _events = failing_run(Failure(kind=FailureKind.ERROR, message="no text"))
    old = timeline(run)
    old = old.model_copy(update={"bars": tuple(bar.model_copy(update={"failure": None}) for bar in old.bars)})

    failures = stored_failures(old, []).failures

    assert [one.failure.message for one in failures] == ["no text"] * 3
    assert failures[0].failure.evidence.agent == "solve-small"
    assert stored_failures(old, []).task == TaskId(run.id)


def test_a_failure_is_told_from_its_root_cause_to_what_to_do():
    failure = FAILURE.with_evidence(step="b", agent="solve-small", node="n1", attempt="t.2")

    lines = failure_lines(failure.model_copy(update={"message": "step 'b' failed", "fix": "mend it"}))

    assert lines[0] == "step 'b' failed"
    assert lines[1] == "  cause: KeyError: 'text' at bad.py:9 in summarise"
    assert lines[2] == "  then: ValueError: no text"
    assert 'at: bad.py:9 in summarise: return document["text"]' in lines[3]
    assert "on: step b, agent solve-small, node n1, attempt t.2" in lines[4]
    assert lines[5:7] == ['  inputs: {"document": {}}', "  fix: mend it"]
    assert lines[-1] == "    Traceback ..."


def running_run(**limits):
    """A run whose first attempt runs on n1."""
    task = a_run().task.model_copy(update={"limits": Limits(**limits)})
    run = RunState(TaskId("t"), task, CATALOG)
    run.handle(e.RunStarted(at_s=0.0))
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "solve"))))
    run.handle(e.AttemptStarted(at_s=1.1, attempt="t.1", node="n1"))
    return run


def test_a_passed_deadline_tells_which_step_ran_and_where():
    run = running_run(deadline_s=5.0)

    run.handle(e.TimePassed(at_s=5.0))

    failure = run.end.failure
    assert failure.message == "the deadline of 5 s has passed while 'a' ran"
    assert (failure.evidence.agent, failure.evidence.node) == ("fetch-small", "n1")
    assert "limits.deadline_s" in failure.fix


def test_a_deadline_that_passes_before_there_is_a_plan_says_so():
    run = RunState(TaskId("t"), a_run().task.model_copy(update={"limits": Limits(deadline_s=5.0)}), CATALOG)
    run.handle(e.RunStarted(at_s=0.0))

    run.handle(e.TimePassed(at_s=5.0))

    assert run.end.failure.message == "the deadline of 5 s has passed before there was a plan"


def test_a_cancelled_run_tells_what_ran():
    run = running_run()

    run.handle(e.CancelRequested(at_s=2.0, reason="wrong inputs"))

    failure = run.end.failure
    assert (failure.message, failure.evidence.step, failure.evidence.node) == ("wrong inputs", "a", "n1")
    assert failure.fix


def test_attempts_on_a_lost_node_tell_which_node_it_was():
    run = running_run()

    run.handle(e.NodeLost(at_s=2.0, node="n1"))

    (failed,) = failures_view(run).failures
    assert failed.failure.kind is FailureKind.NODE_LOST
    assert (failed.node, failed.failure.evidence.step, failed.failure.evidence.agent) == ("n1", "a", "fetch-small")
    assert "n1" in failed.failure.message
