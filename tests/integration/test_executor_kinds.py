"""Agents of all kinds on Ray: each returns or fails in its own way, and those that crash take no other with them."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("langgraph", reason="pip install 'forerun[langgraph]'")

from kinds import KINDS, Case, counterparts

from reconciler.state.handoff import Failure

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]


async def test_all_kinds_return_fail_and_crash_beside_each_other(attempts_with: Any):
    # The nodes of the test cluster have no secret that an agent could send, and too few CPUs for all sync attempts.
    free = {"sync": {"resources": {}}}
    with counterparts() as servers:
        plain = replace(servers, secret=False)
        cases = {
            (kind, do): plain.case(kind, do, **free.get(kind, {}))
            for kind in KINDS
            for do in ("returns", "fails", "crashes")
        }
        attempts = attempts_with(*(case.agent for case in cases.values()))

        async def result(case: Case) -> Any:
            return await attempts.run(case.agent.name, **case.inputs)

        found = dict(zip(cases, await asyncio.gather(*map(result, cases.values())), strict=True))

    assert {kind: found[kind, "returns"] for kind in KINDS} == {kind: cases[kind, "returns"].output for kind in KINDS}
    assert all(isinstance(found[kind, do], Failure) for kind in KINDS for do in ("fails", "crashes"))
