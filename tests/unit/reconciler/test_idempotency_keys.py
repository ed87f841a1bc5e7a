"""Idempotency keys: one key never stands for two pieces of work, whatever a crash makes the journal forget."""

from virtual_runs import ToldRun
from worlds import a_run, planned

from planners.bindings import Value
from planners.model import StepId
from planners.plans import PlanKind
from planners.workflow import Step


def first_dispatch(capability, literal):
    step = Step(id=StepId("a"), capability=capability, inputs={"k": Value(value=literal)})
    told = ToldRun(a_run())
    told.plan(1.0, planned([step], [f"{capability}-small"], ["n1"], PlanKind.OPTIMAL))
    return told.dispatched[0]


def test_an_attempt_id_that_a_crash_made_free_has_another_key_for_other_work():
    lost, again = first_dispatch("solve", 1), first_dispatch("solve", 2)

    assert lost.attempt == again.attempt
    assert lost.idempotency_key != again.idempotency_key


def test_an_attempt_that_is_dispatched_again_for_the_same_work_keeps_its_key():
    assert first_dispatch("solve", 1).idempotency_key == first_dispatch("solve", 1).idempotency_key


def test_the_key_of_an_irreversible_attempt_is_its_id():
    order = first_dispatch("write", 1)

    assert order.idempotency_key == order.attempt
