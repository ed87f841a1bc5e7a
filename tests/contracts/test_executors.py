"""The contract of executors: the stub and the one on Ray."""

import asyncio

import pytest
import sample_agents as s
from attempts import Attempts, output_of
from contract_agents import CATALOG

from planners.agents import Catalog
from planners.model import AttemptId
from reconciler.state.commands import ListOf
from reconciler.state.handoff import Failure, FailureKind, Handoff

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one executor serves all: its processes start once


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return CATALOG


async def test_an_agent_starts_once_and_ends_once(attempts: Attempts):
    attempt = attempts.start(s.add, a=1, b=2)

    ended = await attempts.ended(attempt)

    assert isinstance(ended, Handoff)
    assert (ended.output, ended.by_reference, ended.output_bytes) == (3, False, 1)
    assert attempts.of(attempt) == ["attempt_started", "attempt_finished"]


async def test_unbound_inputs_have_their_defaults(attempts: Attempts):
    assert await attempts.run(s.add, a=1) == 2
    assert await attempts.run(s.add_in_process, a=1) == 2


async def test_an_agent_may_return_a_handoff(attempts: Attempts):
    ended = await attempts.ended(attempts.start(s.describe, molecule={"name": "water", "atoms": 3}))

    assert isinstance(ended, Handoff)
    assert (ended.summary, ended.confidence, ended.output) == ("saw water", 0.5, 3)


async def test_bad_input_names_the_field_and_is_final(attempts: Attempts):
    failure = await attempts.run(s.describe, molecule={"name": 5})

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.BAD_INPUT
    assert "inputs.molecule.name" in failure.message
    assert not failure.retryable


@pytest.mark.parametrize("inputs", [{"a": 1, "z": 2}, {}])
async def test_unknown_and_missing_inputs_are_refused(attempts: Attempts, inputs: dict[str, int]):
    failure = await attempts.run(s.add, **inputs)

    assert failure.kind is FailureKind.BAD_INPUT
    assert f"inputs.{'z' if inputs else 'a'}" in failure.message


async def test_an_exception_of_an_agent_is_its_failure(attempts: Attempts):
    failure = await attempts.run(s.broken, a=4)

    assert (failure.kind, failure.error_type) == (FailureKind.ERROR, "ZeroDivisionError")
    assert "cannot divide 4" in failure.message
    assert failure.retryable


async def test_sys_exit_in_an_agent_is_its_failure_and_ends_no_worker(attempts: Attempts):
    failure = await attempts.run(s.exits)

    assert (failure.kind, failure.error_type) == (FailureKind.ERROR, "SystemExit")


async def test_sys_exit_in_an_agent_that_shares_its_host_ends_no_other(attempts: Attempts):
    neighbour = attempts.start(s.waits, seconds=0.5)
    await attempts.started(neighbour)

    failure = await attempts.run(s.exits_in_host)

    assert (failure.kind, failure.error_type) == (FailureKind.ERROR, "SystemExit")
    assert await attempts.result(neighbour) == "waited"


async def test_output_of_another_type_than_declared_is_a_failure(attempts: Attempts):
    failure = await attempts.run(s.lying)

    assert failure.kind is FailureKind.BAD_OUTPUT
    assert "output" in failure.message


async def test_an_agent_that_is_not_in_the_catalog_is_a_failure(attempts: Attempts):
    failure = await attempts.run("nobody")

    assert failure.kind is FailureKind.ERROR
    assert "nobody" in failure.message


async def test_outputs_are_read_downstream_whole_or_in_part(attempts: Attempts):
    one = attempts.start(s.add, a=1)
    await attempts.ended(one)

    assert await attempts.run(s.add, a=output_of(one), b=output_of(one)) == 4


@pytest.mark.parametrize("maker", [s.makes, s.makes_in_host])
async def test_large_outputs_are_passed_by_reference_and_read_in_part(attempts: Attempts, maker: object):
    made = attempts.start(maker, size=5000)
    ended = await attempts.ended(made)

    assert isinstance(ended, Handoff)
    assert ended.by_reference
    assert ended.output is None
    assert ended.output_bytes > 5000
    assert (await attempts.run(s.reads, text=output_of(made, "text")))["length"] == 5000
    both = ListOf(items=(output_of(made, "text"), output_of(made, "text")))
    assert await attempts.run(s.reads_all, texts=both) == 10000
    assert len(str(await attempts.executor.value(attempts.task, output_of(made, "text")))) == 5000


@pytest.mark.parametrize("size", [10, 5000])
async def test_a_path_that_does_not_exist_is_bad_input_and_final(attempts: Attempts, size: int):
    made = attempts.start(s.makes_in_host, size=size)
    await attempts.ended(made)

    failure = await attempts.run(s.reads, text=output_of(made, "txt"))

    assert failure.kind is FailureKind.BAD_INPUT
    assert "no 'txt'" in failure.message
    with pytest.raises(LookupError):
        await attempts.executor.value(attempts.task, output_of(made, "txt"))


async def test_a_lost_output_is_a_failure(attempts: Attempts):
    failure = await attempts.run(s.add, a=output_of(AttemptId("t.99")))

    assert failure.error_type == "OutputGone"
    with pytest.raises(LookupError):
        await attempts.executor.value(attempts.task, output_of(AttemptId("t.99")))


