"""An answer to a callback is its message: one without an output is refused where null cannot be one."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.agents import Catalog
from planners.expansion import flatten
from planners.plans import PlanKind
from reconciler.errors import InvalidAnswer, UnknownStep
from reconciler.runtime.step_answers import answer_of
from reconciler.state import events as e

PAID = {"id": "paid", "callback": "the payment"}
COUNTED = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def typed(schema):
    agents = (agent.model_copy(update={"input_schema": schema}) for agent in CATALOG.agents)
    return Catalog(agents=tuple(agents))


def waiting(*more, catalog=CATALOG, outputs=None):
    """A run whose callback waits."""
    return Declared(a_task([PAID, *more], outputs=outputs), plan_s=0.1, catalog=catalog).play().run


def answer(run, **said):
    return answer_of(run, "paid", e.StepAnswered(at_s=0, attempt="", **said))


def test_an_answer_without_the_output_that_steps_read_is_refused():
    run = waiting(step("book", "say", inputs={"n": "$steps.paid.amount", "of": ["$steps.paid.to.name"]}))

    with pytest.raises(InvalidAnswer) as refused:
        answer(run, by="ada")

    assert refused.value.field == "output"
    assert "step 'book' reads $steps.paid.amount, step 'book' reads $steps.paid.to.name" in refused.value.message
    assert f"""forerun approve {run.id} paid --output '{{"amount": "...", "to": "..."}}'""" in refused.value.fix


def test_what_an_agent_takes_tells_whether_null_can_be_the_output():
    book = step("book", "say", inputs={"n": "$steps.paid"})
    nullable = {"type": "object", "properties": {"n": {"type": ["integer", "null"]}}}

    with pytest.raises(InvalidAnswer, match="step 'book' takes it as 'n', which is an integer"):
        answer(waiting(book, catalog=typed(COUNTED)))
    assert answer(waiting(book, catalog=typed(nullable))).output is None
    assert answer(waiting(book)).output is None


@pytest.mark.parametrize(
    ("steps", "outputs", "told"),
    [
        ([], {"amount": "$steps.paid.amount"}, "output 'amount' reads"),
        ([{"id": "each", "for_each": "$steps.paid", "steps": [step("one")]}], None, "'each' depends on it"),
    ],
    ids=["an output of the task", "a fan-out"],
)
def test_whatever_reads_the_output_is_named(steps, outputs, told):
    with pytest.raises(InvalidAnswer, match=told):
        answer(waiting(*steps, outputs=outputs))


def test_a_callback_that_nothing_reads_needs_no_output():
    assert answer(waiting(step("book", "say", after=["paid"]))).output is None


def test_null_that_was_sent_is_the_output():
    run = waiting(step("book", "say", inputs={"n": "$steps.paid.amount"}))

    assert answer(run, output=None).attempt == "t.1"


def test_a_message_that_comes_early_is_checked_too():
    book = step("book", inputs={"n": "$steps.paid.amount"})
    task = a_task([step("ask", inputs={"n": 1}), {**PAID, "after": ["ask"]}, book])
    world = Declared(task)
    run, plan = world.run, world.planned(flatten(task.plannable, task.values), PlanKind.OPTIMAL)
    for event in (e.RunStarted(at_s=0.0), e.OptimalPlanReady(at_s=0.1, plan=plan, epoch=1)):
        run.handle(event)

    with pytest.raises(InvalidAnswer, match="reads"):
        answer(run)
    assert answer(run, output={"amount": 1}).event == "answered_early"


def test_the_nearest_step_is_named_where_there_is_none():
    with pytest.raises(UnknownStep) as refused:
        answer_of(waiting(), "piad", e.StepAnswered(at_s=0, attempt=""))

    assert (refused.value.message, refused.value.fix) == ("the task has no step 'piad'", "did you mean 'paid'?")


def test_a_callback_cannot_be_rejected():
    """A rejection has no output, so it would be a message: null."""
    with pytest.raises(InvalidAnswer, match="cannot be rejected"):
        answer(waiting(), approved=False, comment="no")
