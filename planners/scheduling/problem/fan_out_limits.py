"""The concurrency of fan-outs as shared limits: so many elements are worked on at once.

A limit counts steps that run, not elements, so an element of several steps that pauses between them takes no room. What
is planned is then a little earlier than what the run, which counts elements, will do.
"""

from collections.abc import Mapping

from planners.model import StepId
from planners.scheduling.problem.modes import LimitUse
from planners.scheduling.problem.problem import SharedLimit
from planners.scheduling.problem.resource_profile import ResourceProfile
from planners.workflow import FanOut, FlatWorkflow, Step

# Each limit costs schedulers time, so the limits of many small fan-outs are left to the run.
_MOST = 64


class FanOutLimits:
    """The limits of the fan-outs of a workflow, which come first among those of the problem.

    ``uses``: what each step inside takes of them, whoever executes it.
    """

    def __init__(self, flat: FlatWorkflow) -> None:
        self.all: list[SharedLimit] = []
        self.uses: dict[StepId, tuple[LimitUse, ...]] = {}
        limited = [one for one in flat.fan_outs if _most(one) < len(one.elements)]
        for fan_out in limited if len(limited) <= _MOST else ():
            capacity = _most(fan_out) * max(self._width(element, flat.by_id) for element in fan_out.elements)
            use = LimitUse(len(self.all), 1, None)
            guard = 1 << (capacity + 1).bit_length()
            name = f"max_concurrency of '{fan_out.id}'"
            self.all.append(SharedLimit(name, capacity, ResourceProfile(capacity, guard), of_agents=False))
            for step in (step for element in fan_out.elements for step in element):
                self.uses[step] = (*self.uses.get(step, ()), use)

    def _width(self, element: tuple[StepId, ...], steps: Mapping[StepId, Step]) -> int:
        """How many steps of an element may run at once: the most that are equally far from its beginning; at least 1.

        Fan-outs inside come first, so their limits are known.
        """
        depth: dict[StepId, int] = {}
        counts: dict[tuple[int, int | None], int] = {}
        for step in element:
            parents = steps[step].parents if step in steps else ()
            depth[step] = at = 1 + max((depth[parent] for parent in parents if parent in depth), default=0)
            inner = self.uses[step][-1].limit if step in self.uses else None
            counts[at, inner] = counts.get((at, inner), 0) + 1
        widths: dict[int, int] = {}
        for (at, inner), count in counts.items():
            widths[at] = widths.get(at, 0) + (count if inner is None else min(count, self.all[inner].capacity))
        return max(widths.values(), default=1)


def _most(fan_out: FanOut) -> int:
    return fan_out.policy.max_concurrency or len(fan_out.elements)
