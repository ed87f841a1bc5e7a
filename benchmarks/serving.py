"""Run a service during a measurement, with simulated agents and, if needed, a scripted LLM."""

import gc
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from orchestrator.client.client import Client
from orchestrator.service.wiring import RunningService, start
from orchestrator.settings import ClusterSettings, Http, LlmSettings, Settings
from planners.agents import Catalog


@contextmanager
def running(catalog: Catalog, llm: LlmSettings | None = None, **sections: Any) -> Iterator[RunningService]:
    """A complete service on a free port with its own journal; stopped and removed at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="forerun-bench-")))
        settings = Settings(
            http=sections.pop("http", Http(port=0)),
            cluster=ClusterSettings(num_cpus=sections.pop("num_cpus", None)),
            llm=llm or LlmSettings(),
            data_dir=folder,
            **sections,
        )
        service = start(settings, catalog)
        stack.callback(service.stop)
        # The client measures in this process, and the scripted LLM answers in it. A full collection of 300,000 objects
        # of modules and catalog held up both for 0.25 s, and so the plans in whichever mode was running.
        gc.collect()
        gc.freeze()
        stack.callback(gc.unfreeze)
        yield service


@asynccontextmanager
async def client_of(service: RunningService) -> AsyncIterator[Client]:
    """A client for a running service."""
    async with Client(service.url, timeout_s=120) as client:
        yield client


def quantile(values: list[float], share: float) -> float:
    """The quantile of the values by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
