"""The context of a run: staged while attempts are guesses, the same with and without guesses, bounded, and shown."""

import pytest
from declared import Declared, a_task, step

from reconciler.journal.rows import event_row
from reconciler.runtime.stored_context import FINISHED_EVENTS, stored_context
from reconciler.simulation import Restart
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind, Handoff
from reconciler.state.outcomes import Verdict
from reconciler.views.context import context_of
from reconciler.views.projections import timeline

NOTES = [
    step("first", writes=["notes"]),
    step("second", inputs={"notes": "$context.notes"}, writes=["notes"]),
    step("last", inputs={"notes": "$context.notes", "told": "$handoffs.first.summary"}),
]


def noting(_capability, inputs, _number):
    """Each agent adds a note to those that it has read."""
    return Handoff(output=inputs, summary="brief", context={"notes": [*inputs.get("notes", []), len(inputs)]})


def versions(view):
    return [(one.key, one.version, one.step, one.value, one.staged) for one in view.versions]


def test_each_step_reads_what_was_written_before_it():
    world = Declared(a_task(NOTES), output=noting).play()

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.outputs["last"] == {"notes": [0, 1], "told": "brief"}


def test_what_speculative_attempts_write_is_staged_until_a_plan_confirms_them():
    seen = []
    world = Declared(a_task(NOTES), output=noting, plan_s=1.2)
    world.simulation.watch = lambda _now_s, _news: seen.append(versions(context_of(world.run)))
    world.play()

    assert [("notes", 1, "first", [0], True)] in seen
    assert any(len(one) == 2 and all(staged for *_, staged in one) for one in seen)
    assert versions(context_of(world.run)) == [
        ("notes", 1, "first", [0], False),
        ("notes", 2, "second", [0, 1], False),
    ]


def test_what_a_wrong_guess_has_written_is_not_part_of_the_context():
    steps = [
        step("q"),
        {
            "id": "way",
            "route": [{"when": "$steps.q == 'left'", "steps": [step("wrong", inputs={"k": 1}, writes=["notes"])]}],
            "else": [step("right", inputs={"k": 2}, writes=["notes"])],
        },
        step("last", inputs={"notes": "$context.notes"}),
    ]

    def output(_capability, inputs, _number):
        return Handoff(output=inputs or "right", context={"notes": inputs.get("k")})

    guessed = Declared(a_task(steps), output=output, imagined={"q": "left"}, plan_s=2.0).play()
    alone = Declared(a_task(steps, mode="wait"), output=output).play()

    assert {a.step.id: a.verdict for a in guessed.run.attempts.values()}["wrong"] is Verdict.FLUSH
    assert versions(context_of(guessed.run)) == [("notes", 1, "right", 2, False)]
    assert guessed.outputs == alone.outputs == {"way": {"k": 2}, "last": {"notes": 2}}


MODES = pytest.mark.parametrize("mode", ["wait", "forerun"])
LAST_TRIED = step("tried", inputs={"n": "bad and late"})
READ = step("read", "act", inputs={"n": "$context.notes"})


def played_with_failures(*steps, mode):
    """What has a bad number fails for good; each agent writes its number."""

    def output(_capability, inputs, _number):
        n = str(inputs.get("n"))
        if "bad" in n:
            return Failure(kind=FailureKind.BAD_INPUT, message=f"{n} fails")
        return Handoff(output=n, context={"notes": n})

    def seconds(_capability, inputs, _number):
        return 4.0 if "late" in str(inputs.get("n")) else 0.3

    return Declared(a_task(list(steps), mode=mode), output=output, seconds=seconds).play()


@MODES
def test_an_act_reads_a_key_once_it_is_known_that_no_fallback_writes_it(mode):
    """It used to act on the version before, and again on that of the fallback."""
    tried = {"id": "t", "after": ["first"], "try": [LAST_TRIED], "fallback": [step("other", "say", writes=["notes"])]}

    world = played_with_failures(step("first", inputs={"n": 1}, writes=["notes"]), tried, READ, mode=mode)

    assert world.run.status is RunStatus.SUCCEEDED
    assert world.done.count("read") == 1
    assert world.done.index("read") > world.done.index("other")


