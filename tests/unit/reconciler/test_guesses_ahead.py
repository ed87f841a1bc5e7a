"""Guesses at what follows a pending route: the likely branch starts while the route cannot be decided yet."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.model import NodeId
from planners.plans import PlanKind
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.speculative import SpeculativePlannerPipeline
from planners.tasks import Mode
from reconciler.gate import Guidance
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.conditions import Conditions
from reconciler.state.outcomes import Verdict

CLUSTER = ClusterSnapshot(nodes=(ClusterNode(id=NodeId("n1"), node_class="c", total=Resources(cpus=4)),))
STEPS = [
    step("first"),
    {
        "id": "choice",
        "route": [
            {"when": '$steps.first == "left"', "steps": [step("left"), step("more", inputs={"of": "$steps.left"})]}
        ],
        "else": [step("right", inputs={"k": {"value": 1}})],
    },
    step("last", "say", inputs={"of": "$steps.choice"}),
]


class Ahead(Declared):
    """A run whose planner also guesses at what follows, with what it remembers of earlier runs."""

    planner = None
    guidance = Guidance()

    def _plan(self, command, now_s):
        yield from super()._plan(command, now_s)
        plan = self.plans[-1]
        known = {step: self.values[attempt] for step, attempt in command.known_from.items()}
        request = PlanRequest(task=self.task, catalog=CATALOG, cluster=CLUSTER, known=known, facts=command.facts)
        if plan.pending and self.planner is not None and (guess := self.planner.ahead(request, plan)) is not None:
            conditions = Conditions(prior_plan_s=now_s + self.plan_s + 2.0, guidance=self.guidance)
            event = e.SpeculativePlanReady(at_s=0, plan=guess, epoch=command.epoch, ahead=True, conditions=conditions)
            yield now_s + self.plan_s + 0.005, event

    def _planned(self, *_):
        return None  # no guesses but those ahead


def a_run(planner, answer, mode=Mode.FORERUN, guidance=Guidance()):  # noqa: B008 -- it is frozen
    def output(capability, inputs, number):
        return answer if not inputs else f"{capability} {number}"

    world = Ahead(a_task(STEPS, mode=mode), output=output, seconds=lambda *_: 2.0, plan_s=0.001)
    world.planner, world.guidance = planner, guidance
    return world.play()


def a_planner(*answers):
    """One that remembers how routes went."""
    planner = SpeculativePlannerPipeline(PriorCosts)
    for answer in answers:
        world = a_run(None, answer)
        planner.cache.remember(world.task, world.run.optimal_plan)
    return planner


def flushed(world):
    return [one.step.id for one in world.run.attempts.values() if one.verdict is Verdict.FLUSH]


def test_without_a_past_nothing_is_guessed():
    world = a_run(a_planner(), "left")

    assert world.run.at_s > 8.0
    assert not any(attempt.began_speculative for attempt in world.run.attempts.values())


def test_the_branch_that_was_always_taken_starts_beside_the_step_that_decides():
    world = a_run(a_planner(*["left"] * 9), "left")

    assert world.run.status is c.RunStatus.SUCCEEDED
    early = {one.step.id: one.dispatched_s for one in world.run.attempts.values() if one.began_speculative}
    assert early["left"] < 0.1
    assert world.run.at_s < 6.5  # two steps of the branch and one behind it, instead of four in a row
    assert flushed(world) == []


def test_what_follows_the_route_is_guessed_too():
    world = a_run(a_planner(*["right"] * 9), "right")

    early = {one.step.id for one in world.run.attempts.values() if one.began_speculative}
    assert "right" in early
    assert world.run.at_s < 4.5


def test_the_wrong_branch_is_flushed_when_the_route_is_decided_and_the_result_is_the_same():
    guessed, plain = a_run(a_planner(*["right"] * 9), "left"), a_run(None, "left", Mode.WAIT)

    assert flushed(guessed) == ["right"]
    assert guessed.run.status is plain.run.status is c.RunStatus.SUCCEEDED
    assert [one.id for one in guessed.run.plan.steps] == [one.id for one in plain.run.plan.steps]


@pytest.mark.parametrize(("answer", "right"), [("left", False), ("right", True)])
def test_a_branch_that_the_gate_has_refused_is_learned_from_when_the_route_is_decided(answer, right):
    """The plan in hand, whose nodes are pending, does not decide about it."""
    world = a_run(a_planner(*["right"] * 9), answer, guidance=Guidance(closed=True))

    refused = [(one.step, one.verdict.survives) for one in world.simulation.outcomes if not one.dispatched]
    assert ("right", right) in refused


def test_a_branch_taken_half_the_time_has_that_probability():
    planner = a_planner(*["left", "right"] * 5)
    world = a_run(None, "left")
    request = PlanRequest(task=world.task, catalog=CATALOG, cluster=CLUSTER)

    guess = planner.ahead(request, world.plans[0])

    likely = {planned.id: planned.probability for planned in guess.steps}
    assert guess.kind is PlanKind.SPECULATIVE
    assert likely["first"] == 1.0
    assert 0.4 < likely["right"] == likely["last"] < 0.6
