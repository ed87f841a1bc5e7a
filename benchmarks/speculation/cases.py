"""The requests of the workloads, the plans an LLM would write for them, and the agents that execute them.

Requests and plans are UltraTool's if FORERUN_DATA contains them, otherwise synthetic. Edges carry data: each step reads
the request and the output of the step before it, so a guessed step is correct only if all steps before it are.
"""

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from benchmarks.datasets import PlanRecord, document, lines
from benchmarks.scripted_llm import answer_s
from benchmarks.simulated import simulated
from planners.agents import Catalog, Price, Provider
from planners.bindings import InputRef, StepRef
from planners.model import StepId
from planners.workflow import Step

# Medians over 5,367 LLM steps of 120 coding-agent sessions (agentcgroup): seconds to the first chunk, tokens a second.
TTFT_S, TOKENS_PER_S = 2.38, 53.0
# Durations of LLM steps and tool calls (seconds), quantiles over 120 coding-agent sessions (agentcgroup, GPL-2.0):
# the values of FORERUN_DATA/agentcgroup, used if it is missing.
_LLM_STEP_S = (1.15, 1.6, 2.0, 2.4, 2.95, 3.6, 4.6, 6.5, 11.15)
_TOOL_CALL_S = (0.05, 0.05, 0.05, 0.05, 0.05, 0.1, 0.5, 2.0, 8.58)
_LONGEST_S = 12.0
# A step of a small model: some 150 tokens in 3 s at 8 dollars a million.
_USD_PER_S = 0.0004
_INPUT_SCHEMA = {
    "type": "object",
    "properties": {"request": {"type": "string"}, "before": {"type": "object"}},
    "required": ["request"],
}
_OUTPUT_SCHEMA = {"type": "object", "properties": {"done": {"type": "string"}}, "required": ["done"]}


@dataclass(frozen=True)
class SpeculationCase:
    """A request and its plan: tools, and pairs of positions (earlier, later). Without ``deps`` it is a chain."""

    kind: str
    request: str
    tools: tuple[str, ...]
    deps: tuple[tuple[int, int], ...] | None = None

    @classmethod
    def of(cls, kind: str, record: PlanRecord) -> "SpeculationCase":
        """The recorded request with its plan as recorded."""
        return cls(kind, record.request, tuple(record.tools), tuple(record.deps) if record.deps else None)

    def parents(self, index: int) -> tuple[int, ...]:
        """The positions that a tool waits for; it reads the output of the last of them."""
        if self.deps is None:
            return (index - 1,) if index else ()
        return tuple(sorted(earlier for earlier, later in self.deps if later == index and earlier < index))

    @property
    def goal(self) -> str:
        """The submitted goal, by which the scripted LLM finds its answer."""
        return self.request

    def answer(self) -> list[dict[str, Any]]:
        """The plan in the LLM's format."""
        steps: list[dict[str, Any]] = []
        for index, tool in enumerate(self.tools):
            inputs: dict[str, Any] = {"request": "$inputs.request"}
            *others, last = self.parents(index) or (None,)
            if last is not None:
                inputs["before"] = f"$steps.s{last}"
            after = [f"s{other}" for other in others]
            steps.append({"id": f"s{index}", "capability": tool, "inputs": inputs, "after": after})
        return steps

    def steps(self) -> list[Step]:
        """The plan as steps."""
        made: list[Step] = []
        for index, tool in enumerate(self.tools):
            inputs: dict[str, Any] = {"request": InputRef(input="request")}
            *others, last = self.parents(index) or (None,)
            if last is not None:
                inputs["before"] = StepRef(step=made[last].id)
            after = tuple(made[other].id for other in others if other is not None)
            made.append(Step(id=StepId(f"s{index}"), capability=tool, inputs=inputs, after=after))
        return made


@dataclass(frozen=True)
class Cases:
    """The cases of a benchmark run: ``past`` plans are learned from beforehand, the others are submitted."""

    catalog: Catalog
    past: Sequence[SpeculationCase]
    warm_up: Sequence[SpeculationCase]
    warm: Sequence[SpeculationCase]
    half: Sequence[SpeculationCase]
    unseen: Sequence[SpeculationCase]
    adversarial: Sequence[SpeculationCase]
    unwilling: Sequence[SpeculationCase]
    mixed: Sequence[SpeculationCase]

    def submitted(self, workloads: Iterable[str]) -> list[SpeculationCase]:
        """The cases that are submitted if these workloads are run."""
        return [*self.warm_up, *(case for workload in workloads for case in getattr(self, workload))]


