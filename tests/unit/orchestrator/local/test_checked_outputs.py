"""Steps check their outputs: an agent whose output is refused is asked again with the reason, then another one."""

import pytest

from actors.agent import agent
from actors.context import Context
from orchestrator.local.run import run
from planners.errors import ForerunError
from reconciler.state.handoff import Handoff


def writers(*drafts):
    seen = {"told": [], "drafts": list(drafts), "others": 0}

    async def first(context: Context) -> dict[str, float]:
        seen["told"].append(context.refusal)
        return {"score": seen["drafts"].pop(0)}

    async def second() -> dict[str, float]:
        seen["others"] += 1
        return {"score": 0.95}

    cheap = agent(capability="write", expected_s=0.1)(first)
    dear = agent(capability="write", expected_s=30.0)(second)
    return seen, [cheap, dear]


def task(check="$output.score >= 0.8", **step):
    return {"workflow": {"steps": [{"id": "draft", "capability": "write", "check": check, **step}]}}


def test_an_output_that_passes_is_used():
    seen, agents = writers(0.9)

    view = run(task(), agents, virtual_time=True)

    assert (view.outputs, seen["told"]) == ({"draft": {"score": 0.9}}, [""])


def test_an_agent_whose_output_is_refused_is_asked_again_and_told_why():
    seen, agents = writers(0.5, 0.9)

    view = run(task(), agents, virtual_time=True)

    assert view.outputs == {"draft": {"score": 0.9}}
    assert seen["told"] == ["", "output: it does not pass the check '$output.score >= 0.8': {'score': 0.5}"]


def test_another_agent_takes_over_from_one_whose_outputs_are_refused():
    seen, agents = writers(0.5, 0.6)

    view = run(task(), agents, virtual_time=True)

    assert view.outputs == {"draft": {"score": 0.95}}
    assert (len(seen["told"]), seen["others"]) == (2, 1)


def test_an_agent_whose_output_one_step_refuses_goes_on_with_the_other_steps():
    asked = {"small": [], "large": []}

    async def small(number: int) -> int:
        asked["small"].append(number)
        return -1 if number == 2 else number

    async def large(number: int) -> int:
        asked["large"].append(number)
        return number

    agents = [agent(capability="work", expected_s=0.1)(small), agent(capability="work", expected_s=30.0)(large)]
    hard = {"id": "hard", "capability": "work", "inputs": {"number": 2}, "check": "$output > 0"}
    later = {"id": "later", "capability": "work", "inputs": {"number": 3}, "after": ["hard"], "check": "$output > 0"}

    view = run({"workflow": {"steps": [hard, later]}}, agents, virtual_time=True)

    assert view.outputs["later"] == 3
    assert asked == {"small": [2, 2, 3], "large": [2]}


def test_a_step_whose_outputs_are_all_refused_fails():
    _, agents = writers(0.1, 0.2)

    view = run(task(), agents[:1], virtual_time=True)

    assert "it does not pass the check" in view.failure.message
    assert view.failure.kind == "bad_output"


def test_an_agent_that_is_not_sure_enough_hands_over():
    async def small() -> Handoff:
        return Handoff(output="maybe", confidence=0.4)

    async def large() -> str:
        return "certainly"

    agents = [agent(capability="write", expected_s=0.1)(small), agent(capability="write", expected_s=30.0)(large)]

    view = run(task("$confidence >= 0.7"), agents, virtual_time=True)

    assert view.outputs == {"draft": "certainly"}


def test_a_check_without_a_value_refuses_the_output():
    _, agents = writers(0.1, 0.2)

    view = run(task("$output.missing > 1"), agents[:1], virtual_time=True)

    assert "cannot be made" in view.failure.message


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("$output.score >", "check"),
        ("1 < 2", "must read $output or $confidence"),
        ("$output.score > $inputs.least", "not $inputs.least"),
        ("size($output)", "not bool"),
    ],
)
def test_a_check_that_cannot_be_made_is_refused_at_submission(check, told):
    _, agents = writers()

    with pytest.raises(ForerunError) as refused:
        run(task(check), agents)

    assert told in str(refused.value)
