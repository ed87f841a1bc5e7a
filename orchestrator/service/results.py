"""The result cache of a shard, and where it keeps results and large outputs."""

import time

from actors.payloads.folder import PayloadFolder
from actors.payloads.store import PayloadStore, ReturnedPayloads
from actors.result_cache import ResultCache
from orchestrator.settings import Settings
from reconciler.journal.results import ResultTable


def result_cache(settings: Settings) -> ResultCache:
    """The cache that the settings ask for. Blocks while it connects to the database."""
    bounds = settings.results
    store = ResultTable(settings.journal_url, max_bytes=bounds.max_bytes) if bounds.stored else None
    return ResultCache(time.monotonic, max_bytes=bounds.memory_bytes, ttl_s=bounds.ttl_s, store=store)


def payload_store(settings: Settings) -> PayloadStore:
    """Where large outputs are kept."""
    url = settings.outputs.url
    return ReturnedPayloads() if url is None else PayloadFolder(url)
