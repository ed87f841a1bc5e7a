"""Run the workloads in every mode, interleaved, and compute the figures."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import fmean
from typing import Any, Literal, get_args

from pydantic import DirectoryPath, PositiveFloat, PositiveInt
from rich.progress import Progress

from benchmarks.scripted_llm import ScriptedLLM
from benchmarks.serving import client_of, quantile, running
from benchmarks.speculation.bootstrap import share_interval, slowdown_interval
from benchmarks.speculation.cases import TOKENS_PER_S, TTFT_S, Cases, SpeculationCase, cases
from benchmarks.speculation.losses import Cause, lost_s
from benchmarks.speculation.past import journal_holding
from benchmarks.speculation.virtual import VirtualService, virtual_service
from orchestrator.client.client import Client
from orchestrator.local.virtual_loop import in_virtual_time
from orchestrator.settings import GateSettings, JournalSettings, LlmSettings, PlanningSettings, Settings
from planners.plans import Plan
from planners.tasks import Mode, PlanningOptions, Task
from reconciler.views.models import TaskView

Workload = Literal["warm", "half", "unseen", "quick", "adversarial", "unwilling", "mixed"]
Lever = Literal["alternatives", "revisions", "learning"]
WORKLOADS: tuple[Workload, ...] = get_args(Workload)
# Speculating modes run first, so that no other run of the request has taught them the answer; the oracle needs one.
ORDER = (Mode.PLAN_CACHE, Mode.FORERUN, Mode.STREAMED, Mode.LIST_SCHEDULE, Mode.WAIT, Mode.ORACLE)
AT_ONCE = 3
VALUE_OF_TIME_USD_PER_S = 0.01
BURST = 8
_TRAINING_S = 300.0
_EXCHANGE_S = 3.0  # after which the learner has the outcomes of the last tasks
_FIRST_TASKS = 10  # of a kind, in which the gate learns what its guesses are worth


@dataclass
class Runs:
    """The task views of one mode, in the order of the cases; for forerun also verdicts on guesses and seconds lost."""

    views: list[TaskView] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    lost_s: dict[Cause, float] = field(default_factory=lambda: dict.fromkeys(Cause, 0.0))


def run(  # noqa: PLR0913, PLR0917 - the options of the command
    data: DirectoryPath | None = None,
    size: PositiveInt = 48,
    scale: PositiveFloat = 0.25,
    seed: int = 0,
    workloads: Sequence[Workload] = WORKLOADS,
    agents: Literal["llm", "mixed"] = "llm",
    without: Sequence[Lever] = (),
    alpha: float = 0.8,
    *,
    virtual: bool = False,
) -> dict[str, Any]:
    """Per workload: seconds by mode, share of attainable with its 95 % interval, waste, verdict rates, planning share.

    Args:
        data: the folder of the data sets; None for synthetic requests.
        size: the number of requests a workload.
        scale: factor on all durations of agents and of the LLM, to shorten the run. The service's own overhead is not
            scaled, so it weighs 1 / scale as much as in real time.
        seed: seeds the choice of requests.
        workloads: the workloads to run.
        agents: ``llm``: every agent takes as long as a recorded LLM step; ``mixed``: half of them take as long as a
            recorded tool call, mostly milliseconds. A run cannot end before its optimal plan is complete, so requests
            that are executed faster than planned limit what any speculation can save. The workload ``quick`` are the
            unseen requests with mixed agents, on a service of its own.
        without: turns levers of the speculation off: alternatives to the guess, guesses made again while the plan
            streams in, learning from past plans.
        alpha: the gate's dial, 0..1: how much is risked for a saving.
        virtual: in virtual time, without Ray and HTTP. The same seed gives the same figures on any machine; the
            overhead of a service is missing.
    """
    measured, levers = _in_virtual_time if virtual else _on_a_service, _Levers(frozenset(without), alpha)
    found: dict[str, Any] = {}
    if plain := [workload for workload in workloads if workload != "quick"]:
        found = measured(cases(data, size, scale, seed, agents), plain, scale, levers)
    if "quick" in workloads:
        quick = measured(cases(data, size, scale, seed, "mixed"), ["unseen"], scale, levers)
        quick["quick"] = quick.pop("unseen")
        early = {"quick": quick.pop("early_flushes", None)}
        found = {**quick, **found, "early_flushes": found.get("early_flushes", {}) | early}
    return {"agents": agents, "scale": scale, "size": size, "without": list(without), "alpha": alpha, **found}


@dataclass(frozen=True)
class _Levers:
    """What is turned off, and the gate's dial."""

    without: frozenset[Lever]
    alpha: float

    @property
    def learns(self) -> bool:
        return "learning" not in self.without

    @property
    def sections(self) -> dict[str, Any]:
        """The sections of the settings."""
        planning = PlanningSettings(revise_guesses="revisions" not in self.without)
        if "alternatives" in self.without:
            planning = planning.model_copy(update={"alternatives": 0})
        return {"planning": planning, "gate": GateSettings(alpha=self.alpha)}


