"""Measure how soon the first agent starts after a request is accepted, however long the optimal planner takes."""

import asyncio
from typing import Any

from pydantic import PositiveInt
from rich.progress import track

from benchmarks.scripted_llm import ScriptedLLM
from benchmarks.serving import client_of, quantile, running
from benchmarks.simulated import simulated
from orchestrator.client.client import Client
from orchestrator.settings import LlmSettings
from planners.agents import Catalog
from planners.tasks import Task

WARM_UP = 5
# Plans take 2 to 4 s, as the median LLM step in the agentcgroup sessions; the first agent must not wait for them.
TTFT_S, TOKENS_PER_S = 1.0, 50.0
GOAL = "Look up order {number}, check its invoice and write to the customer."
CATALOG = Catalog(
    agents=tuple(
        simulated(name, capability, settings={"duration_s": 0.01}, expected_s=0.01)
        for name, capability in (("lookup", "find_order"), ("audit", "check_invoice"), ("mailer", "draft_mail"))
    )
)


def _steps(number: int) -> list[dict[str, Any]]:
    return [
        {"id": "order", "capability": "find_order", "inputs": {"number": number}},
        {"id": "invoice", "capability": "check_invoice", "inputs": {"order": "$steps.order"}},
        {"id": "mail", "capability": "draft_mail", "inputs": {"order": "$steps.order", "invoice": "$steps.invoice"}},
    ]


def _declared(number: int) -> Task:
    return Task.model_validate({"kind": "order", "workflow": {"steps": _steps(number)}})


def _goal(number: int) -> Task:
    return Task(kind="order-by-goal", goal=GOAL.format(number=number))


def run(submissions: PositiveInt = 50) -> dict[str, Any]:
    """Milliseconds from acceptance to the first dispatch, over ``submissions`` warm submissions.

    Keys ``first_dispatch_ms_p50`` and ``_p95`` are for goals whose plan a scripted LLM takes seconds to write;
    ``declared`` holds the same for declared workflows, planned by CP-SAT.
    """
    answers = {GOAL.format(number=number): _steps(number) for number in range(1000, 1000 + submissions + WARM_UP)}
    with ScriptedLLM(answers, ttft_s=TTFT_S, tokens_per_s=TOKENS_PER_S) as llm:
        settings = LlmSettings(base_url=llm.base_url, model=llm.model)
        with running(CATALOG, settings) as service:
            return {"planner": llm.speed(), **asyncio.run(_measure(service, submissions))}


async def _measure(service: Any, submissions: int) -> dict[str, Any]:
    async with client_of(service) as client:
        by_goal = await _firsts(client, _goal, submissions, "goals")
        declared = await _firsts(client, _declared, submissions, "declared workflows")
    return {**_figures(by_goal), "submissions": submissions, "declared": _figures(declared)}


async def _firsts(client: Client, task: Any, submissions: int, what: str) -> list[dict[str, float]]:
    firsts = []
    for number in track(range(1000, 1000 + submissions + WARM_UP), f"submitting {what}"):
        view = await client.wait((await client.submit(task(number))).id, 60)
        assert view.status == "succeeded", view.failure
        assert view.first_dispatch_s is not None
        assert view.optimal_plan_s is not None
        firsts.append({"first_s": view.first_dispatch_s, "plan_s": view.optimal_plan_s})
    return firsts[WARM_UP:]


def _figures(firsts: list[dict[str, float]]) -> dict[str, Any]:
    dispatched = [1000 * first["first_s"] for first in firsts]
    return {
        "first_dispatch_ms_p50": quantile(dispatched, 0.5),
        "first_dispatch_ms_p95": quantile(dispatched, 0.95),
        "optimal_plan_ms_p50": quantile([1000 * first["plan_s"] for first in firsts], 0.5),
    }
