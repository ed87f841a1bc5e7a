"""A shard with the HTTP application as the class of a Ray actor."""

from orchestrator.imports import without_collections

with without_collections():
    import orchestrator.service.shard_builder  # noqa: F401 - what the actor builds
    from orchestrator.service.direct_ingress import IngressShard


class IngressShardProcess(IngressShard):
    """As `ReconcilerActorProcess`. FastAPI takes long to import, so only a direct ingress does."""
