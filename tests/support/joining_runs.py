"""Declared workflows in virtual time with steps that join look-ups, which return the number that they are given."""

from declared import Declared, a_task, step

from reconciler.state.handoff import Failure, FailureKind


def experts(*more, merge=None, **policy):
    """Three look-ups, of which the second one is prepared by a step of its own, and the step that joins them."""
    return [
        step("a", inputs={"n": 1}),
        step("prepare", inputs={"n": 20}),
        step("b", inputs={"n": 2}, after=["prepare"]),
        step("c", inputs={"n": 3}),
        *more,
        step(
            "merge",
            "say",
            inputs={"all": ["$steps.a", "$steps.b", "$steps.c"]},
            join={"steps": ["a", "b", "c"], **policy},
            **(merge or {}),
        ),
    ]


def numbers(*broken):
    def output(_capability, inputs, _number):
        if "all" in inputs:
            return inputs["all"]
        if inputs["n"] in broken:
            return Failure(kind=FailureKind.BAD_INPUT, message=f"{inputs['n']} is bad")
        return inputs["n"]

    return output


def lasting(**seconds):
    return lambda _capability, inputs, _number: seconds.get(f"n{inputs.get('n')}", 0.5)


def played(steps, output=None, seconds=None, mode="wait", **more):
    return Declared(
        a_task(steps, mode=mode, **more), output=output or numbers(), seconds=seconds or lasting(), plan_s=0.1
    ).play()


def completion(world, name="join:merge"):
    return world.run.facts.completions[name]


def statuses(world):
    return {attempt.step.id: attempt.status for attempt in world.run.attempts.values()}
