"""A cancellation that gets lost changes nothing: the late result of a flushed attempt is inert."""

from pathlib import Path
from typing import Any

import pytest
import sample_agents as s
from attempts import output_of, until

pytestmark = pytest.mark.ray


@pytest.mark.parametrize("agent", [s.finishes_late, s.finishes_late_in_process])
async def test_a_late_result_is_inert(attempts_with: Any, tmp_path: Path, agent: Any):
    lost: list[Any] = []
    attempts, mark = attempts_with(agent, s.add, cancel=lost.extend), tmp_path / "finished"
    attempt = attempts.start(agent, mark=str(mark), seconds=0.3)
    await attempts.started(attempt)

    attempts.executor.flush(attempts.task, [attempt])

    assert [running.order.attempt for running in lost] == [attempt]
    await until(mark.exists)  # it ran to its end, as nobody stopped it
    assert await attempts.run(s.add, a=1) == 2  # its reply, sent before, has arrived
    assert attempts.of(attempt) == ["attempt_started"]
    with pytest.raises(LookupError):
        await attempts.executor.value(attempts.task, output_of(attempt))
