"""Requests that schemathesis generates from the OpenAPI document: none makes the service fail.

`make fuzz` sends ten thousand, `make test-slow` a part of them.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.errors import InvalidSchema
from schemathesis.generation import GenerationMode

from .conftest import Service, started

_REQUESTS = int(os.environ.get("FORERUN_FUZZ_REQUESTS", "3000"))

# Generating a request takes longer than answering it: about a third of a second on a busy machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(max(3000, _REQUESTS))]

_ROUNDS = 8
# A request may wait for the end of a task; generated ones ask for minutes.
_ANSWER_S = 300


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Service]:
    """A service of this test's own: what is generated stays out of the others' lists."""
    service = started(tmp_path, "--ingress", "direct", environment={"FORERUN_HTTP__MAX_WAIT_S": "0.05"})
    yield service
    assert service.terminate() == 0, service.log.read_text()


def test_no_generated_request_makes_the_service_fail(own: Service):
    schema = schemathesis.openapi.from_url(f"{own.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    statuses: Counter[int] = Counter()
    ways = [(operation, mode) for operation in operations for mode in GenerationMode]

    # An operation without parameters has few distinct requests, so several rounds make up the number.
    for round_number in range(_ROUNDS):
        for operation, mode in ways:
            statuses += _sent(operation, mode, _REQUESTS // len(ways) + 1, round_number)
        if statuses.total() >= _REQUESTS:
            break

    assert statuses.total() >= _REQUESTS, statuses
    assert {status for status in statuses if status >= 500} == set(), statuses


def _sent(operation, mode: GenerationMode, count: int, round_number: int) -> Counter[int]:
    seen: Counter[int] = Counter()

    @seed(round_number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case) -> None:
        answer = case.call(timeout=_ANSWER_S)
        seen[answer.status_code] += 1
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)

    # Nothing of the operation can be invalid, or the generator gives up on a recursive schema: other rounds make up.
    with suppress(Unsatisfiable, InvalidSchema):
        send()
    return seen
