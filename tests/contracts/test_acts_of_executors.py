"""The contract of executors about what agents do to the world: staged effects, promotions, verify hooks."""

from pathlib import Path
from unittest.mock import ANY

import pytest
import sample_agents as s
from attempts import Attempts, output_of, until
from contract_agents import CATALOG

from planners.agents import Catalog
from planners.model import AttemptId
from reconciler.state.handoff import Failure, FailureKind

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one executor serves all: its processes start once


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return CATALOG


@pytest.mark.parametrize("agent", [s.publishes, s.publishes_in_process])
async def test_staged_effects_are_promoted_once(attempts: Attempts, tmp_path: Path, agent: object):
    target = tmp_path / "out"
    attempt = attempts.start(agent, path=str(target), text="hello ", speculative=True)
    assert await attempts.result(attempt) == "staged"
    assert not target.exists()

    attempts.executor.promote(attempts.task, attempt)
    attempts.executor.release(attempts.task)  # the end of a run does not stop a promotion under way

    await until(lambda: target.exists() and target.read_text().startswith(f"hello {attempt}-"))


@pytest.mark.parametrize("agent", [s.publishes, s.publishes_in_process])
async def test_what_was_staged_can_be_kept_and_promoted_by_another_executor(
    attempts: Attempts, tmp_path: Path, agent: object
):
    """As after a restart: under the same idempotency key."""
    target = tmp_path / "out"
    attempt = attempts.start(agent, path=str(target), text="hello ", speculative=True)
    await attempts.ended(attempt)
    kept = attempts.executor.staged(attempts.task, attempt)
    assert kept == {str(target): b"hello "}
    attempts.executor.release(attempts.task)
    assert attempts.executor.staged(attempts.task, attempt) == {}

    attempts.executor.restore_staged(attempts.task, attempts.orders[attempt], kept)
    attempts.executor.promote(attempts.task, attempt)

    assert await attempts.executor.promoted(attempts.task, attempt) is None
    assert target.read_text() == f"hello {attempts.orders[attempt].idempotency_key}"


async def test_an_attempt_that_stages_too_much_fails_and_says_what_to_do(attempts: Attempts, tmp_path: Path):
    failure = await attempts.run(s.publishes, path=str(tmp_path / "out"), text="x" * 1024 * 1024)

    assert failure.kind is FailureKind.BAD_OUTPUT
    assert "at most 1048576" in failure.message
    assert "address" in failure.fix


async def test_a_failed_promotion_is_retried_as_often_as_its_agent(attempts: Attempts, tmp_path: Path):
    target = tmp_path / "out"
    attempt = attempts.start(s.publishes_at_the_third_go, path=str(target))
    await attempts.ended(attempt)

    attempts.executor.promote(attempts.task, attempt)

    assert await attempts.executor.promoted(attempts.task) is None
    assert target.read_bytes() == b"out"
    assert await attempts.executor.promoted("nobody") is None


async def test_a_promotion_that_fails_for_good_gives_the_reason(attempts: Attempts, tmp_path: Path):
    attempt = attempts.start(s.publishes_never, path=str(tmp_path / "out"))
    await attempts.ended(attempt)

    attempts.executor.promote(attempts.task, attempt)
    failure = await attempts.executor.promoted(attempts.task)

    assert isinstance(failure, Failure)
    assert failure.error_type == "ConnectionError"
    assert "publishes_never" in failure.message
    assert "try 2 went wrong" in failure.message


async def test_staged_effects_of_a_flushed_attempt_are_never_promoted(attempts: Attempts, tmp_path: Path):
    target, probe = tmp_path / "out", tmp_path / "probe"
    flushed = attempts.start(s.publishes, path=str(target), text="", speculative=True)
    kept = attempts.start(s.publishes, path=str(probe), text="", speculative=True)
    await attempts.ended(flushed)
    await attempts.ended(kept)

    attempts.executor.flush(attempts.task, [flushed])
    attempts.executor.promote(attempts.task, flushed)
    attempts.executor.promote(attempts.task, kept)

    await until(probe.exists)
    assert not target.exists()


async def test_a_verify_hook_says_what_an_act_returned_or_that_it_did_not_happen(attempts: Attempts):
    executor, task = attempts.executor, attempts.task

    happened = await executor.verification(task, AttemptId("t-happened"), "pays")
    large = await executor.verification(task, AttemptId("t-large"), "pays")

    assert happened is not None
    assert happened.output == "paid"
    assert await executor.value(task, output_of(AttemptId("t-happened"))) == "paid"
    assert large is not None
    assert large.by_reference
    assert await attempts.run(s.reads, text=output_of(AttemptId("t-large"))) == {"where": ANY, "length": 5000}
    assert await executor.verification(task, AttemptId("t-didnot"), "pays") is None


@pytest.mark.parametrize(
    ("attempt", "agent", "why"),
    [
        ("t-other", "pays", "no such account"),
        ("t-breaks", "pays", "the bank is closed"),
        ("t-lie", "pays", "output"),
        ("t-exits", "pays", "SystemExit"),
        ("t-1", "pays_in_doubt", "longer than"),
        ("t-1", "add", "no verify hook"),
        ("t-1", "fails", "no verify hook"),
        ("t-1", "nobody", "nobody"),
    ],
)
async def test_what_a_verify_hook_cannot_tell_is_not_known(attempts: Attempts, attempt: str, agent: str, why: str):
    with pytest.raises(LookupError, match=why):
        await attempts.executor.verification(attempts.task, AttemptId(attempt), agent)


async def test_a_promotion_that_hangs_can_be_stopped_and_its_effect_is_not_known(attempts: Attempts, tmp_path: Path):
    known, hangs = tmp_path / "known", tmp_path / "hangs"
    out = attempts.start(s.publishes, path=str(known), text="")
    failed = attempts.start(s.publishes_never, path=str(tmp_path / "never"))
    hanging = attempts.start(s.publishes_until_cancelled, path=str(hangs))
    for attempt in (out, failed, hanging):
        await attempts.ended(attempt)
        attempts.executor.promote(attempts.task, attempt)
    await attempts.executor.promoted(attempts.task, out)
    await attempts.executor.promoted(attempts.task, failed)
    await until(hangs.exists)

    assert attempts.executor.stop_promotions(attempts.task) == (failed, hanging)
    stopped = await attempts.executor.promoted(attempts.task, hanging)
    assert stopped is not None
    assert "may or may not be out" in stopped.message
    assert await attempts.executor.promoted(attempts.task, out) is None


async def test_a_promotion_hook_that_raises_a_cancelled_error_has_failed(attempts: Attempts):
    attempt = attempts.start(s.publishes_and_cancels)
    await attempts.ended(attempt)

    attempts.executor.promote(attempts.task, attempt)

    assert (await attempts.executor.promoted(attempts.task)).error_type == "HookFailed"
