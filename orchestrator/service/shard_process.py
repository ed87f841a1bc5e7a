"""A shard as the class of a Ray actor."""

from orchestrator.imports import without_collections

with without_collections():
    import orchestrator.service.shard_builder  # noqa: F401 - what the actor builds
    from reconciler.runtime.actor import ReconcilerActor


class ReconcilerActorProcess(ReconcilerActor):
    """A shard. Its process imports this module first, and then all that a shard needs without collections."""
