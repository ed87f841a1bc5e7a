"""Agents of all kinds on Ray: each returns or fails in its own way, and those that crash take no other with them."""

import asyncio
from typing import Any

import pytest

pytest.importorskip("langgraph", reason="pip install 'forerun[langgraph]'")

from kinds import KINDS, Case, counterparts

from reconciler.state.handoff import Failure

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]

# The nodes of the test cluster have not the secret that two of these send; a sync agent takes a CPU for each attempt.
ON_RAY = [kind for kind in KINDS if kind not in ("http", "llm", "sync")]


async def test_all_kinds_return_fail_and_crash_beside_each_other(attempts_with: Any):
    with counterparts() as servers:
        cases = {
            (kind, do): servers.case(kind, do, env=[]) for kind in ON_RAY for do in ("returns", "fails", "crashes")
        }
        attempts = attempts_with(*(case.agent for case in cases.values()))

        async def result(case: Case) -> Any:
            return await attempts.run(case.agent.name, **case.inputs)

        found = dict(zip(cases, await asyncio.gather(*map(result, cases.values())), strict=True))

    assert {kind: found[kind, "returns"] for kind in ON_RAY} == {kind: cases[kind, "returns"].output for kind in ON_RAY}
    assert all(isinstance(found[kind, do], Failure) for kind in ON_RAY for do in ("fails", "crashes"))
