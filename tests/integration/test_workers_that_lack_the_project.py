"""What is not installed on a cluster's nodes is noticed when the cluster is joined, not by the first task."""

import pytest

from orchestrator.errors import CannotStart
from orchestrator.service.ray_connection import check_workers


@pytest.mark.ray
def test_nodes_whose_workers_cannot_import_the_project_are_named_with_what_to_do(cluster):
    check_workers(cluster.address)

    with pytest.raises(CannotStart) as refused:
        check_workers(cluster.address, needed="no_such_project.agents:__doc__")

    assert cluster.address in refused.value.message
    assert "No module named 'no_such_project'" in refused.value.message
    assert refused.value.field == "cluster.runtime_env"
    assert "install" in refused.value.fix
