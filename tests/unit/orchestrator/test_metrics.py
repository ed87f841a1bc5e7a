"""What shards, planner and ingress count is joined into one valid exposition."""

import asyncio
import shutil
import subprocess

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.metrics import HttpMetrics, RunMetrics, joined
from orchestrator.metrics.journal import JournalMetrics
from orchestrator.metrics.llm import LlmMetrics, TimedTokens
from orchestrator.metrics.loop_lag import LoopLag
from orchestrator.metrics.planning import PlanningMetrics
from planners.plans import Plan, PlanKind
from reconciler.gate import Appraisal
from reconciler.runtime.figures import JournalFigures, ShardFigures
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Outcome, Verdict
from reconciler.state.waiting import WaitKind
from reconciler.views.models import TaskView

NOTHING = ShardFigures()
PLAN = Plan(kind=PlanKind.OPTIMAL, origin="test", complete=True)


def outcome(verdict: Verdict, seconds: float, **more) -> Outcome:
    given = {
        "task": "t",
        "task_kind": "k",
        "attempt": "a/1",
        "step": "a",
        "capability": "c",
        "agent": "agent",
        "node": "n",
        "speculative": True,
        "verdict": verdict,
        "succeeded": True,
        "seconds": seconds,
        "expected_s": 1.0,
        "usd": 0.5,
    }
    return Outcome.model_validate({**given, **more})


def samples(exposition: bytes) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition.decode())
        for sample in family.samples
    }


def exposed(metrics: RunMetrics, figures: ShardFigures = NOTHING) -> dict[tuple[str, ...], float]:
    return samples(joined([metrics.exposition(figures)]))


def test_requests_that_several_shards_have_answered_are_added():
    processes = [HttpMetrics(), HttpMetrics()]
    for seconds, metrics in enumerate((processes[0], processes[1], processes[1])):
        metrics.answered("GET", "/v1/tasks", 200, float(seconds))

    found = samples(joined(one.exposition() for one in processes))

    labels = "method=GET", "route=/v1/tasks"
    assert found["forerun_http_requests_total", *labels, "status=200"] == 3
    assert found["forerun_http_request_seconds_sum", *labels] == 3.0
    assert found["forerun_http_request_seconds_bucket", "le=1.0", *labels] == 2


def test_shards_and_ingress_are_joined_with_each_family_declared_once():
    shards = [RunMetrics(0), RunMetrics(1)]
    for shard in shards:
        shard.admitted("demo")
        shard.record([outcome(Verdict.COMMIT, 2.0), outcome(Verdict.FLUSH, 1.0)])
    http = HttpMetrics()
    http.answered("GET", "/v1/tasks", 200, 0.004)

    exposition = joined([http.exposition(), *(shard.exposition(NOTHING) for shard in shards)])

    found = samples(exposition)
    assert found["forerun_attempts_total", "agent=agent", "outcome=succeeded", "shard=1", "verdict=flush"] == 1
    assert found["forerun_agent_seconds_total", "agent=agent", "outcome=succeeded", "shard=0", "verdict=commit"] == 2
    assert found["forerun_wasted_seconds_total", "agent=agent", "shard=0"] == 1
    assert found["forerun_wasted_usd_total", "agent=agent", "shard=0"] == 0.5
    assert found["forerun_tasks_admitted_total", "kind=demo", "shard=0"] == 1
    assert found["forerun_http_requests_total", "method=GET", "route=/v1/tasks", "status=200"] == 1
    assert exposition.decode().count("# TYPE forerun_attempts_total ") == 1


def test_a_failed_attempt_is_counted_as_failed_and_commits_nothing():
    metrics = RunMetrics(0)

    metrics.record([outcome(Verdict.COMMIT, 2.0, succeeded=False), outcome(Verdict.FLUSH, 1.0, succeeded=False)])

    attempts = {key: value for key, value in exposed(metrics).items() if key[0] == "forerun_attempts_total"}
    assert attempts == {
        ("forerun_attempts_total", "agent=agent", "outcome=failed", "shard=0", "verdict=none"): 1,
        ("forerun_attempts_total", "agent=agent", "outcome=cancelled", "shard=0", "verdict=flush"): 1,
    }


