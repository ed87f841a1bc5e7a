"""What a step declares about failures: time limits, retries, and what its final failure means."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.policies import StepRetry
from planners.workflow import Step
from reconciler.state.commands import RunStatus
from reconciler.state.failure_policy import FailRun, RetryLater, Tries, after_failure
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus

AGENT = CATALOG.by_name["doer"]


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    monkeypatch.setattr(RunState, "validates", True)


def failure(kind=FailureKind.ERROR):
    return Failure(kind=kind, message="it broke")


def after(retry, tries, kind=FailureKind.ERROR):
    declared = Step(id="a", capability="do", retry=retry)
    return after_failure(AGENT, failure(kind), tries, 10.0, others=False, step=declared)


def test_forgotten_tries_neither_count_nor_refuse_for_a_like_step():
    tries = Tries()
    tries.record("work", failure(FailureKind.BAD_OUTPUT), 1.0)
    tries.record("other", failure(), 2.0)

    tries.forget("work")
    tries.forget("work that never failed")

    assert (tries.used("work"), tries.refusal("work"), tries.last("work")) == (0, "", None)
    assert tries.used("other") == 1


def test_the_retry_of_a_step_takes_the_place_of_its_agents():
    retry = StepRetry(max_attempts=4, backoff_s=1.0, factor=3.0, max_backoff_s=5.0)

    assert [after(retry, tries) for tries in (1, 2, 3, 4)] == [
        RetryLater(11.0),
        RetryLater(13.0),
        RetryLater(15.0),
        FailRun(),
    ]


def test_only_the_kinds_of_failure_that_are_named_are_retried():
    retry = StepRetry(max_attempts=5, on=("timeout",))

    assert isinstance(after(retry, 1, FailureKind.TIMEOUT), RetryLater)
    assert after(retry, 1, FailureKind.ERROR) == FailRun()


def test_jitter_shortens_pauses_and_is_the_same_in_a_replay():
    retry = StepRetry(max_attempts=5, backoff_s=8.0, jitter=0.5)

    assert 14.0 <= after(retry, 1).at_s <= 18.0
    assert after(retry, 1) == after(retry, 1)


def test_the_time_limit_of_a_step_takes_the_place_of_its_agents():
    world = Declared(a_task([step("a", timeout_s=7)], mode="wait")).play()

    assert [order.timeout_s for order in world.orders.values()] == [7]


def late(**policy):
    steps = [step("slow", inputs={"n": 1}, deadline_s=2, **policy), step("b", inputs={"n": 2})]
    return Declared(a_task(steps, mode="wait"), seconds=lambda _c, inputs, _n: 60.0 if inputs["n"] == 1 else 0.5).play()


def test_a_step_that_misses_its_deadline_has_failed():
    world = late()

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.message == "step 'slow' failed: it had not finished at its deadline of 2 s"
    assert world.run.at_s == 2.0


def test_a_step_that_misses_its_deadline_can_be_skipped():
    world = late(on_failure="skip")

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.run.at_s < 4.0
    assert world.run.steps["slow"].status is StepStatus.FAILED
    assert list(world.outputs) == ["b"]


def test_one_failing_branch_leaves_the_others_alone():
    steps = [
        step("a", inputs={"n": 1}, on_failure="skip"),
        step("a2", inputs={"n": "$steps.a"}),
        step("b", inputs={"n": 2}),
        step("b2", "say", inputs={"n": "$steps.b"}),
    ]

    def output(_capability, inputs, _number):
        return failure(FailureKind.BAD_INPUT) if inputs["n"] == 1 else inputs["n"]

    world = Declared(a_task(steps, mode="wait"), output=output).play()

    assert world.outputs == {"b2": 2}
    assert world.run.steps["a2"].cause == "step 'a' failed: it broke"


def test_the_longest_pause_without_progress_goes_with_the_order():
    world = Declared(a_task([step("a", inputs={"n": 1}, idle_s=30), step("b", "say", inputs={"n": 2})])).play()

    assert {order.step: order.idle_s for order in world.orders.values()} == {"a": 30.0, "b": None}
