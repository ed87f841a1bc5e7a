"""Counts what becomes of the elements of fan-outs. Pure.

Each change of a step costs the fan-outs around it, never their size. Events of one moment count in the order in which
they are recorded.
"""

import heapq
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping

from planners.model import StepId
from planners.plans import Plan
from planners.workflow import FanOut
from reconciler.state.fan_out_ends import ElementStatus
from reconciler.state.open_fan_outs import ElementState, OpenFanOut
from reconciler.state.step_state import StepStatus

Element = tuple[StepId, int]
_ENDED = frozenset({StepStatus.FINISHED, StepStatus.SKIPPED})
_AT_WORK = frozenset({StepStatus.DISPATCHED, StepStatus.RUNNING, StepStatus.IN_DOUBT})


class FanOuts:
    """The open fan-outs of a plan.

    Attributes:
        changed: those whose counts have changed since they were last looked at.
        failing: those with an element that has failed since; what that means is decided at once.
        ended: the steps in them that have finished since, in order.
        resolved: the elements that a plan has ended since.
        deferred: those that have changed and about which the next plan decides.
    """

    def __init__(
        self,
        plan: Plan | None = None,
        statuses: Mapping[StepId, StepStatus] | None = None,
        failed: Iterable[Element] = (),
        decided: Container[StepId] = (),
        resolved: Container[Element] = (),
    ) -> None:
        """Count anew.

        Args:
            plan: whose fan-outs.
            statuses: of its steps.
            failed: the elements that have failed.
            decided: fan-outs that are complete although the plan, asked for before, holds all their elements.
            resolved: elements that have ended and are counted by `resolve`.
        """
        self._members: dict[StepId, list[Element]] = {}
        self._inside: dict[Element, list[StepId]] = {}
        self._joining: dict[StepId, list[Element]] = {}
        self.specs: dict[StepId, FanOut] = {}
        self.open: dict[StepId, OpenFanOut] = {}
        self.changed: dict[StepId, None] = {}
        self.failing: dict[StepId, None] = {}
        self.ended: dict[StepId, None] = {}
        self.resolved: dict[Element, None] = {}
        self._fresh: list[StepId] = []  # of `ended`, those that were not looked at
        self.deferred: dict[StepId, None] = {}
        self._unresolved: set[Element] = set()
        self._begun: dict[StepId, None] = {}
        self._released: list[StepId] = []
        self._results: list[tuple[StepId, int, bool]] = []
        self._unreachable: dict[StepId, None] = {}
        self._recounted: dict[StepId, None] = {}
        self._news: list[Element] = []
        gone = frozenset(failed)
        for spec in plan.fan_outs if plan is not None else ():
            self.specs[spec.id] = spec
            if spec.within is not None:
                self._inside.setdefault(spec.within, []).append(spec.id)
            for number in spec.watched:
                self._joining.setdefault(spec.joins[number], []).append((spec.id, number))
            if spec.id not in decided:
                self._add(spec, statuses or {}, gone, resolved)

    def _add(
        self,
        spec: FanOut,
        statuses: Mapping[StepId, StepStatus],
        failed: Collection[Element],
        resolved: Container[Element],
    ) -> None:
        waiting = {*spec.unresolved, *(number for number in range(len(spec.elements)) if (spec.id, number) in resolved)}
        states = [
            ElementState(sum(statuses.get(step) not in _ENDED for step in steps) + (number in waiting))
            for number, steps in enumerate(spec.elements)
        ]
        self.open[spec.id] = fan_out = OpenFanOut(spec, states)
        fan_out.counts[ElementStatus.OPEN] = len(states)
        self.changed[spec.id] = None
        for number in spec.unresolved:
            self._unresolved.add((spec.id, number))
            self._note_left(fan_out, number)
        if spec.policy.complete_when is not None:
            self._recounted[spec.id] = None
        if fan_out.is_unreachable:
            self._unreachable[spec.id] = None
        for number in spec.begun:
            self._begun[spec.id] = None
            self._admit(fan_out, number)
        for number, steps in enumerate(spec.elements):
            for step in steps:
                self._members.setdefault(step, []).append((spec.id, number))
                if (status := statuses.get(step)) in _AT_WORK or status is StepStatus.FINISHED:
                    self._begun[spec.id] = None
                    self._admit(fan_out, number)
                    self._note(fan_out, number)
            # A dropped element has no steps any more; that it has failed is remembered.
            if (spec.id, number) in failed:
                self._end(spec.id, number, ElementStatus.FAILED)
            elif not states[number].left:
                self._end(spec.id, number, self._good_end(spec, number))
            if states[number].status is not ElementStatus.OPEN:
                fan_out.ended_first.append(number)

    @property
    def are_settled(self) -> bool:
        """Whether the plan has no fan-outs, and nothing is left to be looked at."""
        return not (self.specs or self.resolved or self.ended or self._released)

    def take_failing(self) -> StepId | None:
        """One of those with failures that have not been looked at; None if there is none left."""
        return self._take(self.failing)

    def take_changed(self) -> StepId | None:
        """One of those that have changed; None if there is none left."""
        return self._take(self.changed)

    def _take(self, names: Iterable[StepId]) -> StepId | None:
        if (name := next(iter(names), None)) is not None:
            self.failing.pop(name, None)
            self.changed.pop(name, None)
        return name

    def take_unreachable(self, is_awaited: Callable[[OpenFanOut], bool]) -> list[OpenFanOut]:
        """Those that need results and have no elements, without those about which the next plan decides."""
        among = [self.open[one] for one in self._unreachable if one in self.open]
        self._unreachable = awaited = dict.fromkeys(one.spec.id for one in among if is_awaited(one))
        return [one for one in among if one.spec.id not in awaited]

    def look_again(self) -> None:
        """Those that were deferred are looked at again."""
        self.changed.update(self.deferred)
        self.deferred = {}

    def forget_counted(self, *, is_awaited: Callable[[OpenFanOut], bool]) -> None:
        """All ends have counted but those in fan-outs about which the next plan decides."""
        for step in self._fresh:
            if not any(is_awaited(one) for one, _ in self.having(step)):
                self.ended.pop(step, None)
        self._fresh = []
        left = {element: self.open.get(element[0]) for element in self.resolved}
        self.resolved = {element: None for element, one in left.items() if one is not None and is_awaited(one)}

    def take_begun(self) -> list[StepId]:
        """Open fan-outs of which a step has begun since the last call."""
        begun, self._begun = [one for one in self._begun if one in self.open], {}
        return begun

    def take_recounted(self, is_awaited: Callable[[OpenFanOut], bool]) -> list[StepId]:
        """The open fan-outs with a condition, once for each plan, but those about which the next plan decides."""
        recounted = [one for one in self._recounted if one in self.open]
        self._recounted = {one: None for one in recounted if is_awaited(self.open[one])}
        return [one for one in recounted if one not in self._recounted]

    def take_results(self, is_awaited: Callable[[OpenFanOut], bool]) -> list[tuple[StepId, int, bool]]:
        """Of fan-outs with a condition, the elements that have got a result (True) or lost it since the last call.

        Those about which the next plan decides are left out until then.
        """
        names = {name for name, _, _ in self._results if name in self.open and is_awaited(self.open[name])}
        results, self._results = self._results, [one for one in self._results if one[0] in names]
        return [one for one in results if one[0] not in names]

    def take_news(self, is_awaited: Callable[[OpenFanOut], bool]) -> list[Element]:
        """The same for elements that have begun or ended, of fan-outs that give up stragglers."""
        names = {name for name, _ in self._news if name in self.open and is_awaited(self.open[name])}
        news, self._news = self._news, [one for one in self._news if one[0] in names]
        return [one for one in news if one[0] not in names]

    def _note(self, fan_out: OpenFanOut, number: int) -> None:
        if fan_out.spec.policy.stragglers is not None:
            self._news.append((fan_out.spec.id, number))
            self.changed[fan_out.spec.id] = None

    def take_released(self) -> list[StepId]:
        """Steps that need not be held any more, since the last call."""
        released, self._released = self._released, []
        return released

    def inside(self, element: Element) -> Iterator[StepId]:
        """The open fan-outs inside an element, the outer ones first."""
        pending = list(self._inside.get(element, ()))
        while pending:
            inner = pending.pop()
            if inner in self.open:
                yield inner
            for number in range(len(self.specs[inner].elements)):
                pending += self._inside.get((inner, number), ())

    def joining(self, node: StepId) -> list[Element]:
        """The elements of open fan-outs that this node is, and that others read as well."""
        return [element for element in self._joining.get(node, ()) if element[0] in self.open]

    def awaits(self, node: StepId) -> bool:
        """Whether one of them has not ended."""
        joining = self.joining(node)
        return any(self.open[name].elements[number].status is ElementStatus.OPEN for name, number in joining)

    def around(self, step: StepId) -> list[Element]:
        """The elements of open fan-outs that a step is in, the innermost first, without those only watched."""
        return [(one.spec.id, number) for one, number in self.having(step) if number not in one.spec.watched]

    def having(self, step: StepId) -> Iterator[tuple[OpenFanOut, int]]:
        """The open fan-outs that a step is in or that watch it, the innermost first, with the number of its element."""
        return ((self.open[one], number) for one, number in self._members.get(step, ()) if one in self.open)

    def moved(self, step: StepId, before: StepStatus, now: StepStatus) -> None:
        """A step has changed."""
        if now is StepStatus.FINISHED and step in self._members:
            self.ended[step] = None
            self._fresh.append(step)
        elif before is StepStatus.FINISHED:
            self.ended.pop(step, None)
        for fan_out, number in self.having(step):
            fan_out_id, element = fan_out.spec.id, fan_out.elements[number]
            if now in _AT_WORK:
                self._begun[fan_out_id] = None
                self._admit(fan_out, number)
                self._note(fan_out, number)
            element.left += (before in _ENDED) - (now in _ENDED)
            self._note_left(fan_out, number)
            if before in _ENDED and now not in _ENDED:
                self._reopen(fan_out_id, number)
            elif not element.left:
                self._end(fan_out_id, number, self._good_end(fan_out.spec, number))

    def _note_left(self, fan_out: OpenFanOut, number: int) -> None:
        if (fan_out.spec.id, number) not in self._unresolved:
            return
        if fan_out.elements[number].left == 1:
            fan_out.unplanned.add(number)
        else:
            fan_out.unplanned.discard(number)

    def resolve(self, element: Element) -> None:
        """The element has ended: the plan has unrolled or skipped what was left of it."""
        self.resolved[element] = None
        fan_out_id, number = element
        if (fan_out := self.open.get(fan_out_id)) is None:
            return
        state = fan_out.elements[number]
        state.left -= 1
        if not state.left:
            self._end(fan_out_id, number, self._good_end(fan_out.spec, number))

    def holding(self, step: StepId) -> StepId | None:
        """The fan-out that is at its limit, so that the step must wait; None if it may start."""
        full = (one for one, number in self.having(step) if one.is_full and not one.elements[number].admitted)
        return next((one.spec.id for one in full), None)

    def preceding(self, step: StepId) -> StepId | None:
        """The fan-out whose places the elements before that of the step may need: they begin in order."""
        return next((one.spec.id for one, number in self.having(step) if one.is_preceded(number)), None)

    def hold(self, step: StepId, fan_out_id: StepId) -> None:
        """The step waits until an element of the fan-out ends; elements go on in their order."""
        number = next(number for one, number in self._members[step] if one == fan_out_id)
        fan_out = self.open[fan_out_id]
        if number not in fan_out.held_steps:
            heapq.heappush(fan_out.held, number)
        fan_out.held_steps.setdefault(number, []).append(step)

    def fail(self, fan_out: StepId, number: int) -> None:
        """An element has failed. One without steps had ended well so far; a fan-out inside has failed."""
        self._reopen(fan_out, number)
        self._end(fan_out, number, ElementStatus.FAILED)
        self.failing[fan_out] = None

    def miss(self, fan_out: StepId, number: int) -> None:
        """The fan-out goes on without an element."""
        self._end(fan_out, number, ElementStatus.SKIPPED)

    def close(self, fan_out: StepId) -> Iterator[StepId]:
        """It is complete; yields the steps that it held."""
        closed = self.open.pop(fan_out)
        self.changed.pop(fan_out, None)
        self.failing.pop(fan_out, None)
        self.deferred.pop(fan_out, None)
        for steps in closed.held_steps.values():
            yield from steps

    @staticmethod
    def _good_end(spec: FanOut, number: int) -> ElementStatus:
        return ElementStatus.SKIPPED if number in spec.without_output else ElementStatus.SUCCEEDED

    def _admit(self, fan_out: OpenFanOut, number: int) -> None:
        element = fan_out.elements[number]
        if not element.admitted and element.status is ElementStatus.OPEN:
            element.admitted = True
            fan_out.admitted += 1
            # Its other steps need not wait any more; the entry in the heap is skipped later.
            self._released += fan_out.held_steps.pop(number, [])

    def _end(self, fan_out_id: StepId, number: int, status: ElementStatus) -> None:
        fan_out = self.open[fan_out_id]
        element = fan_out.elements[number]
        if element.status is not ElementStatus.OPEN:
            return
        fan_out.counts[ElementStatus.OPEN] -= 1
        fan_out.counts[status] += 1
        element.status = status
        fan_out.unplanned.discard(number)
        self.changed[fan_out_id] = None
        if status is ElementStatus.SUCCEEDED and fan_out.spec.policy.complete_when is not None:
            self._results.append((fan_out_id, number, True))
        self._note(fan_out, number)
        fan_out.held_steps.pop(number, None)
        if element.admitted:
            element.admitted = False
            fan_out.admitted -= 1
        self._release(fan_out)

    def _release(self, fan_out: OpenFanOut) -> None:
        """Let the next elements begin."""
        free = (fan_out.spec.policy.max_concurrency or 0) - fan_out.admitted
        while fan_out.held and free > 0:
            number = heapq.heappop(fan_out.held)
            if steps := fan_out.held_steps.pop(number, None):
                self._released += steps
                free -= 1

    def _reopen(self, fan_out_id: StepId, number: int) -> None:
        """An output of the element was lost and is made again."""
        fan_out = self.open[fan_out_id]
        element = fan_out.elements[number]
        if element.status in (ElementStatus.SUCCEEDED, ElementStatus.SKIPPED):
            if fan_out.spec.policy.complete_when is not None:
                self._results.append((fan_out_id, number, False))
            fan_out.counts[element.status] -= 1
            fan_out.counts[ElementStatus.OPEN] += 1
            element.status = ElementStatus.OPEN
