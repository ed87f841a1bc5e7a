"""The goals, and the plans that the scripted LLM streams for them at a published speed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forerun import Mode, Objective, Plan, PlanningOptions, Task

CATALOG = Path(__file__).with_name("catalog.yaml")

# Medians over 5,367 recorded LLM steps of 120 coding-agent sessions (AgentCgroup, github.com/eunomia-bpf/agentcgroup,
# experiments/, commit 5af9e7b): seconds from request to first chunk, and output tokens per second of answers over 50.
TTFT_S = 2.4
TOKENS_PER_S = 53.0
SOURCE = (
    "medians of 5,367 recorded LLM steps in AgentCgroup's public traces (github.com/eunomia-bpf/agentcgroup): "
    f"first token after {TTFT_S:g} s, then {TOKENS_PER_S:g} tokens a second"
)
# A person whose hour costs 72 USD waits for the answer. The gate weighs this against the price of a wrong call.
VALUE_OF_TIME_USD_PER_S = 0.02


@dataclass(frozen=True)
class BriefingCase:
    """A goal and its inputs."""

    goal: str
    inputs: dict[str, Any]


# Submitted once before the measurement, so that the service has seen a goal of this kind.
EARLIER = BriefingCase(
    "We want to stop using dichloromethane as a paint stripper. Search literature and patents, compare hazards and "
    "prices of the two candidates, and write an edited one-page briefing.",
    {"substance": "dichloromethane", "use": "paint stripper", "candidates": ["benzyl alcohol", "dimethyl sulfoxide"]},
)
# The measured goal: different words, different values.
ASKED = BriefingCase(
    "Please brief us, on one edited page, about substitutes for N-methyl-2-pyrrolidone in battery electrode coating: "
    "what papers and patents say, and how the two candidates compare in hazards and price.",
    {
        "substance": "N-methyl-2-pyrrolidone",
        "use": "battery electrode coating",
        "candidates": ["dimethyl sulfoxide", "gamma-valerolactone"],
    },
)


def briefing_task(case: BriefingCase, mode: Mode = Mode.FORERUN, plan: Plan | None = None) -> Task:
    """The case as a task. Only mode oracle takes a ``plan``."""
    return Task(
        name="A briefing on substitutes",
        kind="briefing",
        goal=case.goal,
        inputs=case.inputs,
        objective=Objective(min_quality=0.8),
        planning=PlanningOptions(mode=mode, plan=plan, value_of_time_usd_per_s=VALUE_OF_TIME_USD_PER_S),
    )


def answers() -> dict[str, list[dict[str, Any]]]:
    """Goal -> steps in the LLM's format."""
    return {case.goal: _steps() for case in (EARLIER, ASKED)}


def _steps() -> list[dict[str, Any]]:
    about = {"substance": "$inputs.substance", "use": "$inputs.use"}
    candidates = [{"substance": f"$inputs.candidates.{index}"} for index in range(2)]
    return [
        _step("papers", "search-literature", about),
        _step("patents", "search-patents", about),
        *(_step(f"hazards{index}", "look-up-hazards", candidate) for index, candidate in enumerate(candidates, 1)),
        *(_step(f"price{index}", "look-up-price", candidate) for index, candidate in enumerate(candidates, 1)),
        _step(
            "compare",
            "compare-candidates",
            {
                "hazards": ["$steps.hazards1.hazards", "$steps.hazards2.hazards"],
                "prices": ["$steps.price1.price", "$steps.price2.price"],
            },
        ),
        _step(
            "draft",
            "write-briefing",
            {
                "literature": "$steps.papers.findings",
                "patents": "$steps.patents.findings",
                "comparison": "$steps.compare.comparison",
            },
        ),
        _step("final", "edit", {"text": "$steps.draft.text"}),
    ]


def _step(name: str, capability: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "capability": capability, "inputs": inputs, "after": []}
