"""A made-up run that asks people, and whose steps are held, skipped, pending and in doubt."""

from typing import Any

import made_up_runs
import page_runs as runs
from page_server import PageServer

from planners.model import AttemptId, NodeId, StepId, TaskId
from planners.plans import Placement, PlannedStep
from planners.workflow import Pending, Skipped, Step
from reconciler.state.commands import RunStatus
from reconciler.state.fan_out_ends import Completion, CompletionReason
from reconciler.state.waiting import WaitKind, WaitReason
from reconciler.views.models import Doubt, PlansView, TimelineBar

AT_S = 6.5
_PENDING = (Pending(id=StepId("each_figure"), waits_for=StepId("draft")),)
_SKIPPED = (Skipped(id=StepId("apologise"), reason="the route 'answer' takes another way"),)
_WAITING = (
    WaitReason(
        step=StepId("sign_off"),
        kind=WaitKind.ANSWER,
        since_s=5.0,
        message="waiting for an answer: May the briefing be published?",
        agent="forerun.approval",
        attempt=AttemptId("sign_off#1"),
    ),
    WaitReason(
        step=StepId("paid"),
        kind=WaitKind.ANSWER,
        since_s=5.0,
        message="waiting for an answer: the payment",
        agent="forerun.callback",
        attempt=AttemptId("paid#1"),
    ),
    WaitReason(
        step=StepId("publish"), kind=WaitKind.FAN_OUT, since_s=4.0, message="each works on 2 elements at a time"
    ),
)
_SIGN_OFF = PlannedStep(
    step=Step(
        id=StepId("sign_off"),
        capability="forerun.approval",
        inputs={"text": "All is well.", "question": "May the briefing be published?", "on_expiry": "fail"},
        after=(StepId("draft"),),
    ),
    placement=Placement(agent="forerun.approval", node=NodeId("head")),
    work_key="sign_off",
)
_COMPLETION = Completion(
    fan_out=StepId("each"),
    succeeded=True,
    reason=CompletionReason.MIN_SUCCESSFUL_REACHED,
    at_s=4.0,
    total=5,
    results=3,
    missing={3: "step 'read[3]' was cancelled: enough elements have succeeded"},
)


async def asking(server: PageServer) -> TaskId:
    """A run that waits for an approval, a callback, and an answer about the act of `draft`."""
    run = runs.briefing(name="A briefing that asks")
    task = await made_up_runs.submitted(server, run, age_s=AT_S)
    bars = [doubted(bar) for final in run.bars if (bar := run.bar_at(final, AT_S)) is not None]
    steps = (*run.plan.steps, _SIGN_OFF)
    plan = run.plan.model_copy(update={"steps": steps, "pending": _PENDING, "skipped": _SKIPPED})
    doubt = Doubt(
        step=StepId("draft"),
        attempt=AttemptId("draft#1"),
        agent="publisher",
        node=NodeId("head"),
        since_s=6.3,
        verifying=False,
        reason="the process of agent 'publisher' died",
    )
    view: dict[str, Any] = {
        **run.view(AT_S),
        "status": RunStatus.IN_DOUBT,
        "in_doubt": (doubt,),
        "waiting": _WAITING,
        "completions": (_COMPLETION,),
        "given_up": {"figure": "step 'figure' failed: no data"},
    }
    timeline = {"optimal_plan_s": run.plan_s, "waiting": _WAITING, "skipped": _SKIPPED}
    await server.gateway.show(task, bars, PlansView(task=task, speculative=run.guess, optimal=plan), timeline, **view)
    return task


def doubted(bar: TimelineBar) -> TimelineBar:
    """The attempt of `draft` is in doubt."""
    return bar.model_copy(update={"status": "in_doubt", "ended_s": 6.3}) if bar.step == "draft" else bar