def cases(data: Path | None, size: int, scale: float, seed: int = 0, agents: str = "llm") -> Cases:
    """``size`` requests a workload; the agents' durations are multiplied by ``scale``; ``agents`` as in `bench.run`."""
    draw = random.Random(seed)
    tools, records = _records(data)
    train = [record for record in records if _part(record.id) < 0.7]
    test = [record for record in records if _part(record.id) >= 0.7]
    past = [SpeculationCase.of("past", record) for record in train]
    unseen = [SpeculationCase.of("unseen", record) for record in test]
    # Unseen requests vary most: twice as many as of other workloads.
    unseen = draw.sample(unseen, min(4 * size, len(unseen)))
    alone, among, new = unseen[: len(unseen) // 2], unseen[len(unseen) // 2 :: 2], unseen[len(unseen) // 2 + 1 :: 2]
    catalog = _catalog(tools, data, scale, quick_share=0.5 if agents == "mixed" else 0.0)
    recurring = [case for case in past if re.search(r"\d", case.request)]
    classes = min(len(recurring), max(4, size // 3))
    shapes = draw.sample(recurring, classes)
    one_a_plan = {case.tools: case for case in recurring}.values()
    halves = sorted(one_a_plan, key=lambda case: abs(_planning_share(case, catalog, scale) - 0.5))[:classes]
    # Each request has one true plan, so no two requests may be equal.
    variants = _Variants(draw, {case.request for case in (*past, *unseen)})

    def warm(of: Sequence[SpeculationCase], count: int) -> list[SpeculationCase]:
        return [variants.of(draw.choice(of), "warm") for _ in range(count)]

    def adversarial(count: int) -> list[SpeculationCase]:
        return [_contradicted(replace(case, kind="adversarial"), tools, draw) for case in warm(shapes, count)]

    mixed = draw.sample([*warm(shapes, size), *among, *adversarial(size // 4)], size)
    return Cases(
        catalog=catalog,
        past=past,
        warm_up=[variants.of(shape, "warm") for shape in (*shapes, *halves) for _ in range(2)],
        warm=warm(shapes, size),
        half=warm(halves, size),
        unseen=alone,
        adversarial=adversarial(size),
        unwilling=[_contradicted(replace(case, kind="unwilling"), tools, draw) for case in new],
        mixed=mixed,
    )


@dataclass(frozen=True)
class _Variants:
    """Requests with new numbers: the class recurs, the values do not."""

    draw: random.Random
    taken: set[str]

    def of(self, case: SpeculationCase, kind: str) -> SpeculationCase:
        """A new variant; numbers get longer if all of their length are used."""
        attempts = (self._renumbered(case.request, attempt // 10) for attempt in itertools.count())
        request = next(request for request in attempts if request not in self.taken)
        self.taken.add(request)
        return replace(case, request=request, kind=kind)

    def _renumbered(self, request: str, longer: int) -> str:
        def other(number: re.Match[str]) -> str:
            digits = len(number.group()) + longer
            return str(self.draw.randrange(10 ** (digits - 1) if digits > 1 else 1, 10**digits))

        return re.sub(r"\d+", other, request)


def _planning_share(case: SpeculationCase, catalog: Catalog, scale: float) -> float:
    """The share of the wait spent on planning, by the expected durations of LLM and agents."""
    plan_s = answer_s(case.answer(), TTFT_S, TOKENS_PER_S)
    return plan_s / (plan_s + sum(catalog.by_capability[tool][0].expected_s for tool in case.tools) / scale)


def _contradicted(case: SpeculationCase, tools: Iterable[str], draw: random.Random) -> SpeculationCase:
    """The request with entirely different tools in its plan, so that every guess is wrong."""
    return replace(case, tools=tuple(draw.sample([tool for tool in tools if tool not in case.tools], len(case.tools))))


def _part(record: str | int) -> float:
    return int.from_bytes(blake2b(str(record).encode(), digest_size=8).digest(), "big") / 2**64


def _records(data: Path | None) -> tuple[Mapping[str, str], list[PlanRecord]]:
    if data is None:
        return _MADE_UP_TOOLS, list(_made_up())
    tools = {tool["id"]: tool["desc"] for tool in document(data / "plans" / "tools_ultratool.json")}
    records = lines(data / "plans" / "ultratool.jsonl.gz", PlanRecord)
    return tools, [record for record in records if len(set(record.tools)) == len(record.tools)]


def _catalog(tools: Mapping[str, str], data: Path | None, scale: float, quick_share: float) -> Catalog:
    durations = _durations(data)
    agents = []
    for tool, description in tools.items():
        own = random.Random(tool)
        median_s = min(_LONGEST_S, max(0.05, own.choice(durations[own.random() < quick_share]))) * scale
        agents.append(
            simulated(
                f"{tool}-agent",
                tool,
                description=description,
                settings={"p50_s": median_s, "p90_s": 1.6 * median_s, "output": {"done": tool}},
                expected_s=median_s,
                price=Price(usd_per_s=_USD_PER_S / scale),
                provider="tools",
                input_schema=_INPUT_SCHEMA,
                output_schema=_OUTPUT_SCHEMA,
            )
        )
    return Catalog(agents=tuple(agents), providers=(Provider(name="tools", max_concurrent=16),))


def _durations(data: Path | None) -> tuple[Sequence[float], Sequence[float]]:
    if data is None:
        return _LLM_STEP_S, _TOOL_CALL_S
    steps = [step for session in lines(data / "agentcgroup" / "sessions.jsonl.gz") for step in session["steps"]]
    llm = [step["dur_s"] for step in steps if step["k"] == "llm" and step.get("dur_s")]
    calls = [step.get("dur_s", step["t1"] - step["t0"]) for step in steps if step["k"] == "tool"]
    return llm, calls


_MADE_UP_TOOLS = {
    f"{verb}_{noun}": f"{verb.capitalize()} a {noun}"
    for verb in ("find", "book", "cancel", "compare", "summarise")
    for noun in ("flight", "hotel", "invoice", "meeting", "contract", "parcel")
}


def _made_up() -> Iterator[PlanRecord]:
    draw, tools = random.Random(1), list(_MADE_UP_TOOLS)
    for index in range(400):
        shape = random.Random(index % 40)
        chosen = shape.sample(tools, shape.choice((2, 2, 3)))
        words = ", then ".join(tool.replace("_", " ") + f" {draw.randrange(100, 999)}" for tool in chosen)
        yield PlanRecord(id=f"made-up:{index}", request=f"Please {words}.", tools=chosen, deps=[])
