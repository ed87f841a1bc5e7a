"""Where the service's own actors may run.

A journal in SQLite and models in a folder are files of the host of `forerun up`. While either is in use, ingress,
shards, planner and learner are pinned to that host, so that they find the files, and so that the loss of another host
does not interrupt them. With a database on the network and a folder that all hosts mount, they run anywhere.
"""

from dataclasses import dataclass
from typing import Any

import ray
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from actors.executor.nodes import pinned
from orchestrator.errors import CannotStart
from orchestrator.settings import IngressMode, Settings
from planners.model import NodeId

# Ray gives every node the resource node:ADDRESS. A share of it pins a Serve replica, which takes no other strategy.
_SHARE = 0.001


@dataclass(frozen=True)
class ServicePlacement:
    """The node that the service's actors are pinned to; None lets Ray choose."""

    node: NodeId | None = None
    address: str = ""

    @property
    def scheduling_strategy(self) -> Any:
        """For the options of a Ray actor."""
        return None if self.node is None else pinned(self.node)

    @property
    def replica_resources(self) -> dict[str, float]:
        """For the options of a Serve replica."""
        return {} if self.node is None else {f"node:{self.address}": _SHARE}


def runs_anywhere(settings: Settings) -> bool:
    """Whether nothing that the service needs is a file of one host."""
    learner = settings.learner
    return _is_on_the_network(settings.journal_url) and (not learner.enabled or learner.shared_folder is not None)


def refuse_client_with_files(settings: Settings) -> None:
    """Check that a service that joins a cluster through Ray's client needs no files of this host.

    Raises:
        CannotStart: it does.
    """
    if settings.cluster.through_client and settings.http.ingress is IngressMode.DIRECT:
        raise CannotStart(
            f"{settings.cluster.address} connects from outside of the cluster, where a direct ingress cannot listen at "
            "an address of this host",
            "http.ingress",
            "use the ingress serve, or run `forerun up` on a host of the cluster with --address HOST:PORT",
        )
    if settings.cluster.through_client and not runs_anywhere(settings):
        raise CannotStart(
            f"{settings.cluster.address} connects from outside of the cluster, where the service's actors cannot read "
            "the journal and the models of this host",
            "cluster.address",
            "run `forerun up` on a host of the cluster with --address HOST:PORT, or set journal.url to a PostgreSQL "
            "database and learner.shared_folder to a folder that every host mounts",
        )


def service_placement(settings: Settings) -> ServicePlacement:
    """Where the actors of this service belong. Call it while Ray is up.

    A direct ingress answers at an address of this host, so the actors are pinned to it.
    """
    if runs_anywhere(settings) and settings.http.ingress is IngressMode.SERVE:
        return ServicePlacement()
    here = ray.get_runtime_context().get_node_id()
    nodes = ray.nodes()  # type: ignore[no-untyped-call] # Ray leaves it untyped
    address = next(node["NodeManagerAddress"] for node in nodes if node["NodeID"] == here)
    return ServicePlacement(NodeId(here), address)


def _is_on_the_network(journal_url: str) -> bool:
    try:
        return make_url(journal_url).get_backend_name() != "sqlite"
    except ArgumentError:
        return False  # the journal reports it when it is opened
