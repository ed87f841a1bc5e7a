"""What the executor of a shard keeps, as the settings say: results, large outputs, and lines of attempts."""

import time

from actors.logs.limits import LogLimits
from actors.payloads.folder import PayloadFolder
from actors.payloads.store import PayloadStore, ReturnedPayloads
from actors.result_cache import ResultCache
from orchestrator.settings import LogSettings, Settings
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


def log_limits(logs: LogSettings) -> LogLimits | None:
    """How much of what an attempt prints and logs is kept; None: nothing."""
    if not logs.capture:
        return None
    return LogLimits(logs.line_chars, logs.attempt_bytes, logs.bytes_per_s, logs.burst_bytes)
