"""Runs whose agents propose what to do next: it runs in place of the step, within the limits of the task."""

import pytest
from declared import CATALOG, NODES, Declared, a_task, step

from planners.agents import AgentSpec, Price
from planners.decompositions import Decomposition
from planners.definitions import NamedWorkflow
from planners.plans import PlanKind
from reconciler.simulation import Restart
from reconciler.state.commands import PlanReason, RequestPlan, RunStatus
from reconciler.state.events import AttemptFailed, NodeLost
from reconciler.state.handoff import Failure, Handoff
from reconciler.state.outcomes import Verdict
from reconciler.state.run import RunState

TWO = {
    "steps": [
        {"id": "look", "capability": "do", "inputs": {"k": "$inputs.subject"}},
        {"id": "sum", "capability": "say", "inputs": {"k": "$steps.look", "whole": "$inputs.output"}},
    ],
    "inputs": {"subject": "tea"},
}


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def proposing(*proposals):
    """What agents return: the n-th one that may propose proposes the n-th of these, then nothing more."""
    left = {}

    def output(capability, inputs, _number):
        if capability != "propose":
            return f"{capability} {inputs}"
        key = str(sorted(inputs.items()))
        number = left.setdefault(key, len(left))
        return Handoff(output="thoughts", next=proposals[number] if number < len(proposals) else None)

    return output


def played(steps, *proposals, mode="forerun", inputs=None, catalog=CATALOG, limits=None, **more):
    task = a_task(steps, inputs, mode=mode, **(limits or {}))
    return Declared(task, output=proposing(*proposals), catalog=catalog, **more).play()


def failures(world):
    return [event.failure for event in world.simulation.events if isinstance(event, AttemptFailed)]


PLAN_AND_SEND = [step("plan", "propose"), step("send", "act", inputs={"text": "$steps.plan"})]


@pytest.mark.parametrize("mode", ["forerun", "wait"])
def test_a_step_stands_for_the_result_of_what_it_has_proposed(mode):
    world = played(PLAN_AND_SEND, TWO, mode=mode)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.done == ["plan", "plan/look", "plan/sum", "send"]
    looked = "do {'k': 'tea'}"
    said = str({"k": looked, "whole": "thoughts"})
    assert world.outputs == {"send": f"act {{'text': {f'say {said}'!r}}}"}


def test_what_reads_the_step_does_not_start_before_the_plan_with_the_proposal():
    world = played([step("plan", "propose"), step("next", "say", inputs={"k": "$steps.plan"})], TWO)

    asked = [command.reason for command in world.simulation.commands if isinstance(command, RequestPlan)]
    assert asked == [PlanReason.ADMITTED, PlanReason.PROPOSED]
    assert world.done == ["plan", "plan/look", "plan/sum", "next"]


def test_without_a_proposal_nothing_is_planned_again():
    world = played(PLAN_AND_SEND)

    asked = [command.reason for command in world.simulation.commands if isinstance(command, RequestPlan)]
    assert asked == [PlanReason.ADMITTED]
    assert world.outputs == {"send": "act {'text': 'thoughts'}"}


def test_agents_that_are_not_declared_to_propose_only_suggest():
    world = Declared(a_task([step("a")]), output=lambda *_: Handoff(output=1, next=TWO)).play()

    assert world.done == ["a"]
    assert world.run.status is RunStatus.SUCCEEDED


def test_levels_nest_and_each_step_stands_for_the_level_below():
    tactics = {"steps": [{"id": "tactics", "capability": "propose", "inputs": {"level": 2}}]}
    operation = {"steps": [{"id": "operate", "capability": "do", "inputs": {"k": "$inputs.level"}}]}

    world = played([step("strategy", "propose")], tactics, operation)

    assert world.done == ["strategy", "strategy/tactics", "strategy/tactics/operate"]
    assert world.outputs == {"strategy": "do {'k': 2}"}


def test_proposals_that_nest_deeper_than_the_task_allows_are_refused_and_named():
    deeper = [{"steps": [{"id": "more", "capability": "propose", "inputs": {"level": n}}]} for n in range(3)]

    world = played([step("plan", "propose")], *deeper, limits={"proposal_depth": 1})

    assert world.run.status is RunStatus.FAILED
    assert "proposals nest at most 1 deep" in world.run.end.failure.message
    assert world.run.end.failure.fix == "raise limits.proposal_depth"


