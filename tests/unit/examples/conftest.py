"""Runs as the service would report them, made by a small list scheduler in virtual time."""

from collections.abc import Callable

import pytest

from examples.comparison.measures import Act, Agreement, Run
from planners.tasks import Mode
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Verdict
from reconciler.views.models import PlansView, TaskView, Timeline, TimelineBar

STAGES = (("conformer", "etkdg", 0.06), ("geometry", "gfn2", 0.3), ("gap", "gap-b3lyp", 1.8))
NODE = "3f9c2b7a11d04e5c9be8f7a6d5c4b3a2918273645546372819"


def bar(step: str, capability: str, agent: str, start_s: float, end_s: float, **more) -> TimelineBar:
    given = {"verdict": None, "speculative": False, "epoch": 1, "status": "finished", "dispatched_s": start_s} | more
    return TimelineBar(
        attempt=f"{step}-{start_s:.3f}",
        step=step,
        capability=capability,
        agent=agent,
        node=NODE,
        started_s=start_s,
        ended_s=end_s,
        **given,
    )


def branches(count: int, begin_s: float, planned_s: float) -> list[TimelineBar]:
    """Every molecule's chain, on two workers in turn; what starts before the plan is a guess."""
    free = [begin_s, begin_s]
    bars = []
    for index in range(count):
        worker = free.index(min(free))
        for capability, agent, seconds in STAGES:
            start_s, took_s = free[worker], seconds * (1 + 0.37 * ((index * 7) % 5 - 2) / 2)
            ahead = start_s < planned_s
            verdict = Verdict.COMMIT if ahead else None
            bars.append(
                bar(
                    f"{capability}[{index}]",
                    capability,
                    agent,
                    start_s,
                    start_s + took_s,
                    speculative=ahead,
                    verdict=verdict,
                )
            )
            free[worker] = start_s + took_s
    end_s = max(free)
    bars.append(bar("ranking", "ranking", "rank", end_s, end_s + 0.05))
    return bars


def run_of(mode: Mode, bars: list[TimelineBar], planned_s: float, outputs: dict | None = None) -> Run:
    end_s = max(bar.ended_s for bar in bars) if bars else planned_s
    flushed = [bar for bar in bars if bar.verdict is Verdict.FLUSH]
    view = TaskView(
        id=f"task-{mode}",
        mode=mode,
        status=RunStatus.SUCCEEDED,
        submitted_at_s=0.0,
        first_dispatch_s=min((bar.dispatched_s for bar in bars), default=None),
        optimal_plan_s=planned_s,
        ended_s=end_s,
        agent_s=sum(bar.ended_s - bar.started_s for bar in bars),
        wasted_s=sum(bar.ended_s - bar.started_s for bar in flushed),
        outputs=outputs,
    )
    plans = PlansView(task=view.id, similarity=0.93 if mode is Mode.FORERUN else None)
    timeline = Timeline(task=view.id, bars=tuple(bars), optimal_plan_s=planned_s, ended_s=end_s)
    return Run(mode, view, plans, timeline, http_s=end_s + 0.02)


@pytest.fixture
def ranking() -> list[dict]:
    named = [("O=CC=O", "glyoxal"), ("c1ccccc1", "benzene"), ("NC(N)=O", "urea"), ("C#N", "<b>hydrogen & cyanide</b>")]
    return [
        {
            "place": place,
            "name": name,
            "smiles": smiles,
            "method": "B3LYP/def2-SVP",
            "gap_ev": 3.2 + 1.7 * place,
            "homo_ev": -7.1 - place / 3,
            "lumo_ev": -3.4 + place,
        }
        for place, (smiles, name) in enumerate(named, start=1)
    ]


@pytest.fixture
def make_act(ranking) -> Callable[..., Act]:
    """An act of so many molecules; planning takes ``planned_s``, one guess is flushed and two are salvaged."""

    def made(count: int = 16, planned_s: float = 6.0, title: str = "Molecules") -> Act:
        outputs = {"ranking": ranking}
        ahead = branches(count, 0.012, planned_s)
        first = ahead[0].model_copy(update={"verdict": Verdict.KEEP})
        second = ahead[1].model_copy(update={"verdict": Verdict.REPARENT})
        wrong = bar(
            "gap[0]", "gap", "gap-hf", 0.4, planned_s, speculative=True, verdict=Verdict.FLUSH, status="flushed"
        )
        speculated = run_of(Mode.FORERUN, [first, second, *ahead[2:], wrong], planned_s, outputs)
        return Act(
            title=title,
            about="Sixteen molecules through RDKit, xTB and PySCF.",
            wait=run_of(Mode.WAIT, branches(count, planned_s, planned_s), planned_s, outputs),
            forerun=speculated,
            oracle=run_of(Mode.ORACLE, branches(count, 0.004, 0.0), 0.0, outputs),
            agreement=Agreement(50, 50),
            caveat="Simulated.",
            notes=("Seconds count from the task's admission.",),
        )

    return made
