"""Agents see a fixed set of environment variables, and those that their catalog entry names."""

import os
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from actors import environment
from actors.context import Context
from actors.environment import declared_variables, restrict_environment
from actors.errors import MissingVariable
from planners.agents import AgentSpec

INHERITED = {
    "PATH": "/bin",
    "LC_ALL": "C",
    "PYTHONPATH": "/agents",
    "CUDA_VISIBLE_DEVICES": "1",
    "RAY_JOB_ID": "1",
    "RAY_AUTH_TOKEN": "secret",
    "RAY_REDIS_PASSWORD": "secret",
    "FORERUN_LLM__API_KEY": "secret",
    "OPENAI_API_KEY": "own",
    "DATABASE_URL": "secret",
}


@pytest.fixture
def inherited(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for name in [*os.environ]:
            patch.delenv(name)
        for name, value in INHERITED.items():
            patch.setenv(name, value)
        environment.inherited_environment.cache_clear()
        yield
    environment.inherited_environment.cache_clear()


@pytest.mark.usefixtures("inherited")
def test_only_the_fixed_set_and_declared_variables_remain():
    restrict_environment(["OPENAI_API_KEY"])

    assert sorted(os.environ) == [
        "CUDA_VISIBLE_DEVICES",
        "LC_ALL",
        "OPENAI_API_KEY",
        "PATH",
        "PYTHONPATH",
        "RAY_JOB_ID",
    ]


@pytest.mark.usefixtures("inherited")
def test_the_next_agent_of_a_process_sees_its_own_variables_and_not_those_of_the_one_before():
    restrict_environment(["OPENAI_API_KEY"])
    os.environ["CUDA_VISIBLE_DEVICES"] = "2"  # Ray sets it for each Ray task
    restrict_environment(["DATABASE_URL"])

    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"
    assert os.environ["DATABASE_URL"] == "secret"
    assert "OPENAI_API_KEY" not in os.environ


@pytest.mark.usefixtures("inherited")
def test_the_services_own_variables_cannot_be_read_even_if_named():
    assert declared_variables(["FORERUN_LLM__API_KEY", "OPENAI_API_KEY", "NOT_SET"]) == {"OPENAI_API_KEY": "own"}


@pytest.mark.parametrize("name", ["FORERUN_LLM__API_KEY", "forerun_journal__url", "RAY_AUTH_TOKEN"])
def test_an_agent_cannot_name_a_variable_of_the_service(name: str):
    with pytest.raises(ValidationError, match=name):
        AgentSpec(name="a", capability="x", env=(name,))


def test_a_secret_that_is_not_there_is_named_with_the_fix():
    context = Context(task="t", attempt="t.1", agent="a", work_key="k", env={"KEY": "value"})

    assert context.secret("KEY") == "value"
    assert "value" not in repr(context)
    with pytest.raises(MissingVariable) as missing:
        context.secret("OTHER")
    assert "OTHER" in missing.value.fix
