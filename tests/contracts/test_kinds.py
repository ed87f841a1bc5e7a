"""What every kind of agent promises: results, failures, time limits, cancelling, large outputs, progress, secrets."""

from collections.abc import Iterator

import pytest
from attempts import Attempts, output_of, until

pytest.importorskip("langgraph", reason="pip install 'forerun[langgraph]'")

from kinds import KINDS, SECRET, SECRET_NAME, Case, Counterparts, counterparts

from actors.catalog import parse_catalog
from actors.environment import inherited_environment
from actors.executor.local_executor import LocalExecutor
from planners.agents import Catalog
from planners.model import AttemptId
from reconciler.state.handoff import Failure, FailureKind, Handoff

# Kinds whose counterpart tells nothing while it works.
_SILENT = {"http", "batch"}
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def servers() -> Iterator[Counterparts]:
    with counterparts() as running:
        yield running


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    inherited_environment.cache_clear()
    monkeypatch.setenv(SECRET_NAME, SECRET)
    yield
    inherited_environment.cache_clear()


def started(case: Case) -> tuple[Attempts, AttemptId]:
    attempts = Attempts(LocalExecutor(Catalog(agents=(case.agent,))), "n1")
    return attempts, attempts.start(case.agent.name, **case.inputs)


async def ended(case: Case) -> tuple[Handoff | Failure, Attempts]:
    attempts, attempt = started(case)
    return await attempts.ended(attempt), attempts


@every_kind
def test_an_entry_that_was_completed_before_stays_as_it_is(servers: Counterparts, kind: str):
    agent = servers.case(kind, "returns").agent

    again = parse_catalog(Catalog(agents=(agent,)).model_dump(mode="json"))

    assert again.agents == (agent,)


@every_kind
async def test_what_an_agent_returns_is_the_output(servers: Counterparts, kind: str):
    case = servers.case(kind, "returns")

    handoff, _ = await ended(case)

    assert isinstance(handoff, Handoff), handoff
    assert handoff.output == case.output


@every_kind
async def test_a_failure_is_told_with_its_reason_and_a_fix_but_no_secret(servers: Counterparts, kind: str):
    failure, attempts = await ended(servers.case(kind, "fails"))

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.ERROR
    assert "out of ink" in failure.message or "not on Sundays" in failure.message
    assert failure.fix
    assert SECRET not in failure.model_dump_json()
    assert SECRET not in str(attempts.logs)


@every_kind
async def test_a_time_limit_ends_an_attempt(servers: Counterparts, kind: str):
    failure, attempts = await ended(servers.case(kind, "waits", timeout_s=0.5))

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.TIMEOUT
    attempts.executor.release(attempts.task)


@every_kind
async def test_nothing_is_reported_of_a_cancelled_attempt(servers: Counterparts, kind: str):
    attempts, attempt = started(servers.case(kind, "waits"))
    await attempts.started(attempt)

    attempts.executor.flush(attempts.task, [attempt])
    running = attempts.executor._live[attempts.task]
    await until(lambda: not running)

    assert attempts.of(attempt) == ["attempt_started"]


@every_kind
async def test_a_large_output_travels_by_reference(servers: Counterparts, kind: str):
    case = servers.case(kind, "large")
    attempts, attempt = started(case)

    handoff = await attempts.ended(attempt)

    assert isinstance(handoff, Handoff), handoff
    assert handoff.by_reference
    assert handoff.output is None
    assert await attempts.executor.value(attempts.task, output_of(attempt)) == case.output


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in _SILENT])
async def test_progress_is_told_without_secrets(servers: Counterparts, kind: str):
    case = servers.case(kind, "tells")
    attempts, attempt = started(case)

    handoff = await attempts.ended(attempt)

    assert isinstance(handoff, Handoff), handoff
    told = [line.text for line in attempts.logs[attempt] if line.stream == "progress"]
    assert any("half of it" in text or "one of four" in text for text in told)
    assert SECRET not in str(told)


@every_kind
async def test_an_agent_that_crashes_or_is_away_is_a_failure_that_names_it(servers: Counterparts, kind: str):
    failure, _ = await ended(servers.case(kind, "crashes"))

    assert isinstance(failure, Failure)
    assert failure.message
    assert failure.fix
    assert failure.retryable
