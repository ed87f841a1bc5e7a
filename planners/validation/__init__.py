"""Refusing what cannot be run, with the field that is wrong and what would mend it.

Only certainties are refused here; what depends on estimates is the planner's to judge (`Infeasible`).
"""

from collections.abc import Iterator

from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.errors import InvalidTask
from planners.tasks import Task
from planners.validation.bindings import read
from planners.validation.explanations import explain, explain_errors
from planners.validation.limits import contradictions
from planners.validation.offers import Requirements, accepts, unservable
from planners.validation.structure import broken_structure

__all__ = ["accepts", "check", "explain", "explain_errors", "flaws"]


def check(task: Task, catalog: Catalog, cluster: ClusterSnapshot | None = None) -> None:
    """Accept a task that can be run.

    Args:
        task: well-formed, but for all else unchecked.
        catalog: the agents there are.
        cluster: what they may run on; None: not known, so resources are not checked.

    Raises:
        InvalidTask: the first thing that is wrong.
    """
    for flaw in flaws(task, catalog, cluster):
        raise flaw


def flaws(task: Task, catalog: Catalog, cluster: ClusterSnapshot | None = None) -> Iterator[InvalidTask]:
    """Everything that is wrong with a task, stopping after the first stage that finds something."""
    for stage in (_structure, _service, _values):
        found = list(stage(task, catalog, cluster))
        yield from found
        if found:
            return


def _structure(task: Task, _catalog: Catalog, _cluster: ClusterSnapshot | None) -> Iterator[InvalidTask]:
    if task.workflow is not None:
        yield from broken_structure(task.workflow)


def _service(task: Task, catalog: Catalog, cluster: ClusterSnapshot | None) -> Iterator[InvalidTask]:
    yield from unservable(task, Requirements(catalog, task.objective.min_quality, cluster))


def _values(task: Task, catalog: Catalog, cluster: ClusterSnapshot | None) -> Iterator[InvalidTask]:
    wishes = Requirements(catalog, task.objective.min_quality, cluster)
    if task.workflow is None:
        yield from contradictions(task, wishes, {})
        return
    reading = read(task.workflow, task.inputs, wishes)
    yield from reading.flaws
    yield from contradictions(task, wishes, reading.lengths)
