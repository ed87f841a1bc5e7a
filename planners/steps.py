"""What all nodes of a workflow have in common, and the nodes that become one flat step: work and waiting."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from planners import node_fields as fields
from planners.bindings import SPOKEN, Binding, Compound, StepRef, step_refs
from planners.built_in_names import APPROVAL, CALLBACK, WAIT
from planners.context_keys import read_by
from planners.expressions.references import parsed
from planners.model import AgentName, StepId
from planners.node_fields import Bind, Condition, Rename
from planners.step_policies import StepPolicies


class NodeBase(fields.NodeFields):
    """What all kinds of nodes have in common.

    A node whose input is the output of a skipped node, or that is ``after`` one, is skipped itself, unless the skipped
    node declares a ``default``. ``title`` is for people and not part of the work.
    """

    @property
    def bindings(self) -> list[tuple[str, Binding]]:
        """(field, binding) of its own, without those of nodes inside."""
        return []

    @property
    def conditions(self) -> list[tuple[str, Condition]]:
        """(field, expression) of its own."""
        return []

    @property
    def branches(self) -> Sequence[tuple[str, Any]]:
        """(field, `planners.nodes.Branch`) of the lists of nodes inside, of kinds that have some."""
        return ()

    @property
    def inner_bindings(self) -> list[tuple[str, Binding]]:
        """(field, binding) of its own that see the nodes of its only branch."""
        return []

    @property
    def inner_conditions(self) -> list[tuple[str, Condition]]:
        """(field, expression) of its own that see the nodes of its only branch."""
        return []

    def rebound(self, bind: Bind, rename: Rename | None = None) -> Self:
        """The node with its own bindings mapped, and with other references in its conditions."""
        return self

    def with_branches(self, branches: Sequence[Any]) -> Self:
        """The node with other branches, in the same order."""
        return self

    @cached_property
    def context_writes(self) -> tuple[str, ...]:
        """The keys of the context that this node, or a node inside, may write, once each."""
        inside = (key for _, branch in self.branches for child in branch.steps for key in child.context_writes)
        return tuple(dict.fromkeys(inside))

    @cached_property
    def context_reads(self) -> tuple[str, ...]:
        """The keys of the context that this node itself reads; see `planners.context_keys.read_by`."""
        return read_by((binding for _, binding in self.bindings), (condition for _, condition in self.conditions))

    @cached_property
    def context_read_inside(self) -> tuple[str, ...]:
        """The keys that its own bindings and conditions read which see the nodes of its only branch."""
        return read_by((of for _, of in self.inner_bindings), (condition for _, condition in self.inner_conditions))

    @property
    def joined(self) -> tuple[StepId, ...]:
        """The ids of the nodes that it joins."""
        return () if self.join is None else self.join.steps

    @cached_property
    def own_refs(self) -> tuple[StepId, ...]:
        """The ids that this node itself refers to, once each."""
        found = [ref.step for _, binding in self.bindings for ref in step_refs(binding)]
        found += [step for _, condition in self.conditions for step in parsed(condition).steps]
        return tuple(dict.fromkeys((*found, *self.after, *self.joined)))

    @cached_property
    def needed(self) -> tuple[StepId, ...]:
        """Those of them that must not be skipped: of the others it only reads how they ended, or it joins them."""
        found = [ref.step for _, binding in self.bindings for ref in step_refs(binding)]
        found += [step for _, condition in self.conditions for step in parsed(condition).outputs]
        return self._not_joined((*found, *self.after))

    def _not_joined(self, ids: Iterable[StepId]) -> tuple[StepId, ...]:
        return tuple(dict.fromkeys(one for one in ids if one not in self.joined))

    @cached_property
    def refs(self) -> tuple[StepId, ...]:
        """The ids outside itself that this node, or a node inside, refers to, once each."""
        found = list(self.own_refs)
        for _, branch in self.branches:
            inner = {child.id for child in branch.steps}
            read = [ref.step for _, binding in self.inner_bindings for ref in step_refs(binding)]
            read += [step for _, condition in self.inner_conditions for step in parsed(condition).steps]
            found += [ref for ref in (*read, *(r for child in branch.steps for r in child.refs)) if ref not in inner]
        return tuple(dict.fromkeys(found))


class Step(fields.WithInputs, StepPolicies, NodeBase):
    """One piece of work, named by its capability."""

    # The dict of the fields is full, so that a cached property in it would make every step of a run 370 bytes larger.
    __slots__ = ("_data_parents", "_parents")
    if TYPE_CHECKING:
        _data_parents: tuple[StepId, ...]
        _parents: tuple[StepId, ...]

    capability: str = Field(min_length=1, description="What is to be done: the capability of some agent")
    agent: AgentName | None = Field(default=None, description="Only this agent. Default: the planner chooses")
    min_quality: float | None = Field(default=None, ge=0, le=1, description="No agent of lower quality")

    @model_validator(mode="after")
    def _compacts_an_input(self) -> Self:
        if self.compact is not None and self.compact.input not in self.inputs:
            raise ValueError(f"compact names the input '{self.compact.input}', which the step does not have; bind it")
        return self

    def rebound(self, bind: Bind, rename: Rename | None = None) -> Self:
        """See `NodeBase.rebound`."""
        if self.compensate is None:
            return super().rebound(bind, rename)
        compensate = self.compensate.rebound(lambda field, of: bind(f"compensate.{field}", of))
        return super().rebound(bind, rename).model_copy(update={"compensate": compensate})

    @property
    def may_be_cached(self) -> bool:
        """Whether its work follows from its inputs, and the result cache is not switched off."""
        return self.cache is not False and self.mailbox is None

    @cached_property
    def context_writes(self) -> tuple[str, ...]:
        """The keys of the context that this step writes."""
        return tuple(self.writes)

    @cached_property
    def context_reads(self) -> tuple[str, ...]:
        """See `NodeBase.context_reads`."""
        return read_by(self.inputs.values(), ())

    @property
    def data_parents(self) -> tuple[StepId, ...]:
        """The steps whose output this step reads, once each, in binding order."""
        try:
            return self._data_parents
        except AttributeError:
            refs: dict[StepId, None] = {}
            for binding in self.inputs.values():
                if isinstance(binding, StepRef):  # by far the most common
                    refs[binding.step] = None
                elif isinstance(binding, Compound):
                    refs.update((ref.step, None) for ref in step_refs(binding))
            object.__setattr__(self, "_data_parents", tuple(refs))
            return self._data_parents

    @cached_property
    def output_parents(self) -> tuple[StepId, ...]:
        """Those of them of which it reads more than what their handoffs say, which the journal holds."""
        refs = (ref for binding in self.inputs.values() for ref in step_refs(binding) if ref.path[:1] not in SPOKEN)
        return tuple(dict.fromkeys(ref.step for ref in refs))

    @property
    def parents(self) -> tuple[StepId, ...]:
        """All steps that must end before this step starts: data parents, then ``after``."""
        try:
            return self._parents
        except AttributeError:
            parents = tuple(dict.fromkeys((*self.data_parents, *self.after))) if self.after else self.data_parents
            object.__setattr__(self, "_parents", parents)
            return parents

    @cached_property
    def own_refs(self) -> tuple[StepId, ...]:
        """The ids that this step refers to."""
        return self.parents if self.join is None else tuple(dict.fromkeys((*self.parents, *self.joined)))

    @cached_property
    def needed(self) -> tuple[StepId, ...]:
        """Those of them that must not be skipped."""
        return self.parents if self.join is None else self._not_joined(self.parents)

    @cached_property
    def refs(self) -> tuple[StepId, ...]:
        """The ids that this step refers to."""
        return self.own_refs


class WaitingNode(NodeBase):
    """A node that the run itself plays: it waits durably and holds nothing. It becomes one flat step."""

    played_by: ClassVar[str]

    def as_step(self) -> Step:
        """The step that stands for it in a flat workflow."""
        common: dict[str, Any] = {name: getattr(self, name, None) for name in (*NodeBase.model_fields, "timeout_s")}
        return Step.model_construct(**common, capability=self.played_by, inputs=self.told())

    def told(self) -> dict[str, Binding]:
        """The inputs of the step."""
        raise NotImplementedError


class Wait(fields.Pausing, WaitingNode):
    """A pause: its output, null, is there so many seconds after the nodes that it is ``after``."""

    played_by: ClassVar[str] = WAIT


class Approval(fields.AskingPerson, WaitingNode):
    """A question to a person, who approves or rejects. ``inputs`` are what the person should look at."""

    played_by: ClassVar[str] = APPROVAL


class Callback(fields.AskingSystem, WaitingNode):
    """A message from outside, which is the output. ``callback`` says what is waited for."""

    played_by: ClassVar[str] = CALLBACK
