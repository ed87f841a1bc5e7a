"""The checkpointer passes LangGraph's own conformance suite, and what an interrupt leaves survives the process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.importorskip("langgraph.checkpoint.conformance", reason="pip install langgraph-checkpoint-conformance")
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate

from actors.checkpoints.saver import SqlCheckpoints


async def test_every_capability_of_the_published_suite_passes(tmp_path: Path):
    @checkpointer_test(name="SqlCheckpoints")
    async def on_sqlite() -> AsyncIterator[BaseCheckpointSaver]:
        with SqlCheckpoints(f"sqlite:///{tmp_path / 'graphs.sqlite3'}") as saver:
            yield saver

    report = await validate(on_sqlite)

    failed = {name: result.failures for name, result in report.results.items() if result.tests_failed}
    assert not failed
    assert report.passed_all()
    assert sum(result.tests_passed for result in report.results.values()) > 60