def test_an_ended_run_counts_its_first_dispatch_its_seconds_and_what_was_saved():
    metrics = RunMetrics(3)
    ended = {"id": "t", "kind": "demo", "status": RunStatus.SUCCEEDED, "submitted_at_s": 0}

    metrics.ended(TaskView.model_validate({**ended, "first_dispatch_s": 0.004, "ended_s": 2.5, "saved_s": 1.5}))

    found = exposed(metrics)
    assert found["forerun_tasks_ended_total", "kind=demo", "shard=3", "status=succeeded"] == 1
    assert found["forerun_first_dispatch_seconds_bucket", "le=0.005", "mode=forerun", "shard=3"] == 1
    assert found["forerun_task_seconds_sum", "shard=3", "status=succeeded"] == 2.5
    assert found["forerun_saved_seconds_total", "kind=demo", "shard=3"] == 1.5


def test_decisions_of_the_gate_are_counted_with_whether_the_work_was_used():
    metrics, appraisal = RunMetrics(0), Appraisal(claimed=0.5, probability=0.5, saved_s=1.0, cost_usd=0.1)

    metrics.record(
        [
            outcome(Verdict.COMMIT, 1.0, appraisal=appraisal),
            outcome(Verdict.FLUSH, 1.0, appraisal=appraisal),
            outcome(Verdict.COMMIT, 0.0, appraisal=appraisal, dispatched=False),
            outcome(Verdict.COMMIT, 1.0),
        ]
    )

    found = exposed(metrics)
    decisions = {key[1::2]: value for key, value in found.items() if key[0] == "forerun_gate_decisions_total"}
    assert decisions == {
        ("decision=dispatched", "used=yes"): 1,
        ("decision=dispatched", "used=no"): 1,
        ("decision=refused", "used=yes"): 1,
    }


def test_a_step_that_the_gate_did_not_dispatch_is_no_attempt():
    metrics = RunMetrics(0)

    metrics.record([outcome(Verdict.FLUSH, 0.0, dispatched=False)])

    assert not [name for name, *_ in exposed(metrics) if name.startswith("forerun_attempts_total")]


def test_the_number_of_kinds_in_the_metrics_is_bounded():
    metrics = RunMetrics(0)

    for number in range(1_000):
        metrics.admitted(f"kind {number}")
        metrics.admitted("kind 0")

    found = exposed(metrics)
    kinds = {key[1]: value for key, value in found.items() if key[0] == "forerun_tasks_admitted_total"}
    assert len(kinds) <= 201
    assert kinds["kind=kind 0"] == 1_001
    assert sum(kinds.values()) == 2_000
    assert kinds["kind=(others)"] > 0


def test_gauges_show_what_is_now_and_zero_is_shown_too():
    figures = ShardFigures(
        tasks={RunStatus.RUNNING: 2, RunStatus.PLANNING: 1},
        most_live=100,
        attempts_running=4,
        steps_waiting={WaitKind.ROOM: 7},
        journal=JournalFigures(stalled_s=1.5, waiting=3, size_bytes=4096),
    )

    found = exposed(RunMetrics(0), figures)

    assert found["forerun_tasks", "shard=0", "status=running"] == 2
    assert found["forerun_tasks", "shard=0", "status=in_doubt"] == 0
    assert found["forerun_queue_depth", "shard=0"] == 3
    assert found["forerun_queue_limit", "shard=0"] == 100
    assert found["forerun_attempts_running", "shard=0"] == 4
    assert found["forerun_steps_waiting", "reason=room", "shard=0"] == 7
    assert found["forerun_steps_waiting", "reason=retry", "shard=0"] == 0
    assert found["forerun_journal_stalled_seconds", "shard=0"] == 1.5
    assert found["forerun_journal_size_bytes", "shard=0"] == 4096


