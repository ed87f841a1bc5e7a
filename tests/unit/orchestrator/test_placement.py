"""The service's actors stay on the host of its files, and may run anywhere without files."""

from pathlib import Path

import pytest

from orchestrator.errors import CannotStart
from orchestrator.service.placement import ServicePlacement, refuse_client_with_files, runs_anywhere
from orchestrator.settings import ClusterSettings, JournalSettings, LearnerSettings, Settings
from planners.model import NodeId

NETWORK = JournalSettings(url="postgresql+psycopg://user:secret@db/forerun")
CLIENT = ClusterSettings(address="ray://head:10001")


@pytest.mark.parametrize(
    ("settings", "anywhere"),
    [
        (Settings(), False),
        (Settings(journal=NETWORK), False),
        (Settings(learner=LearnerSettings(shared_folder=Path("/mnt/models"))), False),
        (Settings(journal=NETWORK, learner=LearnerSettings(shared_folder=Path("/mnt/models"))), True),
        (Settings(journal=NETWORK, learner=LearnerSettings(enabled=False)), True),
        (Settings(journal=JournalSettings(url="nonsense"), learner=LearnerSettings(enabled=False)), False),
    ],
)
def test_the_service_runs_anywhere_only_with_a_journal_on_the_network_and_shared_models(settings, anywhere):
    assert runs_anywhere(settings) is anywhere


def test_a_cluster_is_joined_through_the_client_only_without_files():
    with pytest.raises(CannotStart) as caught:
        refuse_client_with_files(Settings(cluster=CLIENT))

    assert caught.value.field == "cluster.address"
    assert "journal.url" in caught.value.fix
    assert "learner.shared_folder" in caught.value.fix
    refuse_client_with_files(Settings(cluster=CLIENT, journal=NETWORK, learner=LearnerSettings(enabled=False)))
    refuse_client_with_files(Settings(cluster=ClusterSettings(address="head:6379")))


def test_a_placement_pins_actors_and_replicas_to_one_node():
    pinned = ServicePlacement(NodeId("a" * 56), "10.0.0.7")

    assert pinned.scheduling_strategy.node_id == "a" * 56
    assert pinned.scheduling_strategy.soft is False
    assert pinned.replica_resources == {"node:10.0.0.7": 0.001}
    assert ServicePlacement().scheduling_strategy is None
    assert ServicePlacement().replica_resources == {}
