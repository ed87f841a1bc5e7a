"""A task that reaches its budget or its deadline may finish with what is there, or ask a person."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.agents import Catalog, Price
from reconciler.errors import InvalidLimits, NotAsked
from reconciler.runtime.limit_answers import check_limits_answer
from reconciler.runtime.parking import only_waits
from reconciler.simulation import Restart
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import FailureKind
from reconciler.state.run import RunState
from reconciler.state.waiting import WaitKind
from reconciler.views.limits import limits_view

DOLLAR = Catalog(agents=tuple(agent.model_copy(update={"price": Price(usd_per_call=1.0)}) for agent in CATALOG.agents))


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def said(at_s, action="raise", **values):
    return at_s, e.LimitsAnswered(at_s=0, action=action, **values)


def chain(*faults, catalog=DOLLAR, restarts=(), seconds=10.0, mode="wait", **limits):
    """Four steps of ten seconds and a dollar, one after the other."""
    steps = [step(f"s{n}", inputs={"n": n}, after=[f"s{n - 1}"] if n else []) for n in range(4)]
    task = a_task(steps, mode=mode, **limits)
    return Declared(task, catalog=catalog, faults=faults, restarts=restarts, seconds=lambda *_: seconds).play()


def asked(run):
    view = limits_view(run)
    return [(one.limit, one.steps) for one in view.asked]


def test_a_task_that_would_exceed_its_budget_waits_for_a_person():
    world = chain(budget_usd=2.0, on_budget="ask")

    assert world.run.status is RunStatus.RUNNING
    assert world.done == ["s0", "s1"]
    assert asked(world.run) == [("budget_usd", ("s2",))]
    reason = world.run.waiting("s2")
    assert reason.kind is WaitKind.TASK_LIMIT
    assert reason.message == "held: step 's2' would cost $1.00, and $2.00 of the budget of $2.00 are spent or reserved"


def test_a_run_that_only_waits_for_an_answer_about_its_limits_is_left_to_the_journal():
    assert only_waits(chain(budget_usd=2.0, on_budget="ask").run)


def test_a_raised_budget_lets_the_task_go_on():
    world = chain(said(500.0, budget_usd=4.0, by="ada"), budget_usd=2.0, on_budget="ask")

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.done == ["s0", "s1", "s2", "s3"]
    assert world.run.at_s > 500.0
    view = limits_view(world.run)
    assert (view.budget_usd, view.asked) == (4.0, ())
    assert [(one.by, one.budget_usd) for one in view.answers] == [("ada", 4.0)]


def test_a_budget_that_is_raised_by_too_little_is_asked_about_again():
    world = chain(said(500.0, budget_usd=3.0), budget_usd=2.0, on_budget="ask")

    assert world.done == ["s0", "s1", "s2"]
    assert asked(world.run) == [("budget_usd", ("s3",))]


class Frugal(Declared):
    """A planner that chooses the better of two agents where the budget suffices for both steps that are left."""

    def planned(self, flat, kind, node="n1"):
        first, *others = self.catalog.agents
        others.sort(key=lambda agent: agent.name == "doer", reverse=self.run.task.limits.budget_usd < 7.0)
        self.catalog = Catalog(agents=(first, *others))
        return super().planned(flat, kind, node)


def frugal(*faults, restarts=(), **limits):
    dear = DOLLAR.by_name["doer"].model_copy(update={"name": "better", "price": Price(usd_per_call=3.0)})
    catalog = Catalog(agents=(DOLLAR.by_name["sayer"], DOLLAR.by_name["doer"], dear))
    steps = [step("s0", "say"), step("s1", after=["s0"]), step("s2", after=["s1"])]
    task = a_task(steps, mode="wait", **limits)
    world = Frugal(task, catalog=catalog, faults=faults, restarts=restarts, seconds=lambda *_: 10.0).play()
    assert world.run.status is RunStatus.SUCCEEDED
    return [attempt.placement.agent for attempt in world.run.attempts.values()]


@pytest.mark.parametrize("after", [None, *range(4, 16, 2)])
def test_what_has_not_begun_is_planned_anew_within_raised_limits(after):
    restarts = () if after is None else (Restart(after=after),)

    agents = frugal(said(500.0, budget_usd=20.0, replans=True), budget_usd=1.0, on_budget="ask", restarts=restarts)

    assert agents[0] == "sayer"
    assert agents[-2:] == ["better", "better"]


def test_limits_may_be_raised_before_they_are_reached():
    agents = frugal(said(5.0, budget_usd=9.0, replans=True), budget_usd=3.0, on_budget="ask")

    assert agents == ["sayer", "better", "better"]


def test_journals_of_earlier_versions_hold_no_plan_after_a_raised_limit():
    assert frugal(said(500.0, budget_usd=9.0), budget_usd=1.0, on_budget="ask") == ["sayer", "doer", "doer"]


def test_steps_that_still_fit_run_while_a_person_is_asked():
    agents = [*DOLLAR.agents, CATALOG.by_name["sayer"].model_copy(update={"name": "free", "capability": "talk"})]
    steps = [step("dear", inputs={"n": 1}), step("free", "talk", inputs={"n": 2})]
    task = a_task(steps, mode="wait", budget_usd=0.5, on_budget="ask")

    world = Declared(task, catalog=Catalog(agents=tuple(agents))).play()

    assert world.done == ["free"]
    assert asked(world.run) == [("budget_usd", ("dear",))]


def test_a_person_may_end_the_task_with_what_is_there_or_let_it_fail():
    finished = chain(said(500.0, "finish"), budget_usd=2.0, on_budget="ask")
    failed = chain(said(500.0, "fail", by="ada", comment="too dear"), budget_usd=2.0, on_budget="ask")

    assert finished.run.status is RunStatus.SUCCEEDED
    assert sorted(finished.outputs) == []
    assert list(finished.run.facts.given_up) == ["s2"]
    assert failed.run.status is RunStatus.FAILED
    assert failed.run.end.failure.kind is FailureKind.LIMIT
    assert failed.run.end.failure.message.endswith("the task was ended by ada: too dear")


@pytest.mark.parametrize("after", [3, 6, 9, 12])
def test_a_question_and_its_answer_survive_restarts(after):
    # An attempt that a restart cuts off has cost its dollar.
    world = chain(said(500.0, budget_usd=5.0), budget_usd=2.0, on_budget="ask", restarts=[Restart(after=after)])

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.run.task.limits.budget_usd == 5.0


def test_at_the_deadline_what_runs_goes_on_and_nothing_more_starts_until_it_is_raised():
    open_ = chain(deadline_s=15.0, on_deadline="ask")
    raised = chain(said(500.0, deadline_s=1_000.0), deadline_s=15.0, on_deadline="ask")

    assert open_.run.status is RunStatus.RUNNING
    assert open_.done == ["s0", "s1"]
    assert open_.run.attempts["t.2"].finished
    assert asked(open_.run) == [("deadline_s", ("s2",))]
    assert raised.run.status is RunStatus.SUCCEEDED
    assert raised.run.at_s > 500.0


def test_a_raised_deadline_passes_too():
    world = chain(said(100.0, deadline_s=105.0), deadline_s=15.0, on_deadline="ask")

    assert world.done == ["s0", "s1", "s2"]
    assert asked(world.run) == [("deadline_s", ("s3",))]


def test_a_task_that_ends_while_it_is_asked_about_its_deadline_succeeds():
    world = chain(deadline_s=35.0, on_deadline="ask")

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.run.at_s > 35.0


def test_a_task_may_stop_at_its_deadline_and_return_what_is_there():
    steps = [
        step("quick", inputs={"n": 1}),
        step("slow", "say", inputs={"n": 2}),
        step("after", inputs={"of": "$steps.slow"}),
    ]
    task = a_task(steps, mode="wait", deadline_s=15.0, on_deadline="finish")

    world = Declared(task, seconds=lambda capability, *_: 100.0 if capability == "say" else 5.0).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert 15.0 <= world.run.at_s < 17.0
    assert sorted(world.outputs) == ["quick"]
    assert dict(world.run.facts.given_up) == {"slow": "the deadline of 15 s had passed before step 'slow' had finished"}
    assert world.done == ["quick", "slow"]


def test_a_fan_out_that_is_stopped_at_the_deadline_returns_the_elements_that_are_there():
    block = {
        "id": "each",
        "for_each": "$inputs.items",
        "steps": [step("do", inputs={"item": "$item"})],
        "min_successful": 1,
    }
    limits = {"deadline_s": 15.0, "on_deadline": "finish"}
    task = a_task([block], {"items": [1, 2, 3]}, mode="wait", outputs={"all": "$steps.each"}, **limits)

    def seconds(_capability, inputs, _number):
        return 10.0 * inputs["item"]

    world = Declared(task, seconds=seconds, output=lambda _capability, inputs, _number: inputs["item"]).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"all": [1]}


def test_an_act_that_runs_at_the_deadline_is_not_cut_off():
    task = a_task([step("act", "act", inputs={"n": 1})], mode="wait", deadline_s=5.0, on_deadline="finish")

    world = Declared(task, seconds=lambda *_: 10.0).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.run.attempts["t.1"].finished


def test_without_a_plan_at_the_deadline_there_is_nothing_to_return():
    world = Declared(a_task([step("a")], mode="wait", deadline_s=5.0, on_deadline="finish"), plan_s=60.0).play()

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.message == "the deadline of 5 s had passed before there was a plan"


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"budget_usd": 1.5}, "budget_usd"),
        ({"budget_tokens": 10}, "budget_tokens"),
        ({"deadline_s": 400.0}, "deadline_s"),
    ],
)
def test_an_answer_that_raises_nothing_is_refused(answer, field):
    run = chain(budget_usd=2.0, on_budget="ask", deadline_s=300.0, on_deadline="ask").run

    with pytest.raises(InvalidLimits) as caught:
        check_limits_answer(run, e.LimitsAnswered(at_s=0, **answer), now_s=450.0)

    assert caught.value.field == field


def test_a_task_that_does_not_ask_is_not_ended_by_an_answer():
    run = chain(budget_usd=2.0, on_budget="ask").run
    ended = chain(budget_usd=4.0, on_budget="ask").run
    asks_nothing = Declared(a_task([{"id": "sign", "approval": "?"}], budget_usd=4.0, on_budget="ask")).play().run

    check_limits_answer(run, e.LimitsAnswered(at_s=0, action="finish"), now_s=450.0)
    with pytest.raises(NotAsked):
        check_limits_answer(ended, e.LimitsAnswered(at_s=0, budget_usd=9.0), now_s=450.0)
    with pytest.raises(NotAsked):
        check_limits_answer(asks_nothing, e.LimitsAnswered(at_s=0, action="finish"), now_s=450.0)
    check_limits_answer(asks_nothing, e.LimitsAnswered(at_s=0, budget_usd=9.0), now_s=450.0)


def test_nothing_is_guessed_past_the_deadline():
    world = chain(deadline_s=15.0, on_deadline="ask", mode="forerun")

    late = [one for one in world.run.attempts.values() if one.dispatched_s > 15.0]
    assert late == []
