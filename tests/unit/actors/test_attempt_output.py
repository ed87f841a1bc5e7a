"""What an executor knows of the lines of a live attempt: each arrives once, and the last ones are evidence."""

from actors.executor.output import AttemptOutput
from planners.model import AttemptId
from reconciler.state.evidence import FailureEvidence
from reconciler.state.handoff import Failure, FailureKind
from reconciler.views.logs import CapturedLine, LogLevel, LogStream, batch_of


def batch(first: int, *texts: str, stream: LogStream = LogStream.STDOUT):
    return batch_of(AttemptId("t.1"), first, [CapturedLine(0.0, LogLevel.INFO, stream, "", text) for text in texts])


def test_what_arrives_twice_is_new_once():
    output = AttemptOutput()

    first, again, partly = output.news(batch(1, "a", "b")), output.news(batch(1, "a")), output.news(batch(2, "b", "c"))

    assert [line.text for line in first.lines()] == ["a", "b"]
    assert again is None
    assert [line.text for line in partly.lines()] == ["c"]


def test_an_attempt_that_runs_again_counts_from_1():
    output = AttemptOutput()
    output.news(batch(1, "a", "b"))

    output.restart()

    assert output.news(batch(1, "a")) is not None


def test_the_last_lines_of_stderr_are_evidence():
    output = AttemptOutput()
    for number in range(500):
        output.news(batch(2 * number + 1, f"out {number}"))
        output.news(batch(2 * number + 2, f"err {number}", stream=LogStream.STDERR))
    failure = Failure(kind=FailureKind.WORKER_LOST, message="died")
    known = failure.model_copy(update={"evidence": FailureEvidence(stderr="known")})

    assert output.add_to(failure).evidence.stderr.splitlines()[-2:] == ["err 498", "err 499"]
    assert output.add_to(known) is known
    assert AttemptOutput().add_to(failure) is failure
    assert len(output.last_lines(10_000)) < 200
