"""Validation: refuse a task that cannot run, naming the wrong field and the fix.

Only certain errors are refused here. Anything that depends on estimates is for the planner to judge (`Infeasible`).
The cost is linear in the size of the task, and the number and length of the errors are bounded.
"""

from collections.abc import Iterator
from itertools import islice

from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.errors import InvalidTask
from planners.tasks import Task
from planners.validation.bindings import read
from planners.validation.explanations import explain
from planners.validation.given_plans import broken_plan
from planners.validation.limits import contradictions
from planners.validation.offers import Requirements, unservable
from planners.validation.parsing import parse
from planners.validation.structure import broken_structure
from planners.validation.suggestions import shortened
from planners.validation.unread_references import unread_references

__all__ = ["MAX_FLAWS", "check", "explain", "flaws", "parse"]

MAX_FLAWS = 20


def check(task: Task, catalog: Catalog, cluster: ClusterSnapshot | None = None) -> None:
    """Accept a task that can run.

    Args:
        task: well-formed, otherwise unchecked.
        catalog: the known agents.
        cluster: the nodes; None if unknown, which leaves resources unchecked.

    Raises:
        InvalidTask: the first thing that is wrong.
    """
    for flaw in flaws(task, catalog, cluster):
        raise flaw


def flaws(task: Task, catalog: Catalog, cluster: ClusterSnapshot | None = None) -> Iterator[InvalidTask]:
    """What is wrong with a task: at most MAX_FLAWS errors, all of the first stage that finds any."""
    requirements = Requirements(catalog, task.objective.min_quality, cluster)
    for stage in (_structure, unservable, _values):
        found = list(islice(stage(task, requirements), MAX_FLAWS))
        yield from map(shortened, found)
        if found:
            return


def _structure(task: Task, _requirements: Requirements) -> Iterator[InvalidTask]:
    if task.workflow is not None:
        yield from broken_structure(task.workflow)
    if task.planning.plan is not None:
        yield from broken_plan(task.planning.plan, task.inputs)


def _values(task: Task, requirements: Requirements) -> Iterator[InvalidTask]:
    if task.workflow is None:
        yield from contradictions(task, requirements, {})
        return
    reading = read(task.workflow, task.inputs, requirements, MAX_FLAWS)
    yield from reading.flaws
    yield from unread_references(task.workflow, task.inputs)
    yield from contradictions(task, requirements, reading.lengths)