@pytest.mark.parametrize(
    ("proposal", "field", "told"),
    [
        ({"steps": [{"id": "a", "capability": "fly"}]}, "next.steps.a.capability", "fly"),
        ({"steps": [{"id": "a", "capability": "do", "inputs": {"k": "$inputs.b"}}]}, "next.steps.a.inputs.k", "b"),
        ({"steps": [{"id": "a", "capability": "do", "after": ["b"]}]}, "next.steps.a.after", "there is no step 'b'"),
        ({"steps": [{"id": "a", "capability": "do", "typo": 1}]}, "next.steps.a.typo", "unknown field"),
        ({"steps": [], "goal": "x"}, "next", "one of goal, use and steps, and this is an object with steps, goal"),
        ([{"id": "a", "capability": "do"}], "next", "one of goal, use and steps, and this is an array of 1"),
        ({"steps": [{"id": "a", "capability": "do"}], "output": "b"}, "next.output", "there is no step 'b'"),
        ({"use": "unheard"}, "next.steps.use.use", "no workflow 'unheard'"),
        ({"goal": "x", "input": {}}, "next.input", "unknown field"),
        ("do something", "next", "one of goal, use and steps, and this is a string"),
        ({"steps": [{"id": f"s{n}", "capability": "do"} for n in range(4)]}, "next.steps", "3 more may be proposed"),
    ],
)
def test_a_wrong_proposal_is_refused_with_field_and_fix_and_the_agent_is_asked_again(proposal, field, told):
    def output(_capability, _inputs, number):
        return Handoff(output="thoughts", next=proposal if number == 1 else TWO)

    world = Declared(a_task([step("plan", "propose")], mode="wait", proposed_steps=3), output=output).play()

    (failure,) = failures(world)
    assert failure.kind == "bad_output"
    assert f"{field}: " in failure.message
    assert told in failure.message
    assert failure.fix
    again = [order for order in world.orders.values() if order.step == "plan"][1]
    assert field in again.refusal
    assert world.run.status is RunStatus.SUCCEEDED


def test_a_proposal_that_surely_costs_more_than_is_left_is_refused():
    dear = AgentSpec(name="shopper", capability="shop", price=Price(usd_per_call=1.0))
    catalog = CATALOG.model_copy(update={"agents": (*CATALOG.agents, dear)})
    shopping = {"steps": [{"id": "buy", "capability": "shop"}]}

    world = played([step("plan", "propose")], shopping, catalog=catalog, limits={"budget_usd": 0.5})

    assert world.run.status is RunStatus.FAILED
    assert "the cheapest calls cost $1.00, and the budget is $0.50" in world.run.end.failure.message


def test_a_workflow_of_the_catalog_may_be_proposed():
    greet = NamedWorkflow.model_validate(
        {
            "name": "greet",
            "inputs": {"who": {"type": "string"}},
            "steps": [{"id": "hello", "capability": "do", "inputs": {"k": "$inputs.who"}}],
        }
    )
    catalog = CATALOG.model_copy(update={"workflows": (greet,)})

    world = played([step("plan", "propose")], {"use": "greet", "inputs": {"who": "Ada"}}, catalog=catalog)

    assert world.outputs == {"plan": "do {'k': 'Ada'}"}


def test_elements_of_a_fan_out_propose_each_on_their_own():
    fan = {
        "id": "each",
        "for_each": [1, 2, 3],
        "steps": [{"id": "plan", "capability": "propose", "inputs": {"k": "$item"}}],
    }
    one = {"steps": [{"id": "work", "capability": "do", "inputs": {"k": "$inputs.k"}}]}

    world = played([fan, step("join", "say", inputs={"all": "$steps.each"})], one, one)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"join": "say {'all': [\"do {'k': 1}\", \"do {'k': 2}\", 'thoughts']}"}


def test_every_turn_of_a_loop_may_propose():
    loop = {
        "id": "rounds",
        "max": 4,
        "state": {"x": 0},
        "next": {"x": "$steps.plan"},
        "loop": [{"id": "plan", "capability": "propose", "inputs": {"k": "$state.turn"}}],
    }
    one = {"steps": [{"id": "work", "capability": "do", "inputs": {"k": "$inputs.k"}}]}

    world = played([loop], one, one, one, one)

    assert world.outputs == {"rounds": "do {'k': 3}"}
    assert sum(name.endswith("/work") for name in world.done) == 4


def test_blocks_may_be_proposed():
    blocks = {
        "steps": [
            {
                "id": "each",
                "for_each": "$inputs.list",
                "steps": [{"id": "one", "capability": "do", "inputs": {"k": "$item"}}],
            },
            {
                "id": "way",
                "route": [
                    {"when": "$steps.each.size() == 2", "steps": [step("two", "say", inputs={"k": "$steps.each"})]}
                ],
                "else": [step("other", "do")],
            },
        ],
        "inputs": {"list": [5, 6]},
    }

    world = played([step("plan", "propose")], blocks)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"plan": "say {'k': [\"do {'k': 5}\", \"do {'k': 6}\"]}"}


def test_an_unconfirmed_attempt_runs_nothing_irreversible_that_it_has_proposed():
    """The guess finishes long before the plan; what it proposed waits for the plan that confirms it."""
    acting = {"steps": [{"id": "act", "capability": "act", "inputs": {"k": 1}}]}

    world = played([step("plan", "propose")], acting, plan_s=5.0)

    plan = next(attempt for attempt in world.run.attempts.values() if attempt.step.id == "plan")
    act = next(attempt for attempt in world.run.attempts.values() if attempt.step.id == "plan/act")
    assert plan.began_speculative
    assert plan.ended_s < plan.confirmed_s
    assert not act.began_speculative
    assert act.dispatched_s > plan.confirmed_s
    assert world.outputs == {"plan": "act {'k': 1}"}


