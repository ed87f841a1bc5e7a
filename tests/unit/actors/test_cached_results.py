"""A result of a language model depends on the agents that are its tools."""

from types import SimpleNamespace

import pytest

from actors.executor.cached_results import with_results
from actors.invocation import Ended
from actors.payloads.outputs import Outputs
from actors.result_cache import ResultCache
from planners.agents import AgentKind, AgentSpec, Catalog
from reconciler.state.handoff import Handoff

MODEL = AgentSpec(name="adviser", capability="advise", kind=AgentKind.LLM, version="1", settings={"tools": ["rate"]})
RATE = AgentSpec(name="rate", capability="rate", version="1")


@pytest.fixture
def asked():
    """Asks the model about the same in a catalog; how often it has run so far."""
    results, runs = ResultCache(lambda: 0.0), []

    async def run(_hosted):
        runs.append(1)
        return Ended(0.0, handoff=Handoff(output="yes"))

    async def ask(*agents):
        order = SimpleNamespace(
            agent="adviser",
            cached=True,
            inputs={},
            work_key="w",
            check=None,
            speculative=False,
            writes=(),
            compact=None,
        )
        hosted = SimpleNamespace(task="t", order=order)
        await with_results(results, hosted, Catalog(agents=agents), Outputs(), run)
        results.forget_task("t")
        return len(runs)

    return ask


async def test_a_new_version_of_a_tool_is_asked_anew(asked):
    assert await asked(MODEL, RATE) == 1
    assert await asked(MODEL, RATE) == 1
    assert await asked(MODEL, RATE.model_copy(update={"version": "2"})) == 2


@pytest.mark.parametrize(
    "tool", [AgentSpec(name="rate", capability="rate"), RATE.model_copy(update={"effect": "idempotent"})]
)
async def test_nothing_is_kept_where_a_tool_may_answer_differently(asked, tool):
    assert await asked(MODEL, tool) == 1
    assert await asked(MODEL, tool) == 2
