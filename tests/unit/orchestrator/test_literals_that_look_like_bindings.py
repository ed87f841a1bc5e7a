"""A literal reaches its agent as it was written, or is refused."""

import pytest

from planners.bindings import Value


@pytest.mark.parametrize("literal", [{"value": 5}, {"value": {"unit": "eV"}}])
async def test_an_object_whose_only_key_is_value_is_kept_or_refused(http, gateway, literal):
    steps = [{"id": "only", "capability": "fetch", "inputs": {"config": literal}}]
    reply = await http.post("/v1/tasks", json={"workflow": {"steps": steps}})

    if reply.status_code == 422:
        assert "config" in reply.json()["field"]
        return
    (stored,) = gateway._stored.values()
    assert stored.admitted.task.workflow.steps[0].inputs["config"] == Value(value=literal)