@MODES
def test_a_step_is_not_skipped_for_a_key_that_a_fallback_may_yet_write(mode):
    """What the first steps would have written, the fallback writes with like work: the reader keeps its work key."""
    note = step("note", inputs={"n": 2}, writes=["notes"])
    first = [step("odd", inputs={"n": "bad"}, on_failure="skip"), {**note, "after": ["odd"]}, LAST_TRIED]

    world = played_with_failures({"id": "t", "try": first, "fallback": [{**note, "id": "other"}]}, READ, mode=mode)

    assert world.outputs == {"t": "2", "read": "2"}


@MODES
def test_a_step_reads_the_version_before_a_fallback_that_did_not_run(mode):
    tried = {"id": "t", "after": ["first"], "try": [step("tried", inputs={"n": "late"})]}
    fallback = [step("other", writes=["notes"])]

    steps = [step("first", inputs={"n": 1}, writes=["notes"]), {**tried, "fallback": fallback}, READ]

    assert played_with_failures(*steps, mode=mode).outputs == {"t": "late", "read": "1"}


def test_the_context_survives_restarts():
    restarts = tuple(Restart(after=after) for after in range(2, 12))

    world = Declared(a_task(NOTES), output=noting, restarts=restarts).play()

    assert world.outputs["last"] == {"notes": [0, 1], "told": "brief"}


def test_a_loop_goes_on_until_the_context_says_so():
    loop = {
        "id": "rounds",
        "loop": [step("turn", inputs={"notes": "$context.notes"}, writes=["notes"])],
        "until": "$context.notes.size() >= 4",
        "max": 10,
    }

    world = Declared(a_task([NOTES[0], loop], outputs={"notes": "$context.notes"}), output=noting).play()

    assert world.outputs == {"notes": [0, 1, 1, 1]}


def test_a_task_that_adds_too_much_fails():
    world = Declared(a_task(NOTES, context_bytes=20), output=noting).play()

    assert world.run.status is RunStatus.FAILED
    assert world.run.end.failure.kind is FailureKind.LIMIT
    assert (
        world.run.end.failure.message == "its steps have added 28 bytes to the context, and limits.context_bytes is 20"
    )


def test_a_handoff_without_what_its_step_writes_fails_what_reads_it():
    world = Declared(a_task(NOTES), output=lambda *_: 1).play()

    assert world.run.status is RunStatus.FAILED
    assert "'second'" in world.run.end.failure.message
    assert "no 'notes' at $context" in world.run.end.failure.message


def test_a_run_that_has_ended_shows_the_same_context_from_its_journal():
    world = Declared(a_task(NOTES), output=noting).play()

    rows = [event_row(seq, event) for seq, event in enumerate(world.simulation.events, 1)]
    stored = stored_context(timeline(world.run), world.run.plan, [row for row in rows if row.kind in FINISHED_EVENTS])

    assert stored == context_of(world.run)


def test_an_output_that_was_lost_is_not_made_again_for_what_its_handoff_says():
    lost = e.OutputsLost(at_s=0, attempts=("t.1",))
    reads = [*NOTES[:2], step("last", inputs={"told": "$handoffs.first.summary"}, after=["second"])]
    whole = [*NOTES[:2], step("last", inputs={"all": "$steps.first"}, after=["second"])]

    def done(steps):
        world = Declared(a_task(steps, mode="wait"), output=noting, faults=((1.2, lost),)).play()
        assert world.run.status is RunStatus.SUCCEEDED
        return world.done

    assert done(reads) == ["first", "second", "last"]
    assert done(whole) == ["first", "second", "first", "last"]
