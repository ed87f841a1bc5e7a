"""Limits that no plan can keep: too many steps, quality out of reach, budget or deadline too small."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from planners.agents import AgentSpec
from planners.amounts import dollars
from planners.errors import InvalidTask
from planners.joins import owners_of
from planners.model import StepId
from planners.node_order import in_order
from planners.tasks import Task
from planners.unrolled_levels import MAX_STEPS
from planners.validation.offers import Requirements
from planners.workflow import FanOutNode, ForEach, Loop, Node, OnFailure, Parallel, Route, Step, Try, Use

# Declared durations are rough priors: an agent may turn out ten times faster, but hardly more.
_LEAST_SHARE = 0.1


def contradictions(task: Task, requirements: Requirements, lengths: Mapping[StepId, int]) -> Iterator[InvalidTask]:
    """What no plan can satisfy. ``lengths``: the least number of elements of each for_each."""
    nodes: Sequence[Node] = task.workflow.steps if task.workflow is not None else ()
    steps = _total(nodes, lengths, lambda _step: 1)
    if steps > MAX_STEPS:
        yield InvalidTask(
            f"it unrolls to {steps:,.0f} steps, and the limit is {MAX_STEPS:,}", "workflow", "split the task"
        )
    if task.workflow is None:
        yield from _unreachable_quality(task, requirements)
    yield from _budget_too_small(task, requirements, lengths)
    yield from _deadline_too_short(task, requirements, lengths)


def _unreachable_quality(task: Task, requirements: Requirements) -> Iterator[InvalidTask]:
    best = max((agent.quality for agent in requirements.catalog.agents), default=0.0)
    if task.objective.min_quality > best:
        yield InvalidTask(
            f"the task asks for quality {task.objective.min_quality:g}, and the best agent has {best:g}",
            "objective.min_quality",
            f"ask for {best:g} at most",
        )


def _budget_too_small(task: Task, requirements: Requirements, lengths: Mapping[StepId, int]) -> Iterator[InvalidTask]:
    budget_usd = task.limits.budget_usd
    if budget_usd is None or task.limits.on_budget != "fail":
        return
    if task.workflow is None:
        least_usd = min(map(_least_usd, requirements.catalog.agents), default=0.0)
    else:
        least_usd = _total(
            task.workflow.steps, lengths, lambda step: min(map(_least_usd, requirements.candidates(step)))
        )
    if least_usd > budget_usd * (1 + 1e-9):
        yield InvalidTask(
            f"the cheapest calls cost {dollars(least_usd, round_up=True)}, and the budget is {dollars(budget_usd)}",
            "limits.budget_usd",
            f"raise it to at least {dollars(least_usd, round_up=True)}",
        )


def _deadline_too_short(task: Task, requirements: Requirements, lengths: Mapping[StepId, int]) -> Iterator[InvalidTask]:
    deadline_s = task.limits.deadline_s
    if deadline_s is None or task.limits.on_deadline != "fail":
        return
    speed = (
        max((node.speed for node in requirements.cluster.nodes), default=1.0)
        if requirements.cluster is not None
        else 1.0
    )
    if task.workflow is None:
        least_s = min(map(_least_s, requirements.catalog.agents), default=0.0) / speed
    else:
        least_s = _path_s(task.workflow.steps, lengths, requirements) / speed
    if least_s > deadline_s:
        yield InvalidTask(
            f"the critical path takes {least_s:.3g} s even if every agent is {1 / _LEAST_SHARE:g} times faster than "
            f"declared, and the deadline is {deadline_s:.3g} s",
            "limits.deadline_s",
            f"raise it to {least_s / _LEAST_SHARE:.3g} s",
        )


def _least_usd(agent: AgentSpec) -> float:
    return agent.price.of(_least_s(agent))


def _least_s(agent: AgentSpec) -> float:
    return agent.expected_s * _LEAST_SHARE


def _total(nodes: Sequence[Node], lengths: Mapping[StepId, int], of: Callable[[Step], float]) -> float:
    """The sum over all unrolled steps, as far as lengths are known and steps are not skipped whatever happens."""
    total = 0.0
    for node in _certain(nodes):
        if isinstance(node, Step):
            total += of(node)
        elif _may_end_early(node):
            continue
        elif isinstance(node, Parallel):
            total += _total(node.parallel, lengths, of)
        elif isinstance(node, ForEach):
            times = lengths.get(node.id, 0)
            total += times * _total(node.steps, lengths, of) if times else 0.0
        elif isinstance(node, Loop):
            total += _total(node.loop, lengths, of) if node.go_on is None else 0.0
        elif isinstance(node, Use):
            total += _total(node.steps or (), lengths, of)
        elif isinstance(node, Route | Try):
            total += min(_total(branch.steps, lengths, of) for _, branch in node.branches)
    return total


def _may_end_early(node: Node) -> bool:
    """Whether the task may succeed although only some of the steps inside the node have run."""
    if isinstance(node, FanOutNode):
        return node.completion.may_drop or node.on_failure is not OnFailure.FAIL
    return bool(node.branches) and node.on_failure is not OnFailure.FAIL


def _certain(nodes: Sequence[Node]) -> Iterator[Node]:
    """The nodes that surely run, in topological order. A route without ``else`` may be skipped, and so its readers.

    What only a join needs may be stopped.
    """
    may_be_skipped: set[StepId] = set()
    ordered = in_order(nodes)
    stopped = {name for name, owner in owners_of(ordered).items() if owner is not None}
    for node in ordered:
        read = node.own_refs if node.join is None else node.needed
        runs = may_be_skipped.isdisjoint(read) and not (isinstance(node, Route) and node.otherwise is None)
        runs = runs and not (isinstance(node, Loop) and node.go_on is not None)
        if node.default is None and not (runs and node.on_failure is OnFailure.FAIL):
            may_be_skipped.add(node.id)
        if runs and node.id not in stopped:
            yield node


def _path_s(nodes: Sequence[Node], lengths: Mapping[StepId, int], requirements: Requirements) -> float:
    """Seconds of the longest chain of the fastest agents."""
    ends: dict[StepId, float] = {}
    for node in _certain(nodes):
        joined = node.joined if node.join is not None and node.join.may_drop else ()
        start = max((ends[ref] for ref in node.refs if ref in ends and ref not in joined), default=0.0)
        seconds = 0.0
        if isinstance(node, Step):
            seconds = min(map(_least_s, requirements.candidates(node)))
        elif _may_end_early(node):
            pass
        elif isinstance(node, Parallel):
            seconds = _path_s(node.parallel, lengths, requirements)
        elif isinstance(node, ForEach):
            seconds = _path_s(node.steps, lengths, requirements) if lengths.get(node.id, 0) else 0.0
        elif isinstance(node, Loop):
            seconds = _path_s(node.loop, lengths, requirements) if node.go_on is None else 0.0
        elif isinstance(node, Use):
            seconds = _path_s(node.steps or (), lengths, requirements)
        elif isinstance(node, Route | Try):
            seconds = min(_path_s(branch.steps, lengths, requirements) for _, branch in node.branches)
        ends[node.id] = start + seconds
    return max(ends.values(), default=0.0)
