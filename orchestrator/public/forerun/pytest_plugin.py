"""A pytest plugin: the fixture ``forerun`` runs a task in the process of the test."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from orchestrator.local.run import Agents
    from orchestrator.settings import Settings
    from orchestrator.task_documents import Submittable
    from reconciler.views.models import TaskView


class RunTask(Protocol):
    """What the fixture ``forerun`` is."""

    def __call__(
        self,
        task: "Submittable",
        agents: "Iterable[Agents] | None" = None,
        *,
        settings: "Settings | Mapping[str, Any] | None" = None,
        virtual_time: bool = True,
    ) -> "TaskView":
        """As `forerun.run`, in virtual time unless the test says otherwise: agents that sleep take no time."""
        ...


@pytest.fixture
def forerun() -> RunTask:
    """Run a task in this process, in virtual time by default; see `forerun.run`."""
    from orchestrator.local.run import run  # noqa: PLC0415 -- most tests of a project do not run a task

    def run_task(
        task: "Submittable",
        agents: "Iterable[Agents] | None" = None,
        *,
        settings: "Settings | Mapping[str, Any] | None" = None,
        virtual_time: bool = True,
    ) -> "TaskView":
        return run(task, agents, settings=settings, virtual_time=virtual_time)

    return run_task
