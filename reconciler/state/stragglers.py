"""Elements of a fan-out that take far longer than the others; the fan-out goes on without them."""

from reconciler.state import commands as c
from reconciler.state.attempts import Attempt
from reconciler.state.fan_out_ends import ElementStatus
from reconciler.state.fan_outs import Element
from reconciler.state.giving_up import may_be_acting, miss_element
from reconciler.state.open_fan_outs import OpenFanOut
from reconciler.state.run_data import RunData


def note_elements(run: RunData) -> None:
    """Take in which elements have begun and which have succeeded."""
    for fan_out_id, number in run.fan_outs.take_news(run.is_awaited):
        if (fan_out := run.fan_outs.open.get(fan_out_id)) is None:
            continue
        attempts = _attempts(run, (fan_out_id, number))
        if fan_out.elements[number].status is ElementStatus.SUCCEEDED:
            run.facts.times.measure((fan_out_id, number), _took_s(attempts))
        elif (began_s := _began_s(attempts)) is not None:
            run.facts.times.begin((fan_out_id, number), began_s)


def drop_stragglers(run: RunData, fan_out: OpenFanOut, now_s: float) -> None:
    """Give up the elements that are late at ``now_s``, and ask to be woken when the next one will be."""
    policy, times, name = fan_out.spec.policy.stragglers, run.facts.times, fan_out.spec.id
    if policy is None or (typical_s := times.median_s(name, policy.least(fan_out.total))) is None:
        return
    while _may_drop(run, fan_out) and (number := times.first(name)) is not None:
        began_s = _began_s(_attempts(run, (name, number)))
        acting = any(may_be_acting(run, step) for step in fan_out.spec.elements[number])
        if fan_out.elements[number].status is not ElementStatus.OPEN or began_s is None or acting:
            times.leave(name)
            continue
        due_s = began_s + policy.factor * typical_s
        if now_s >= due_s:
            times.leave(name)
            _give_up(
                run, fan_out, number, f"it took longer than {policy.factor:g} times the median of {typical_s:.3g} s"
            )
        elif not times.postpone(name, began_s):
            if times.is_news(name, due_s):
                run.facts.look_again(name, due_s)
                run.commands.append(c.WakeAt(at_s=due_s))
            return


def _may_drop(run: RunData, fan_out: OpenFanOut) -> bool:
    """Whether the fan-out can do without whatever has not ended."""
    policy, counts = fan_out.spec.policy, fan_out.counts
    late = len(run.facts.times.late.get(fan_out.spec.id, ()))
    missing = counts[ElementStatus.FAILED] + counts[ElementStatus.OPEN] + late
    return policy.tolerated_failures is None or missing <= policy.most_failed(fan_out.total)


def _give_up(run: RunData, fan_out: OpenFanOut, number: int, told: str) -> None:
    name = fan_out.spec.id
    run.facts.times.late.setdefault(name, {})[number] = told
    miss_element(run, (name, number), f"{fan_out.spec.told} goes on without it: {told}")


def _attempts(run: RunData, element: Element) -> list[Attempt]:
    steps = run.fan_outs.specs[element[0]].elements[element[1]]
    states = (run.steps[step] for step in steps)
    return [run.attempts[state.attempt] for state in states if state.attempt is not None]


def _began_s(attempts: list[Attempt]) -> float | None:
    """When the work that counts began; work that was lost does not."""
    return min((one.started_s for one in attempts if one.started_s is not None), default=None)


def _took_s(attempts: list[Attempt]) -> float | None:
    """Seconds of an element; None if some of its results were known before."""
    began_s, ends = _began_s(attempts), [one.ended_s for one in attempts if one.ended_s is not None]
    cached = any(one.handoff is not None and one.handoff.cached for one in attempts)
    return None if began_s is None or cached or not ends else max(ends) - began_s
