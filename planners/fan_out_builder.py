"""Collects the elements of one fan-out while it is unrolled."""

from collections.abc import Iterable, Sequence

from planners.bindings import Binding, Gather
from planners.model import StepId
from planners.scopes import Meaning, NodeScope, NotRun
from planners.workflow import CompletionPolicy, FanOut, OnFailure


class FanOutBuilder:
    """One fan-out. ``declared``: whether it has a policy of completion, so that the run must know its elements."""

    def __init__(
        self,
        flat_id: StepId,
        policy: CompletionPolicy,
        on_failure: OnFailure,
        within: tuple[StepId, int] | None,
        joins: Sequence[StepId] = (),
    ) -> None:
        self.declared = policy.declared or on_failure is not OnFailure.FAIL
        # Whether readers of the fan-out must know that no step of it fails any more.
        self.may_fail = policy.may_drop or on_failure is not OnFailure.FAIL
        self.id = flat_id
        self._policy = policy
        self._on_failure = on_failure
        self._within = within
        self._joins = tuple(joins)
        # What the inputs stand for that its condition on the results reads; None: not known yet.
        self.reads: dict[str, Binding | None] = {}
        self._watched: list[int] = []
        self._outputs: dict[int, Meaning] = {}
        self._scopes: dict[int, NodeScope | None] = {}
        self._steps: dict[int, tuple[StepId, ...]] = {}
        self._unresolved: list[int] = []
        self.last: list[StepId] = []  # steps of elements that no other one follows and that are not known to have ended
        self.begun: list[int] = []  # elements with finished turns of loops

    def add(
        self, index: int, steps: Sequence[StepId], output: Meaning, scope: NodeScope | None, *, unresolved: bool
    ) -> None:
        """Take in an element: its flat steps, what its output and its nodes stand for, whether some are pending."""
        self._outputs[index] = output
        self._scopes[index] = scope
        if self.declared:
            self._steps[index] = tuple(steps)
            if unresolved:
                self._unresolved.append(index)

    def watch(self, index: int, steps: Sequence[StepId], output: Meaning, *, unresolved: bool) -> None:
        """Take in an element that others read as well: it is counted, and left to itself."""
        self._watched.append(index)
        self.add(index, steps, output, None, unresolved=unresolved)

    @property
    def members(self) -> list[StepId]:
        """The flat steps of all elements but those that are only watched."""
        return [step for index, steps in self._steps.items() if index not in self._watched for step in steps]

    @property
    def unresolved(self) -> bool:
        """Whether nodes inside are pending."""
        return bool(self._unresolved)

    def output(self, index: int) -> Meaning:
        """What the output of an element stands for."""
        return self._outputs[index]

    def gathered(self, kept: Iterable[int] | None = None) -> Gather | None:
        """The list of the outputs, or of those of some elements; None where one is not unrolled yet."""
        return _gathered([self._outputs[index] for index in (sorted(self._outputs) if kept is None else kept)])

    def listed(self, child: StepId, kept: Iterable[int] | None = None) -> Gather | None:
        """The list of what the copies of a node inside stand for; None where one is not unrolled yet."""
        counted = [self._scopes[index] for index in (sorted(self._scopes) if kept is None else kept)]
        return _gathered([scope[child] for scope in counted if scope is not None])

    def written(self, key: str, kept: Iterable[int] | None = None) -> Gather | None:
        """The list of what the elements have written to the context; None where one may still write."""
        counted = [self._scopes[index] for index in (sorted(self._scopes) if kept is None else kept)]
        return _gathered([scope.context[key] for scope in counted if scope is not None and key in scope.context])

    @property
    def _results(self) -> tuple[Binding | None, ...]:
        return tuple(_result(self._outputs[index]) for index in sorted(self._outputs))

    @property
    def fan_outs(self) -> list[FanOut]:
        """The fan-out, if the run must know of it."""
        if not self.declared:
            return []
        without = [index for index, output in self._outputs.items() if isinstance(output, NotRun)]
        return [
            FanOut(
                id=self.id,
                elements=tuple(self._steps[index] for index in sorted(self._steps)),
                unresolved=tuple(self._unresolved),
                without_output=tuple(without),
                policy=self._policy,
                on_failure=self._on_failure,
                within=self._within,
                begun=tuple(self.begun),
                results=self._results if self._policy.complete_when is not None else (),
                reads=self.reads,
                joins=self._joins,
                watched=tuple(self._watched),
            )
        ]


def _result(meaning: Meaning) -> Binding | None:
    return None if isinstance(meaning, NotRun) else meaning


def _gathered(meanings: Sequence[Meaning]) -> Gather | None:
    """The list of bindings, without those that are skipped; None if one is pending."""
    if any(each is None for each in meanings):
        return None
    return Gather(gather=tuple(each for each in meanings if not isinstance(each, NotRun | None)))