def test_what_a_flushed_attempt_has_proposed_is_not_run():
    route = {
        "id": "way",
        "route": [{"when": "$steps.first == 'yes'", "steps": [{"id": "plan", "capability": "propose"}]}],
        "else": [step("other", "say")],
    }
    acting = {"steps": [{"id": "act", "capability": "act"}]}

    world = played([step("first"), route], acting, imagined={"first": "yes"}, plan_s=3.0)

    assert "plan" in world.done
    assert "plan/act" not in world.done
    assert next(a for a in world.run.attempts.values() if a.step.id == "plan").verdict is Verdict.FLUSH
    assert world.run.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("after", range(1, 16))
def test_a_restart_at_any_event_changes_nothing(after):
    steps = [step("plan", "propose"), step("tell", "say", inputs={"text": "$steps.plan"})]
    plain = played(steps, TWO)

    world = played(steps, TWO, restarts=(Restart(after=after),))

    assert world.outputs == plain.outputs
    assert world.run.status is RunStatus.SUCCEEDED


def test_a_replay_needs_no_catalog_to_know_a_proposal():
    world = played(PLAN_AND_SEND, TWO)
    events = [type(event).model_validate_json(event.model_dump_json()) for event in world.simulation.events]

    replayed = RunState(world.run.id, world.run.task, CATALOG.model_copy(update={"workflows": ()}))
    for event in events:
        replayed.handle(event)

    assert replayed.status is RunStatus.SUCCEEDED
    assert replayed.plan == world.run.plan


def test_the_first_proposal_counts_where_the_output_is_lost_and_made_again():
    calls = []

    def output(capability, inputs, number):
        if capability != "propose":
            return f"{capability} {inputs}"
        calls.append(number)
        return Handoff(output="thoughts", by_reference=True, next=TWO if len(calls) == 1 else None)

    task = a_task(PLAN_AND_SEND, mode="wait")
    world = Declared(task, output=output, faults=((1.2, NodeLost(at_s=0, node="n1")),)).play()

    assert len(calls) == 2
    assert world.run.status is RunStatus.SUCCEEDED
    assert list(dict.fromkeys(world.done)) == ["plan", "plan/look", "plan/sum", "send"]


def test_a_failure_inside_a_proposal_fails_the_step_it_stands_for():
    failing = {"steps": [{"id": "broken", "capability": "do", "inputs": {"k": "$inputs.output.part"}}]}

    world = played(PLAN_AND_SEND, failing)

    assert world.run.status is RunStatus.FAILED
    assert "plan/broken" in world.run.end.failure.message


def test_a_failure_inside_a_proposal_means_what_the_failure_of_the_step_means():
    failing = {"steps": [{"id": "broken", "capability": "do", "inputs": {"k": "$inputs.output.part"}}]}
    steps = [step("plan", "propose", on_failure="default", default="none"), PLAN_AND_SEND[1]]

    world = played(steps, failing)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"send": "act {'text': 'none'}"}


def test_no_guess_reads_the_output_of_a_step_that_has_proposed():
    """It would fail the run: the agent cannot work with what was thought before the proposal."""
    steps = [step("plan", "propose"), step("tell", "say", inputs={"text": "$steps.plan"})]
    answers = proposing({"steps": [{"id": "work", "capability": "do"}]})

    def output(capability, inputs, number):
        wrong = capability == "say" and inputs["text"] == "thoughts"
        return Failure(kind="bad_input", message="bad") if wrong else answers(capability, inputs, number)

    world = Declared(a_task(steps), output=output, seconds=lambda kind, *_: 0.1 if kind == "propose" else 0.4).play()

    assert world.done == ["plan", "plan/work", "tell"]
    assert world.outputs == {"tell": "say {'text': 'do {}'}"}


class Decomposing(Declared):
    """Its first plan tells how a goal was decomposed."""

    def planned(self, flat, kind, node=NODES[0]):
        plan = super().planned(flat, kind, node)
        return plan if self.plans or kind is not PlanKind.OPTIMAL else plan.model_copy(update={"decompositions": GOALS})


GOALS = (Decomposition(owner="", steps={"goal": ()}),)


@pytest.mark.parametrize("restarts", [(), (Restart(after=3),)])
def test_later_plans_know_how_the_goals_of_earlier_ones_were_decomposed(restarts):
    task = a_task(PLAN_AND_SEND, mode="wait")

    world = Decomposing(task, output=proposing(TWO), restarts=restarts).play()

    asked = [command.facts.decompositions for command in world.simulation.commands if isinstance(command, RequestPlan)]
    assert asked[-1] == GOALS
    assert world.run.status is RunStatus.SUCCEEDED
