"""What shards and ingress count is joined into one valid exposition."""

from prometheus_client.parser import text_string_to_metric_families

from orchestrator.metrics import HttpMetrics, RunMetrics, joined
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Outcome, Verdict
from reconciler.views.models import TaskView


def outcome(verdict: Verdict, seconds: float) -> Outcome:
    return Outcome(
        task="t",
        task_kind="k",
        attempt="a/1",
        step="a",
        capability="c",
        agent="agent",
        node="n",
        speculative=True,
        verdict=verdict,
        succeeded=True,
        seconds=seconds,
        expected_s=1.0,
        usd=0.5,
    )


def samples(exposition: bytes) -> dict[tuple[str, ...], float]:
    text = exposition.decode()
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_shards_and_ingress_are_joined_with_each_family_declared_once():
    shards = [RunMetrics(0), RunMetrics(1)]
    for shard in shards:
        shard.admitted("demo")
        shard.record([outcome(Verdict.COMMIT, 2.0), outcome(Verdict.FLUSH, 1.0)])
    http = HttpMetrics()
    http.answered("GET", "/v1/tasks", 200, 0.004)

    exposition = joined([http.exposition(), *(shard.exposition() for shard in shards)])

    found = samples(exposition)
    assert found["forerun_attempts_total", "agent=agent", "shard=1", "verdict=flush"] == 1
    assert found["forerun_agent_s_total", "agent=agent", "shard=0", "verdict=commit"] == 2
    assert found["forerun_tasks_admitted_total", "kind=demo", "shard=0"] == 1
    assert found["forerun_http_requests_total", "method=GET", "route=/v1/tasks", "status=200"] == 1
    assert exposition.decode().count("# TYPE forerun_attempts_total ") == 1


def test_an_ended_run_counts_its_first_dispatch_its_seconds_and_what_was_saved():
    metrics = RunMetrics(3)

    metrics.ended(
        TaskView(
            id="t",
            kind="demo",
            status=RunStatus.SUCCEEDED,
            submitted_at_s=0,
            first_dispatch_s=0.004,
            ended_s=2.5,
            saved_s=1.5,
        )
    )

    found = samples(joined([metrics.exposition()]))
    assert found["forerun_tasks_ended_total", "kind=demo", "shard=3", "status=succeeded"] == 1
    assert found["forerun_first_dispatch_s_bucket", "le=0.005", "mode=forerun", "shard=3"] == 1
    assert found["forerun_run_s_sum", "shard=3", "status=succeeded"] == 2.5
    assert found["forerun_saved_s_total", "kind=demo", "shard=3"] == 1.5


def test_a_step_that_the_gate_did_not_dispatch_is_not_counted():
    metrics = RunMetrics(0)

    metrics.record([outcome(Verdict.FLUSH, 0.0).model_copy(update={"dispatched": False})])

    assert not [name for name, *_ in samples(joined([metrics.exposition()])) if name.startswith("forerun_attempts")]


def test_the_number_of_kinds_in_the_metrics_is_bounded():
    metrics = RunMetrics(0)

    for number in range(1_000):
        metrics.admitted(f"kind {number}")
        metrics.admitted("kind 0")

    found = samples(joined([metrics.exposition()]))
    kinds = {key[1]: value for key, value in found.items() if key[0] == "forerun_tasks_admitted_total"}
    assert len(kinds) <= 201
    assert kinds["kind=kind 0"] == 1_001
    assert sum(kinds.values()) == 2_000
    assert kinds["kind=(others)"] > 0