def test_a_request_that_waits_by_intention_is_counted_and_not_timed():
    http = HttpMetrics()
    http.answered("GET", "/v1/tasks/{task_id}", 200, 30.0, waits=True)
    http.answered("GET", "/v1/tasks/{task_id}", 200, 0.1)

    found = samples(joined([http.exposition()]))
    route = "route=/v1/tasks/{task_id}"
    assert found["forerun_http_requests_total", "method=GET", route, "status=200"] == 2
    assert found["forerun_http_request_seconds_count", "method=GET", route] == 1


class Answers:
    """Tokens in memory."""

    def __init__(self, *pieces: str, error: Exception | None = None) -> None:
        self._pieces, self._error = pieces, error

    async def answer(self, conversation, schema, *, strict):
        for piece in self._pieces:
            yield piece
        if self._error is not None:
            raise self._error

    async def close(self) -> None: ...


async def test_answers_of_the_llm_are_timed_by_how_they_end():
    registry = CollectorRegistry()
    metrics = LlmMetrics(registry)

    assert [piece async for piece in TimedTokens(Answers("a", "b"), metrics).answer([], {}, strict=True)] == ["a", "b"]
    with pytest.raises(OSError, match="gone"):
        async for _ in TimedTokens(Answers("a", error=OSError("gone")), metrics).answer([], {}, strict=True):
            pass
    cut_short = TimedTokens(Answers("a", "b"), metrics).answer([], {}, strict=True)
    await anext(cut_short)
    await cut_short.aclose()

    found = samples(generate_latest(registry))
    results = ("complete", "failed", "cancelled")
    assert [found["forerun_llm_seconds_count", f"result={result}"] for result in results] == [1, 1, 1]
    assert found["forerun_llm_first_token_seconds_count",] == 3


async def test_plans_and_guesses_are_timed_by_how_they_end():
    registry = CollectorRegistry()
    metrics = PlanningMetrics(registry, 0)

    async def plans(*made: Plan, error: Exception | None = None):
        for plan in made:
            yield plan
        if error is not None:
            raise error

    assert list(metrics.timed_guesses(iter([PLAN]))) == [PLAN]
    assert [plan async for plan in metrics.timed_plans(plans(PLAN))] == [PLAN]
    with pytest.raises(ValueError, match="no plan"):
        [plan async for plan in metrics.timed_plans(plans(error=ValueError("no plan")))]

    found = samples(generate_latest(registry))
    assert found["forerun_guess_seconds_count", "result=plan", "shard=0"] == 1
    assert found["forerun_planning_seconds_count", "result=plan", "shard=0"] == 1
    assert found["forerun_planning_seconds_count", "result=failed", "shard=0"] == 1


async def test_the_lag_of_an_event_loop_is_observed(monkeypatch):
    monkeypatch.setattr("orchestrator.metrics.loop_lag._EVERY_S", 0.0)
    registry = CollectorRegistry()
    lag = LoopLag(registry, "ingress")
    lag.start()
    for _ in range(10):
        await asyncio.sleep(0)
    lag.stop()

    assert samples(generate_latest(registry))["forerun_loop_lag_seconds_count", "process=ingress"] > 0


def everything() -> bytes:
    """An exposition with every metric."""
    shard, http, planner = RunMetrics(0), HttpMetrics(), CollectorRegistry()
    PlanningMetrics(shard.registry, 0)
    JournalMetrics(shard.registry, 0).committed(0.01, 3)
    LlmMetrics(planner).answer_s.labels("complete").observe(1.0)
    LoopLag(planner, "planner")
    shard.admitted("demo")
    shard.record([outcome(Verdict.COMMIT, 2.0), outcome(Verdict.FLUSH, 1.0)])
    http.answered("GET", "/v1/tasks", 200, 0.004)
    figures = ShardFigures(journal=JournalFigures(size_bytes=1))
    return joined([http.exposition(), shard.exposition(figures), generate_latest(planner).decode()])


def test_promtool_has_nothing_to_say_about_the_metrics():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")

    checked = subprocess.run([promtool, "check", "metrics"], input=everything(), capture_output=True, check=False)  # noqa: S603

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
