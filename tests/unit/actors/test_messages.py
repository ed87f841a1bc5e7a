"""What an executor and a host send each other arrives as it was sent."""

import pytest

from actors.executor.messages import Orders, Returned, packed, unpacked
from actors.invocation import Ended, Invocation
from planners.agents import AgentKind
from reconciler.state.handoff import Failure, Handoff, Usage
from reconciler.views.logs import LogBatch

LINES = (LogBatch("t.1", 1, 1, "[]"),)


@pytest.mark.parametrize(
    "ended",
    [
        Ended(0.5, handoff=Handoff()),
        Ended(0.5, handoff=Handoff(output={"a": [1, None]}, output_bytes=12)),
        Ended(0.5, handoff=Handoff(by_reference=True, output_bytes=12), staged=True, logs=LINES, notices=("n",)),
        Ended(0.5, handoff=Handoff(summary="done", confidence=0.5, output=1, usage=Usage(usd=0.1))),
        Ended(0.5, failure=Failure(kind="error", message="no"), logs=LINES),
    ],
)
def test_ends_arrive_as_they_were_sent(ended):
    sent = [Returned("t.1", ended), Returned("t.2", None), Returned("t.3", ended, {"a": b"x"})]

    assert unpacked(packed(sent)) == sent


def test_orders_arrive_as_they_were_sent():
    known = {"task": "t", "agent": "a", "kind": AgentKind.ASYNC, "target": "m:f", "work_key": "k"}
    calls = [
        Invocation(attempt=f"t.{n}", inputs={"n": n}, timeout_s=1.5, check="true", node="n", **known) for n in (1, 2)
    ]

    assert unpacked(packed(Orders(calls, ["t.3"]))) == Orders(calls, ["t.3"])


def test_a_message_with_many_ends_is_short():
    ends = [Returned(f"t.{n}", Ended(0.5, handoff=Handoff(output=n, output_bytes=3))) for n in range(100)]

    assert len(packed(ends)) < 100 * 60
