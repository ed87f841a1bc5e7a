"""The plan that the scripted LLM streams can be run with the catalog it is meant for."""

import pytest

from actors.catalog import load_catalog
from examples.briefing import script
from planners.interfaces import interfaces
from planners.optimal.decompose.goals import GoalText
from planners.optimal.decompose.step_validation import StepValidation
from planners.tasks import Mode
from planners.validation import check
from planners.workflow import Step

CASES = pytest.mark.parametrize("case", [script.EARLIER, script.ASKED], ids=["earlier", "asked"])


@CASES
def test_every_prepared_step_is_valid_as_it_streams(case):
    catalog = load_catalog(script.CATALOG)
    drafts = StepValidation(GoalText(text=case.goal, inputs=case.inputs), interfaces(catalog))

    confirmed = [
        step for prepared in script.answers()[case.goal] for step in drafts.accept(Step.model_validate(prepared))
    ]
    drafts.close()

    assert len(confirmed) == len(script.answers()[case.goal])
    assert {step.capability for step in confirmed} == set(catalog.by_capability)


@CASES
def test_the_goal_is_a_task_that_the_service_accepts(case):
    task = script.briefing_task(case)

    check(task, load_catalog(script.CATALOG))

    assert task.planning.mode is Mode.FORERUN


def test_every_agent_says_that_it_is_simulated():
    assert all(agent.name.startswith("simulated-") for agent in load_catalog(script.CATALOG).agents)


def test_the_speed_of_the_script_names_its_source():
    assert f"{script.TTFT_S:g} s" in script.SOURCE
    assert f"{script.TOKENS_PER_S:g} tokens" in script.SOURCE
    assert "github.com/" in script.SOURCE
