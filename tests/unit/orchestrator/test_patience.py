"""Whatever is away, readiness and submissions answer within two seconds: no wait is longer, alone or in a row."""

from orchestrator.gateway import liveness, ray_gateway
from orchestrator.ingress import context, keyring
from reconciler.runtime import actor, journal_health, submissions

ANSWER_S = 2.0
STALL_S = journal_health._STALLED_S + journal_health._LOOK_S


def test_readiness_asks_planner_and_shards_at_once():
    assert max(liveness._WAIT_S, ray_gateway._READY_TIMEOUT_S) < ANSWER_S
    assert max(STALL_S, actor._START_WAIT_S) < ray_gateway._READY_TIMEOUT_S, "the shard's reason arrives"


def test_a_submission_meets_one_fault_after_the_other():
    assert liveness._WAIT_S + max(STALL_S, actor._START_WAIT_S, submissions._KNOWN_WAIT_S) <= ANSWER_S
    assert context._SNAPSHOT_S + actor._START_WAIT_S < ANSWER_S, "a replica that starts while the shard does"
    assert keyring._READ_S + liveness._WAIT_S < ANSWER_S
