"""What leaves the process waits for the disk, and nothing else does: over random plans, disks and agents."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from slow_disk import SlowRun

from planners.agents import AgentSpec, Catalog, Effect
from planners.model import AttemptId, NodeId, StepId
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.tasks import Mode, PlanningOptions, Task
from planners.work_keys import InputDigests, work_keys
from planners.workflow import Step, Workflow
from reconciler.state.commands import RunStatus
from reconciler.state.events import CancelRequested, NodeLost

CATALOG = Catalog(
    agents=(
        *(AgentSpec(name=effect.value, capability=effect.value, effect=effect, kind="async") for effect in Effect),
        AgentSpec(name="discloses", capability="discloses", discloses=True, kind="async"),
    )
)
WAITS = {"irreversible", "discloses"}
CAPABILITIES = sorted(agent.capability for agent in CATALOG.agents if not agent.built_in)  # the others run nowhere


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """A given plan over agents of every effect, each step after some of the earlier ones."""
    steps: list[Step] = []
    for index in range(draw(st.integers(1, 6))):
        after = tuple(draw(st.sets(st.sampled_from([step.id for step in steps]), max_size=2))) if steps else ()
        steps.append(Step(id=StepId(f"s{index}"), capability=draw(st.sampled_from(CAPABILITIES)), after=after))
    keys = work_keys([(step, CATALOG.by_name[step.capability].identity) for step in steps], InputDigests({}))
    placed = tuple(
        PlannedStep(step=step, placement=Placement(agent=step.capability, node=NodeId("n1")), work_key=keys[step.id])
        for step in steps
    )
    plan = Plan(kind=PlanKind.OPTIMAL, steps=placed)
    return Task(workflow=Workflow(steps=tuple(steps)), planning=PlanningOptions(mode=Mode.ORACLE, plan=plan))


def effect_of(run: SlowRun, attempt: AttemptId) -> str:
    return run.driver.run.attempts[attempt].placement.agent


def check(run: SlowRun) -> None:
    dispatched = set()
    for what, attempt, durable in run.executor.asked:
        if what == "dispatch":
            dispatched.add(attempt)
        if what == "dispatch" and effect_of(run, attempt) in WAITS:
            written = [lines for lines, _ in run.journal.entries[:durable]]
            assert any(f'"{attempt}"' in line.text for lines in written for line in lines), "its intent was not on disk"
    for attempt in run.driver.run.attempts.values():
        if attempt.live and attempt.placement.agent not in WAITS:
            assert attempt.id in dispatched, f"{attempt.placement.agent} waits although it may be repeated"


async def play(task: Task, choices: list[bool]) -> SlowRun:
    """Choose again and again between the disk and an agent; returns when the task has ended."""
    async with SlowRun(task, CATALOG) as run:
        for turn in range(500):
            check(run)
            disk = choices[turn % len(choices)]
            if run.journal.waiting and (disk or not run.executor.running):
                run.journal.write_one()
            elif run.executor.running:
                run.executor.finish(next(iter(run.executor.running)))
            await run.settle()
            if run.ending.done():
                break
        assert run.ending.result().status is RunStatus.SUCCEEDED
    return run


@settings(max_examples=60)
@given(tasks(), st.lists(st.booleans(), min_size=1, max_size=12))
def test_an_act_leaves_only_when_its_intent_is_durable_and_all_else_runs_ahead(task, choices):
    run = asyncio.run(play(task, choices))

    asked = [(what, attempt) for what, attempt, _ in run.executor.asked]
    assert len(asked) == len(set(asked))
    staged = {attempt.id for attempt in run.driver.run.attempts.values() if attempt.placement.agent == "stageable"}
    assert {attempt for what, attempt in asked if what == "promote"} == staged


async def cancelled(task: Task, turns: int) -> SlowRun:
    """Cancel after some turns in which agents return and nothing is written, then write everything."""
    async with SlowRun(task, CATALOG) as run:
        for _ in range(turns):
            if run.executor.running:
                run.executor.finish(next(iter(run.executor.running)))
                await run.settle()
        run.driver.post(CancelRequested(at_s=0))
        await run.settle()
        while run.journal.waiting:
            run.journal.write_one()
            await run.settle()
        assert run.ending.done()
    return run


@settings(max_examples=40)
@given(tasks(), st.integers(0, 6))
def test_what_still_waits_for_the_disk_when_a_task_is_cancelled_never_leaves(task, turns):
    run = asyncio.run(cancelled(task, turns))

    left = [attempt for what, attempt, _ in run.executor.asked if what == "promote" or effect_of(run, attempt) in WAITS]
    assert left == []


async def lost(task: Task) -> SlowRun:
    """The only node is lost while nothing has been written."""
    async with SlowRun(task, CATALOG) as run:
        run.driver.post(NodeLost(at_s=0, node=NodeId("n1")))
        await run.settle()
    return run


@given(tasks())
def test_an_act_that_has_not_left_is_not_in_doubt_when_its_node_is_lost(task):
    run = asyncio.run(lost(task))

    assert run.driver.run.in_doubt == []
