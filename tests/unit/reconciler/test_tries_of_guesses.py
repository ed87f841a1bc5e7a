"""An agent is tried as often, and as patiently, as it declares, whether or not its first attempt was speculative."""

import pytest
import worlds
from runs import SOON, chain, guess, plan, speculating
from virtual_runs import ToldRun, play
from worlds import CATALOG, a_run

from planners.agents import Catalog, Retry
from planners.tasks import Mode
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.failure_policy import MOST_LOST
from reconciler.state.handoff import Failure, FailureKind, Handoff

BROKE = Failure(kind=FailureKind.ERROR, message="it broke")


def when_the_small_agent_always_fails(mode, *, fails_after_s):
    """When each attempt of the small agent was dispatched; the plan arrives at 3 s, the guess in no time."""
    tried_s = []
    work = chain("fetch")

    def answer(command, now_s):
        match command:
            case c.RequestPlan(epoch=1):
                guessed = e.SpeculativePlanReady(at_s=now_s, plan=guess(work), conditions=SOON)
                truth = e.OptimalPlanReady(at_s=3.0, plan=plan(work))
                return [guessed, truth] if mode is Mode.FORERUN else [truth]
            case c.RequestPlan(epoch=epoch):
                return [e.OptimalPlanReady(at_s=now_s + 1, plan=plan(work, agent="large"), epoch=epoch)]
            case c.Dispatch(agent="fetch-small", attempt=attempt):
                tried_s.append(now_s)
                return [e.AttemptFailed(at_s=now_s + fails_after_s, attempt=attempt, failure=BROKE)]
            case c.Dispatch(attempt=attempt):
                return [e.AttemptFinished(at_s=now_s + 1, attempt=attempt, handoff=Handoff(), seconds=1)]
            case c.WakeAt(at_s=at_s):
                return [e.TimePassed(at_s=at_s)]
            case _:
                return []

    play(a_run(mode), answer)
    return tried_s


@pytest.mark.parametrize("mode", [Mode.WAIT, Mode.FORERUN])
def test_an_agent_is_tried_as_often_as_it_declares(mode):
    assert len(when_the_small_agent_always_fails(mode, fails_after_s=0.5)) == 3


def test_the_pause_after_a_failed_guess_is_that_of_its_agent():
    first_s, second_s, *_ = when_the_small_agent_always_fails(Mode.FORERUN, fails_after_s=2.99)

    assert second_s - (first_s + 2.99) == pytest.approx(0.1)


def test_a_guess_that_used_up_the_only_try_is_planned_around_at_once(monkeypatch):
    retry = Retry(max_attempts=1)
    once = Catalog(agents=tuple(one.model_copy(update={"retry": retry}) for one in CATALOG.agents))
    monkeypatch.setattr(worlds, "CATALOG", once)
    told = ToldRun(a_run())
    told.tell(e.SpeculativePlanReady(at_s=0.01, plan=guess(chain("fetch")), conditions=SOON))
    told.tell(e.AttemptFailed(at_s=0.5, attempt="t.1", failure=BROKE))

    told.plan(1.0, plan(chain("fetch")))

    assert [command.attempt for command in told.dispatched] == ["t.1"]
    assert told.asked[-1].without_agents == ("fetch-small",)


def test_failures_that_do_not_count_use_up_no_try_but_not_for_ever():
    told = ToldRun(a_run(Mode.WAIT))
    told.plan(1.0, plan(chain("fetch")))
    restarted = Failure(kind=FailureKind.WORKER_LOST, message="the service was restarted", counts=False)

    for number in range(1, MOST_LOST + 1):
        told.tell(e.AttemptFailed(at_s=1.0 + number, attempt=f"t.{number}", failure=restarted))
        assert len(told.dispatched) == number + 1

    for number in range(MOST_LOST + 1, MOST_LOST + 4):
        told.tell(e.AttemptFailed(at_s=100.0 * number, attempt=f"t.{number}", failure=restarted))
        told.tell(e.TimePassed(at_s=100.0 * number + 50))
    assert told.asked[-1].reason is c.PlanReason.AGENT_FAILED


def test_a_guess_that_made_room_for_confirmed_work_runs_again_at_once_if_the_plan_holds_it():
    steps = chain("fetch")
    run, _ = speculating(steps)
    made_room = Failure(kind=FailureKind.WORKER_LOST, message="it made room", counts=False)
    run.handle(e.AttemptFailed(at_s=0.2, attempt="t.1", failure=made_room, seconds=0.1))

    commands = run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(steps)))

    assert [command.attempt for command in commands if isinstance(command, c.Dispatch)] == ["t.2"]
