"""Runs with routes: the branch that is taken runs, the others are skipped, and guesses at the way may be wrong."""

from declared import Declared, a_task, step

from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Verdict
from reconciler.state.step_state import StepStatus

TRIAGE = [
    step("classify"),
    {
        "id": "answer",
        "route": [{"when": "$steps.classify == 'refund'", "steps": [step("refund", "say", inputs={"k": 1})]}],
        "else": [step("ask", "say", inputs={"k": 2})],
    },
    step("send", "act", inputs={"text": "$steps.answer"}),
]


def labelled(label):
    def output(capability, inputs, _number):
        return label if not inputs else f"{capability} {inputs}"

    return output


def test_only_the_steps_of_the_way_that_is_taken_run():
    world = Declared(a_task(TRIAGE), output=labelled("refund")).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.done == ["classify", "refund", "send"]
    assert world.run.steps["ask"].status is StepStatus.SKIPPED
    assert world.run.steps["ask"].cause == "the route 'answer' takes another way"


def test_the_steps_of_the_way_start_while_the_plan_with_them_is_being_made():
    forerun = Declared(a_task(TRIAGE), output=labelled("refund")).play()
    waited = Declared(a_task(TRIAGE, mode="wait"), output=labelled("refund")).play()

    refund = next(a for a in forerun.run.attempts.values() if a.step.id == "refund")
    assert refund.began_speculative
    assert refund.verdict is Verdict.COMMIT
    assert forerun.outputs == waited.outputs
    assert forerun.run.at_s < waited.run.at_s


def test_a_way_that_was_guessed_wrong_is_flushed_and_changes_nothing():
    world = Declared(a_task(TRIAGE), output=labelled("praise"), imagined={"classify": "refund"}).play()
    alone = Declared(a_task(TRIAGE, mode="wait"), output=labelled("praise")).play()

    verdicts = {a.step.id: a.verdict for a in world.run.attempts.values()}
    assert verdicts["refund"] is Verdict.FLUSH
    assert world.outputs == alone.outputs
    assert world.run.steps["refund"].status is StepStatus.SKIPPED


def test_a_condition_without_a_value_fails_the_run_and_is_named():
    steps = [TRIAGE[0], {"id": "way", "route": [{"when": "$steps.classify.label == 1", "steps": [step("more")]}]}]

    world = Declared(a_task(steps), output=labelled("refund")).play()

    assert world.run.status is RunStatus.FAILED
    assert "'$steps.classify.label == 1' has no value" in world.run.end.failure.message


def test_a_task_whose_output_is_skipped_succeeds_without_it():
    steps = [TRIAGE[0], {"id": "way", "route": [{"when": "$steps.classify == 1", "steps": [step("more")]}]}]

    world = Declared(a_task(steps), output=labelled("refund")).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {}
    assert world.run.steps.unfinished == 0