async def test_restored_outputs_are_readable(attempts: Attempts):
    attempts.executor.restore(attempts.task, {AttemptId("t.50"): {"n": 41}})

    assert await attempts.run(s.add, a=output_of(AttemptId("t.50"), "n")) == 42


async def test_a_flushed_attempt_reports_nothing_and_others_continue(attempts: Attempts):
    flushed, other = attempts.start(s.waits), attempts.start(s.waits, seconds=0.05)
    await attempts.started(flushed)

    attempts.executor.flush(attempts.task, [flushed])

    assert await attempts.result(other) == "waited"
    assert attempts.of(flushed) == ["attempt_started"]


async def test_an_attempt_flushed_before_its_start_never_starts(attempts: Attempts):
    flushed = attempts.start(s.add, a=1)

    attempts.executor.flush(attempts.task, [flushed])

    assert await attempts.run(s.add, a=2) == 3
    assert attempts.of(flushed) == []


async def test_release_ends_and_forgets_everything_of_one_task(attempts: Attempts):
    other = Attempts(attempts.executor, attempts.node, task="other")
    mine, made, theirs = attempts.start(s.waits), attempts.start(s.add, a=1), other.start(s.waits, seconds=0.05)
    await attempts.ended(made)

    attempts.executor.release(attempts.task)

    assert await other.result(theirs) == "waited"
    assert "attempt_finished" not in attempts.of(mine)
    with pytest.raises(LookupError):
        await attempts.executor.value(attempts.task, output_of(made))


async def test_a_second_dispatch_of_a_live_attempt_starts_nothing(attempts: Attempts):
    first = attempts.start(s.waits, seconds=0.05)
    assert attempts.start(s.waits, attempt=first, seconds=0.05) == first

    await attempts.ended(first)

    assert attempts.of(first) == ["attempt_started", "attempt_finished"]


async def test_an_agent_that_takes_too_long_times_out(attempts: Attempts):
    by_agent = await attempts.run(s.waits_briefly)
    by_order = await attempts.run(s.waits, timeout_s=0.1)

    assert by_agent.kind is by_order.kind is FailureKind.TIMEOUT
    assert "0.2 s" in by_agent.message


async def test_an_agent_runs_no_more_attempts_at_once_than_it_declares(attempts: Attempts):
    intervals = await asyncio.gather(*(attempts.run(s.counted, seconds=0.05) for _ in range(6)))

    assert max(sum(began < other[1] and other[0] < ended for other in intervals) for began, ended in intervals) <= 4
    moments = [began for began, _ in intervals]
    assert max(sum(began <= moment < ended for began, ended in intervals) for moment in moments) == 2


async def test_confirmed_attempts_are_admitted_before_waiting_speculative_ones(attempts: Attempts):
    first, second = (attempts.start(s.counted, seconds=0.2) for _ in range(2))
    guess, confirmed_later = (attempts.start(s.counted, seconds=0.2, speculative=True) for _ in range(2))
    flushed = attempts.start(s.counted, seconds=0.2)
    sure = attempts.start(s.counted, seconds=0.2)
    await asyncio.sleep(0)  # now all but the first two wait

    attempts.executor.confirm(attempts.task, confirmed_later)
    attempts.executor.flush(attempts.task, [flushed])

    for attempt in (first, second, guess, confirmed_later, sure):
        await attempts.ended(attempt)
    order = [event.attempt for event in attempts.reports if event.event == "attempt_started"]
    assert set(order[:2]) == {first, second}
    assert set(order[2:4]) == {sure, confirmed_later}
    assert order[4:] == [guess]


async def test_confirming_an_attempt_that_does_not_wait_changes_nothing(attempts: Attempts):
    running = attempts.start(s.waits, seconds=0.05, speculative=True)
    await attempts.started(running)

    attempts.executor.confirm(attempts.task, running)
    attempts.executor.confirm(attempts.task, AttemptId("t.99"))

    assert await attempts.result(running) == "waited"
    assert attempts.of(running) == ["attempt_started", "attempt_finished"]


async def test_commands_read_and_print_json(attempts: Attempts):
    assert await attempts.run("shouts", text="hey") == "HEY"


async def test_failures_of_commands_name_their_cause(attempts: Attempts):
    failed, mumbled = await attempts.run("fails"), await attempts.run("mumbles")
    unfed, missing = await attempts.run("shouts", text=5), await attempts.run("missing")

    assert failed.kind is FailureKind.ERROR
    assert "exit code 7" in failed.message
    assert "oh no" in failed.message
    assert mumbled.kind is FailureKind.BAD_OUTPUT
    assert unfed.kind is FailureKind.BAD_INPUT
    assert "inputs.text" in unfed.message
    assert "no-such-program" in missing.message


async def test_a_run_leaves_the_executor_empty(attempts: Attempts):
    await attempts.run(s.add, a=1)
    attempts.executor.release(attempts.task)

    executor = attempts.executor
    assert not {attempts.task} & (executor._live.keys() | executor._staged._of.keys() | executor._outputs._of.keys())
