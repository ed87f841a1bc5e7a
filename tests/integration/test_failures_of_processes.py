"""Whatever happens to the process of an agent, its failure tells the line of the user's code, and the node."""

from typing import Any

import failing_agents as f
import pytest

from actors.executor.ray_executor import RayExecutor
from reconciler.state.handoff import FailureKind

pytestmark = pytest.mark.ray


async def test_a_crash_tells_its_signal_and_line(attempts_with: Any):
    failure = await attempts_with(f.crashes).run(f.crashes)

    assert (failure.kind, failure.message) == (
        FailureKind.WORKER_LOST,
        "the process of agent 'crashes' died of: Segmentation fault",
    )
    assert failure.evidence.frame.line == f.line_of("crash")
    assert failure.evidence.inputs == {}


async def test_a_process_that_ends_itself_is_told_as_such(attempts_with: Any):
    failure = await attempts_with(f.exits).run(f.exits)

    assert failure.kind is FailureKind.WORKER_LOST
    assert "ended itself" in failure.message
    assert "os._exit" in failure.fix
    assert "about to exit" in failure.evidence.stderr


async def test_a_hang_tells_the_line_at_which_its_time_was_over(attempts_with: Any):
    failure = await attempts_with(f.hangs).run(f.hangs)

    assert failure.kind is FailureKind.TIMEOUT
    assert failure.evidence.frame.line == f.line_of("hang")
    assert "in hangs" in failure.evidence.traceback


async def test_blocking_code_in_a_shared_host_is_told_with_its_line(attempts_with: Any):
    attempts = attempts_with(f.blocks, heartbeat_timeout_s=2.0)
    assert isinstance(attempts.executor, RayExecutor)

    failure = await attempts.run(f.blocks)

    assert failure.error_type == "BlockedEventLoop"
    assert failure.evidence.frame.line == f.line_of("block")


async def test_a_missing_module_is_told_with_the_node_that_lacks_it(attempts_with: Any, cluster: Any):
    failure = await attempts_with(f.misses_a_module).run(f.misses_a_module)

    assert failure.evidence.frame.line == f.line_of("missing")
    assert failure.fix.startswith(f"install module 'no_such_module_here' on node {cluster.cpu[:12]}")


async def test_a_lack_of_memory_is_told_with_the_line_and_what_to_do(attempts_with: Any):
    failure = await attempts_with(f.allocates_too_much).run(f.allocates_too_much)

    assert failure.error_type == "MemoryError"
    assert failure.evidence.frame.line == f.line_of("allocate")
    assert "memory_bytes" in failure.fix
