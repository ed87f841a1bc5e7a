"""Nested workflows of all kinds, with effects and limits, while nodes and outputs are lost: every run ends."""

import os

import pytest
from declared import CATALOG, Declared, a_task
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_workflows import answered, workflows

from planners.agents import Catalog, Effect, Price
from planners.compensation import PREFIX, is_undo
from planners.validation.structure import broken_structure
from reconciler.simulation import Restart
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.limit_policy import asked
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus

INPUTS = {"seed": 7, "list": [3, 4]}
HISTORIES = int(os.environ.get("FORERUN_LAW_HISTORIES", "100"))
MOST_ANSWERS = 60
PRICED = Catalog(agents=tuple(one.model_copy(update={"price": Price(usd_per_call=1.0)}) for one in CATALOG.agents))
pytestmark = pytest.mark.timeout(120 + HISTORIES)


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


class Attended(Declared):
    """Whenever nothing goes on, a person answers: approvals, acts in doubt, limits."""

    def __post_init__(self):
        self._asked, self._limits = set(), 0
        super().__post_init__()

    def play(self):
        super().play()
        for _ in range(MOST_ANSWERS):
            if self.run.status.ended or not self._answer():
                break
            self.simulation.go_on()
        return self

    def _answer(self):
        run, at_s = self.run, self.run.at_s + 0.3
        asked_for = [one for one in map(run.attempts.__getitem__, run.attempts.live) if run.asks_somebody(one)]
        answers = [e.StepAnswered(at_s=0, attempt=one.id, approved=len(one.id) % 2 == 0) for one in asked_for]
        for doubted in run.in_doubt:
            happened = doubted.handoff is not None  # it has returned, and its output was lost
            # With another output than it has given, what reads it is other work, and is done once more.
            output = self.values[doubted.id] if happened else None
            answers.append(e.DoubtResolved(at_s=0, attempt=doubted.id, happened=happened, output=output))
        if asked(run):
            self._limits += 1
            more = {"budget_usd": 4.0 * self._limits, "deadline_s": run.at_s + 5.0, "replans": self._limits % 2 == 0}
            answers.append(e.LimitsAnswered(at_s=0, **(more if self._limits < 5 else {"action": "finish"})))
        for answer in answers:
            self.simulation.post(at_s, answer)
        return bool(answers)


moments = st.sampled_from([0.2, 0.7, 1.3, 2.1, 3.4])
losses = st.lists(
    st.one_of(
        st.tuples(moments, st.just(e.NodeLost(at_s=0, node="n1"))),
        st.tuples(moments, st.integers(1, 6).map(lambda n: e.OutputsLost(at_s=0, attempts=(f"t.{n}",)))),
        st.tuples(st.sampled_from([1.5, 6.0]), st.just(e.CancelRequested(at_s=0))),
        st.tuples(moments, st.just(e.LimitsAnswered(at_s=0, budget_usd=50.0, deadline_s=50.0, replans=True))),
    ),
    max_size=3,
)
limits = st.one_of(
    st.just({}),
    st.builds(
        lambda budget_usd, deadline_s, action: {
            "budget_usd": budget_usd,
            "deadline_s": deadline_s,
            "on_budget": action,
            "on_deadline": action,
        },
        st.sampled_from([2.0, 6.0, 100.0]),
        st.sampled_from([1.0, 3.0, 100.0]),
        st.sampled_from(["ask", "ask", "finish", "fail"]),
    ),
)


def what_is_promoted_is_planned(world):
    """Of a task that has succeeded, all that has finished and stages its output is out."""
    run = world.run
    out = {run.attempts[attempt].step.id for attempt in world.promoted}
    for step, state in run.steps.items():
        if state.status is StepStatus.FINISHED and state.attempt is not None:
            assert run.agent_of(run.attempts[state.attempt]).effect is not Effect.STAGEABLE or step in out, step
    assert not run.held


def what_was_done_is_undone(world):
    """Of a task that has not succeeded, except for what could not be undone."""
    run, attempts = world.run, world.run.attempts.values()
    did = {one.step.id for one in attempts if one.took_effect and one.step.compensate is not None}
    undone = [one.step.id for one in attempts if one.took_effect and is_undo(one.step.id)]
    failed = {*(() if run.undoing is None else run.undoing.failed), *run.facts.given_up}
    stopped = run.undoing is not None and run.undoing.stopped
    assert len(set(undone)) == len(undone)
    assert stopped or {PREFIX + step for step in did} <= {*undone, *failed}


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(
    workflows(order=True, effects=True, undo=True, times=True),
    st.tuples(st.sampled_from(["wait", "forerun"]), st.sampled_from([0.3, 2.0])),
    st.lists(st.sampled_from([0.1, 0.4, 0.9, 3.0]), min_size=1, max_size=7),
    limits,
    st.tuples(losses, st.lists(st.integers(1, 40), max_size=2).map(sorted)),
)
def test_every_run_ends_and_nothing_is_done_twice(steps, planning, seconds, limited, disturbed):
    (mode, plan_s), (lost, kills) = planning, disturbed
    task = a_task(steps, INPUTS, mode=mode, **limited)
    if list(broken_structure(task.workflow)):
        return
    world = Attended(
        task,
        output=answered(10),
        seconds=lambda _capability, _inputs, number: seconds[number % len(seconds)],
        plan_s=plan_s,
        faults=tuple(lost),
        catalog=PRICED,
        happened=False,
        restarts=tuple(Restart(after=after) for after in dict.fromkeys(kills)),
    ).play()

    assert world.run.status.ended, (world.run.status, steps)
    world.done_for_good()
    if world.run.status is RunStatus.SUCCEEDED:
        what_is_promoted_is_planned(world)
    else:
        what_was_done_is_undone(world)
