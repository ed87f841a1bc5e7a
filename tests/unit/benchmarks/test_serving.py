"""The process of a benchmark, in which the client measures and the scripted LLM answers."""

import gc
from types import SimpleNamespace

from benchmarks import serving
from orchestrator.settings import LlmSettings
from planners.agents import Catalog
from planners.tasks import Task


def test_the_garbage_collector_leaves_alone_what_was_there_before_the_measurement(monkeypatch):
    """A full collection of all modules held up the scripted LLM for 0.25 s, in whichever mode was running."""
    stopped = []
    monkeypatch.setattr(serving, "start", lambda *_: SimpleNamespace(stop=lambda: stopped.append(True)))

    with serving.running(Catalog(agents=()), LlmSettings()):
        assert gc.get_freeze_count() > 0
        assert not any(found is Task for found in gc.get_objects())

    assert any(found is Task for found in gc.get_objects())
    assert stopped