def _on_a_service(chosen: Cases, workloads: Sequence[str], scale: float, levers: _Levers) -> dict[str, Any]:
    answers = {case.goal: case.answer() for case in chosen.submitted(workloads)}
    with (
        ScriptedLLM(answers, ttft_s=TTFT_S * scale, tokens_per_s=TOKENS_PER_S / scale) as llm,
        journal_holding(chosen.past if levers.learns else (), chosen.catalog) as journal_url,
        running(
            chosen.catalog,
            LlmSettings(base_url=llm.base_url, model=llm.model),
            journal=JournalSettings(url=journal_url),
            **levers.sections,
        ) as service,
    ):
        results = asyncio.run(_measure_over_http(service, chosen, workloads, scale, learns=levers.learns))
    return {"planner": llm.speed(), "past_plans": len(chosen.past), **results}


def _in_virtual_time(chosen: Cases, workloads: Sequence[str], scale: float, levers: _Levers) -> dict[str, Any]:
    async def measured() -> dict[str, Any]:
        settings = Settings(**levers.sections)
        async with virtual_service(chosen, workloads, settings, scale, learns=levers.learns) as service:
            return await _measure(service, chosen, workloads, scale, learns=levers.learns)

    speed = f"virtual time: first token after {TTFT_S * scale:g} s, {TOKENS_PER_S / scale:g} tokens/s"
    return {"planner": speed, "past_plans": len(chosen.past), **in_virtual_time(measured())}


async def _measure_over_http(
    service: Any, chosen: Cases, workloads: Iterable[str], scale: float, *, learns: bool
) -> dict[str, Any]:
    async with client_of(service) as client:
        if learns:
            await _trained(client)
        return await _measure(client, chosen, workloads, scale, learns=learns)


async def _measure(
    client: Client | VirtualService, chosen: Cases, workloads: Iterable[str], scale: float, *, learns: bool
) -> dict[str, Any]:
    results: dict[str, Any] = {}
    with Progress() as progress:
        rounds = _Rounds(client, progress, scale, learns)
        await rounds.play(chosen.warm_up, (Mode.FORERUN,), "warming up", AT_ONCE)
        for workload in workloads:
            at_once = BURST if workload == "mixed" else AT_ONCE
            runs = await rounds.play(getattr(chosen, workload), ORDER, workload, at_once)
            results[workload] = _figures(runs, at_once)
    if learns:
        results["early_flushes"] = await _early_flushes(client)
    return results


async def _early_flushes(client: Client | VirtualService) -> dict[str, Any]:
    """Guesses that were flushed as unlikely while the plan streamed in, and the share that the plan did not hold."""
    await asyncio.sleep(_EXCHANGE_S)
    ledger: Any = (await client.learner())["ledger"]
    total, right = ledger["total"]["given_up"], ledger["total"]["given_up_rightly"]
    return {"flushed": total, "right": right / total if total else None}


async def _trained(client: Client) -> None:
    """Wait until the plan predictor is trained on the past plans."""
    until_s = time.monotonic() + _TRAINING_S
    while time.monotonic() < until_s:
        if int(str((await client.learner()).get("predictor", 0))) >= 1:
            return
        await asyncio.sleep(1)
    raise TimeoutError(f"the plan predictor was not trained within {_TRAINING_S:g} s")


@dataclass
class _Rounds:
    """Run ``at_once`` requests concurrently in one mode, then in the next; then the next requests."""

    client: Client | VirtualService
    progress: Progress
    scale: float
    learns: bool = True

    async def play(
        self, requests: Sequence[SpeculationCase], modes: Sequence[Mode], what: str, at_once: int
    ) -> dict[Mode, Runs]:
        runs = {mode: Runs() for mode in modes}
        bar = self.progress.add_task(what, total=len(requests) * len(modes))
        for start in range(0, len(requests), at_once):
            burst, plans = requests[start : start + at_once], dict[str, Plan]()
            for mode in modes:
                views = await asyncio.gather(*(self._one(case, mode, plans) for case in burst))
                runs[mode].views += views
                if mode is Mode.FORERUN:
                    await self._look_closely(views, runs[mode])
                self.progress.advance(bar, len(burst))
        return runs

    async def _look_closely(self, views: Sequence[TaskView], runs: Runs) -> None:
        for view in views:
            timeline, plan = await self.client.timeline(view.id), (await self.client.plans(view.id)).optimal
            assert plan is not None
            runs.verdicts.update(str(bar.verdict).split(":")[0] for bar in timeline.bars if bar.speculative)
            for cause, seconds in lost_s(timeline, plan).items():
                runs.lost_s[cause] += seconds

    async def _one(self, case: SpeculationCase, mode: Mode, plans: dict[str, Plan]) -> TaskView:
        planning = PlanningOptions(
            mode=mode,
            plan=plans[case.goal] if mode is Mode.ORACLE else None,
            learn=self.learns and mode is Mode.FORERUN,
            value_of_time_usd_per_s=VALUE_OF_TIME_USD_PER_S / self.scale,
        )
        task = Task(kind=case.kind, goal=case.goal, inputs={"request": case.request}, planning=planning)
        view = await self.client.wait((await self.client.submit(task)).id, 300)
        assert view.status == "succeeded", view.failure
        if mode is Mode.WAIT:
            plan = (await self.client.plans(view.id)).optimal
            assert plan is not None
            plans[case.goal] = plan
        return view


