"""Runs with routes: the branch that is taken runs, the others are skipped, and guesses at the way may be wrong."""

import pytest
from declared import CATALOG, Declared, a_task, step

from planners.validation import flaws
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, Handoff
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


UNSURE = [
    step("draft", on_failure="skip"),
    {
        "id": "answer",
        "route": [
            {"when": "$handoffs.draft.status == 'failed'", "steps": [step("apologise", "say", inputs={"k": 1})]},
            {"when": "$handoffs.draft.confidence < 0.7", "steps": [step("ask", "say", inputs={"k": 2})]},
        ],
        "else": [step("send", "say", inputs={"k": "$steps.draft"})],
    },
]


@pytest.mark.parametrize("mode", ["wait", "forerun"])
@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (Handoff(output="x", confidence=0.4), "ask"),
        (Handoff(output="x", confidence=0.9), "send"),
        (Failure(kind="bad_input", message="bad"), "apologise"),
    ],
    ids=["unsure", "sure", "failed"],
)
def test_a_route_reads_how_a_step_ended_and_how_sure_its_agent_is(answer, taken, mode):
    world = Declared(a_task(UNSURE, mode=mode), output=lambda kind, *_: answer if kind == "do" else "said").play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs == {"answer": "said"}
    assert world.run.steps[taken].status is StepStatus.FINISHED


def test_a_loop_goes_on_until_its_agent_is_sure():
    loop = {"id": "think", "loop": [step("once", inputs={"turn": "$state.turn"})], "max": 9}
    loop["until"] = "$handoffs.once.confidence >= 0.8"

    def output(_capability, inputs, _number):
        return Handoff(output=inputs["turn"], confidence=0.3 + inputs["turn"] / 4)

    world = Declared(a_task([loop]), output=output).play()

    assert world.outputs == {"think": 2}


def test_what_a_handoff_does_not_tell_is_refused():
    wrong = [{"id": "way", "route": [{"when": "$handoffs.a.mood == 'good'", "steps": [step("b")]}]}]

    (flaw,) = flaws(a_task([step("a"), *wrong]), CATALOG)

    assert flaw.message == "$handoffs.a has no 'mood' at the top"
    assert flaw.field == "workflow.steps.way.route.0.when"
