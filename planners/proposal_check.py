"""Proposals of agents: checked like a submitted task, within what the task may still spend."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from planners.agents import Catalog
from planners.errors import InvalidTask
from planners.leaves import kind_of
from planners.linking import linked
from planners.proposals import OUTPUT, Proposal
from planners.tasks import Limits, Objective, Task
from planners.validation.bindings import read
from planners.validation.explanations import explain
from planners.validation.limits import contradictions
from planners.validation.offers import Requirements, unservable
from planners.validation.parsing import parse
from planners.validation.shapes import ANYTHING
from planners.validation.structure import ROOT, broken_structure
from planners.validation.suggestions import nearest, shortened, shown
from planners.workflow import Step

_FIELDS = {
    "goal": frozenset({"goal", "inputs"}),
    "use": frozenset({"use", "version", "inputs"}),
    "steps": frozenset({"steps", "output", "inputs"}),
}
# Ids grow with each level, and copies of elements add their numbers.
_LONGEST_ID = 140
# So many fields of what is no proposal are named.
_FEW = 5


class Allowed(NamedTuple):
    """What a proposal may use: what is left of the task's limits, its objective, and how much may still be proposed.

    ``nodes``: in the whole task. ``levels``: how many more proposals may nest, this one included.
    """

    limits: Limits = Limits()
    objective: Objective = Objective()
    nodes: int = 1_000
    levels: int = 1


def checked_proposal(raw: Any, step: Step, catalog: Catalog, allowed: Allowed) -> Proposal:
    """The proposal in the ``next`` of a handoff.

    Args:
        raw: ``{"goal": ...}``, ``{"use": ...}`` or ``{"steps": [...]}``, each with ``inputs`` by name.
        step: the flat step whose attempt proposes; its inputs can be read as ``$inputs.NAME``.
        catalog: the agents and the named workflows.
        allowed: see `Allowed`.

    Raises:
        InvalidTask: it is refused; ``field`` begins with ``next``.
    """
    try:
        return _checked(raw, step, catalog, allowed)
    except InvalidTask as flaw:
        short = shortened(flaw)
        raise InvalidTask(short.message, _field(short.field), short.fix) from None


def _checked(raw: Any, step: Step, catalog: Catalog, allowed: Allowed) -> Proposal:
    if allowed.levels < 1:
        depth = allowed.limits.proposal_depth
        raise InvalidTask(f"proposals nest at most {depth} deep", "", "raise limits.proposal_depth")
    kind = _kind(raw)
    document = {
        "workflow": {"steps": raw["steps"] if kind == "steps" else [_node(raw, kind)]},
        "inputs": raw.get("inputs", {}),
        "limits": allowed.limits.model_dump(exclude_none=True),
        "objective": allowed.objective.model_dump(),
    }
    try:
        task = parse(document)
    except ValidationError as error:
        raise explain(error, document=document)[0] from None
    task = linked(task, catalog)
    for flaw in _flaws(task, step, Requirements(catalog, allowed.objective.min_quality, None)):
        raise flaw
    assert task.workflow is not None
    proposal = Proposal(steps=task.workflow.steps, output=raw.get("output"), inputs=task.inputs)
    _check_output(proposal)
    _check_size(proposal, step, allowed)
    return proposal


def _kind(raw: Any) -> str:
    kinds = [kind for kind in _FIELDS if isinstance(raw, dict) and kind in raw]
    if len(kinds) != 1:
        fix = 'return {"goal": ...}, {"use": ...} or {"steps": [...]}'
        what = f"an object with {', '.join(map(shown, islice(raw, _FEW)))}" if isinstance(raw, dict) else kind_of(raw)
        raise InvalidTask(f"a proposal is an object with one of goal, use and steps, and this is {what}", "", fix)
    (kind,) = kinds
    for name in raw.keys() - _FIELDS[kind]:
        raise InvalidTask("unknown field", name, nearest(name, _FIELDS[kind]))
    if not isinstance(raw.get("inputs", {}), dict):
        raise InvalidTask("it is not an object", "inputs", "give values by name")
    return kind


def _node(raw: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The only node of a proposal that is a goal or a workflow of the catalog."""
    read_ = {name: {"input": name} for name in raw.get("inputs", {})}
    named = {name: raw[name] for name in ("goal", "use", "version") if name in raw}
    return {"id": kind, "inputs": read_, **named}


def _flaws(task: Task, step: Step, requirements: Requirements) -> Iterator[InvalidTask]:
    """What is wrong, one stage after the other: each relies on the one before."""
    assert task.workflow is not None
    yield from broken_structure(task.workflow)
    yield from unservable(task, requirements)
    given = {name: ANYTHING for name in (OUTPUT, *step.inputs) if name not in task.inputs}
    reading = read(task.workflow, task.inputs, requirements, 1, given)
    yield from reading.flaws
    yield from contradictions(task, requirements, reading.lengths)


def _check_output(proposal: Proposal) -> None:
    names = [node.id for node in proposal.steps]
    if proposal.output is not None and proposal.output not in names:
        raise InvalidTask(f"there is no step '{proposal.output}'", "output", nearest(proposal.output, names))


def _check_size(proposal: Proposal, step: Step, allowed: Allowed) -> None:
    nodes = proposal.nodes
    if len(nodes) > allowed.nodes:
        message = f"it has {len(nodes)} nodes, and {allowed.nodes} more may be proposed in this task"
        raise InvalidTask(message, "steps", "propose fewer steps, or raise limits.proposed_steps")
    if len(step.id) + max(len(node.id) for node in nodes) > _LONGEST_ID:
        message = f"with the id of the step that proposes, ids are longer than {_LONGEST_ID} characters"
        raise InvalidTask(message, "steps", "choose shorter ids")


def _field(field: str) -> str:
    """Where it is in ``next``."""
    inner = field.replace(ROOT, "steps", 1) if field.startswith(ROOT) else field
    return f"next.{inner}" if inner else "next"