def _figures(runs: dict[Mode, Runs], burst: int) -> dict[str, Any]:
    seconds = {mode: [view.ended_s or 0.0 for view in runs[mode].views] for mode in runs}
    mean = {mode: sum(values) / len(values) for mode, values in seconds.items()}
    planned = {mode: [view.optimal_plan_s or 0.0 for view in runs[mode].views] for mode in runs}
    figures: dict[str, Any] = {
        mode.value: {
            "t_s_p50": quantile(values, 0.5),
            "t_s_p95": quantile(values, 0.95),
            "t_s_mean": mean[mode],
            "plan_s_mean": fmean(planned[mode]),
        }
        for mode, values in seconds.items()
    }
    attainable_s = mean[Mode.WAIT] - mean[Mode.ORACLE]
    for mode in (Mode.STREAMED, Mode.PLAN_CACHE, Mode.LIST_SCHEDULE, Mode.FORERUN):
        figures[mode.value]["share_of_attainable"] = (mean[Mode.WAIT] - mean[mode]) / attainable_s
        interval = share_interval(seconds[Mode.WAIT], seconds[mode], seconds[Mode.ORACLE], burst)
        figures[mode.value]["share_interval"] = interval
    views, verdicts = runs[Mode.FORERUN].views, runs[Mode.FORERUN].verdicts
    guesses, late = max(1, verdicts.total()), views[_FIRST_TASKS:]
    plan_s = planned[Mode.WAIT]
    soonest_s = sum(map(max, plan_s, seconds[Mode.ORACLE])) / len(plan_s)
    return figures | {
        "requests": len(views),
        "bursts": ceil(len(views) / burst),
        "share_of_attainable": figures["forerun"]["share_of_attainable"],
        "reachable_share": (mean[Mode.WAIT] - soonest_s) / attainable_s,
        "waste": sum(view.wasted_s for view in views) / max(1e-9, sum(view.agent_s for view in views)),
        "waste_after_ten": sum(view.wasted_s for view in late) / max(1e-9, sum(view.agent_s for view in late)),
        "waste_usd": sum(view.wasted_usd for view in views) / max(1e-9, sum(view.usd for view in views)),
        "planning_share": sum(plan_s) / sum(seconds[Mode.WAIT]),
        "slower_than_wait": mean[Mode.FORERUN] / mean[Mode.WAIT] - 1,
        "slower_than_cache": mean[Mode.FORERUN] / mean[Mode.PLAN_CACHE] - 1,
        "slower_than_cache_interval": slowdown_interval(seconds[Mode.FORERUN], seconds[Mode.PLAN_CACHE], burst),
        "faster_than_streamed": mean[Mode.STREAMED] / mean[Mode.FORERUN],
        "where_planning_is_half": _where_planning_is_half(seconds, plan_s),
        "lost": {cause.value: runs[Mode.FORERUN].lost_s[cause] / len(views) / attainable_s for cause in Cause},
        "guesses": verdicts.total(),
        "rates": {kind: verdicts[kind] / guesses for kind in ("commit", "salvage", "flush")},
    }


def _where_planning_is_half(seconds: dict[Mode, list[float]], plan_s: Sequence[float]) -> dict[str, Any]:
    """Figures of the requests that spend at least half of the wait on planning."""
    of = [at for at, (plan, whole) in enumerate(zip(plan_s, seconds[Mode.WAIT], strict=True)) if plan >= whole / 2]
    streamed_s, forerun_s = (sum(seconds[mode][at] for at in of) for mode in (Mode.STREAMED, Mode.FORERUN))
    return {"requests": len(of), "faster_than_streamed": streamed_s / forerun_s if of else None}
