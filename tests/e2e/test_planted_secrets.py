"""Agents tell their secrets wherever they can: nothing that the service keeps or says holds them."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from live_service import Service

from planners.tasks import Task

pytestmark = pytest.mark.ray

_VIEWS = ("", "/timeline", "/failures", "/plans", "/logs", "/events", "/changes", "/steps/leak", "/trace")


@pytest.mark.parametrize("capability", ["leak", "leak_by_command"])
def test_planted_secrets_are_neither_stored_nor_told(
    service: Service, client: Any, forerun: Any, planted: tuple[str, ...], capability: str
):
    steps = [{"id": "leak", "capability": capability, "inputs": {}}]
    task = client.submit(Task.model_validate({"workflow": {"steps": steps}}))
    ended = client.wait(task.id)

    said = [ended.model_dump_json(), forerun("show", task.id).stdout, forerun("logs", task.id).stdout]
    with httpx.Client(base_url=service.url, timeout=300) as http:
        said += [http.get(f"/v1/tasks/{task.id}{view}").text for view in _VIEWS]
    files = [path for path in service.log.parent.rglob("*") if path.is_file()]

    assert ended.status == "failed"
    assert "***" in said[0]
    assert not [text for text in said for secret in planted if secret in text]
    assert not [path for path in files for secret in planted if secret.encode() in Path(path).read_bytes()]
