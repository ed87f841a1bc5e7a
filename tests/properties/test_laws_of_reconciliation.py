"""The laws of DESIGN section 6, over random plans, guesses and orders of events."""

from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import CATALOG, INPUTS, World, a_run, alone, guesses, plans

from planners.agents import Effect
from planners.tasks import Interchange, Mode
from planners.work_keys import InputDigests
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.attempts import AttemptStatus
from reconciler.state.matching import reconcile
from reconciler.state.outcomes import Verdict


@st.composite
def worlds(draw, *, modes=tuple(set(Mode) - {Mode.ORACLE}), interchange=Interchange.EXACT, failing=False):
    truth = draw(plans())
    guess = draw(st.one_of(st.none(), guesses(truth)))
    lengths = draw(st.lists(st.floats(0.01, 3.0), min_size=6, max_size=6))
    broken = draw(st.sets(st.integers(1, 12), max_size=4)) if failing else set()
    return World(
        run=a_run(draw(st.sampled_from(sorted(modes))), interchange=interchange),
        truth=truth,
        guess=guess,
        alternatives=tuple(draw(st.lists(guesses(truth), max_size=2))),
        guess_s=draw(st.floats(0.001, 2.0)),
        plan_s=draw(st.floats(0.001, 4.0)),
        prefixes=draw(st.integers(0, 3)),
        seconds=lambda number: lengths[number % 6],
        fails=lambda number: number in broken,
    )


@given(worlds())
def test_the_result_equals_that_of_running_the_optimal_plan_alone(world):
    end = world.play()

    assert end.status is c.RunStatus.SUCCEEDED
    assert {name: world.value(source) for name, source in end.outputs.items()} == alone(world.truth)


@given(worlds(failing=True, interchange=Interchange.INTERCHANGEABLE))
def test_every_order_of_events_ends_the_run(world):
    assert world.play() is not None
    assert world.run.status.ended
    assert not [attempt for attempt in world.run.attempts.values() if attempt.live]


@given(worlds(failing=True))
def test_nothing_irreversible_runs_before_an_optimal_plan_contains_it_nor_twice(world):
    world.play()

    orders = [order for order in world.orders.values() if order.effect is Effect.IRREVERSIBLE]
    assert not [order for order in orders if order.speculative]
    assert len({order.work_key for order in orders}) == len(orders)


@given(worlds(failing=True))
def test_nothing_finished_is_cancelled(world):
    world.play()

    flushed = [attempt for command in world.commands if isinstance(command, c.Flush) for attempt in command.attempts]
    assert all(world.run.attempts[attempt].status is AttemptStatus.FLUSHED for attempt in flushed)
    assert len(set(flushed)) == len(flushed)


@given(worlds(failing=True))
def test_after_its_end_a_run_returns_no_commands(world):
    world.play()

    attempts = [e.NodeLost(at_s=99, node="n1"), e.TimePassed(at_s=99), e.CancelRequested(at_s=99)]
    assert [world.run.handle(event) for event in attempts] == [[], [], []]


@given(worlds(failing=True))
def test_a_late_result_of_a_flushed_attempt_changes_nothing(world):
    """In this world every cancel is lost, so results of flushed attempts arrive while the run continues."""
    handle = world.run.handle

    def checked(event):
        attempt = world.run.attempts.get(getattr(event, "attempt", None))
        inert = attempt is not None and attempt.status is AttemptStatus.FLUSHED
        before = dict(world.run.attempts)
        commands = handle(event)
        if inert and not any(isinstance(command, c.Dispatch | c.EndRun) for command in commands):
            assert dict(world.run.attempts) == before
        assert not inert or world.run.attempts[attempt.id] == attempt
        return commands

    world.run.handle = checked
    world.play()


@given(worlds())
def test_reconciling_a_plan_with_itself_does_nothing(world):
    world.play()
    run = world.run

    found = reconcile(run.progress, world.truth, run.task, CATALOG, InputDigests(INPUTS))

    assert found.verdicts == {}
    assert found.missing == found.flushed == []
    assert found.migrated == {}
    assert found.adopted.keys() == {planned.id for planned in world.truth.steps}


@given(worlds(interchange=Interchange.INTERCHANGEABLE), st.data())
def test_committed_and_salvaged_and_dispatched_make_up_the_new_plan(world, data):
    world.play()
    run = world.run
    plan = data.draw(plans())

    found = reconcile(run.progress, plan, run.task, CATALOG, InputDigests(INPUTS))

    covered = [*found.adopted, *found.missing]
    assert sorted(covered) == sorted(planned.id for planned in plan.steps)
    assert len(set(found.adopted.values())) == len(found.adopted)
    assert set(found.migrated) <= set(found.missing)
    assert all(found.verdicts[attempt] is Verdict.FLUSH for attempt in found.flushed)
    assert not set(found.flushed) & set(found.adopted.values())


@given(worlds(failing=True))
@settings(max_examples=50)
def test_folding_the_same_events_gives_the_same_run(world):
    events = []
    handle = world.run.handle
    world.run.handle = lambda event: (events.append(event), handle(event))[1]
    world.play()

    again = a_run(world.run.task.planning.mode)
    commands = [command for event in events for command in again.handle(event)]

    assert commands == world.commands
    assert again.attempts == world.run.attempts


@given(worlds(modes={Mode.FORERUN}))
def test_an_attempt_is_learned_from_exactly_once(world):
    world.play()

    outcomes = [command.outcome for command in world.commands if isinstance(command, c.Learn)]
    learned = [outcome.attempt for outcome in outcomes if outcome.dispatched]
    assert sorted(learned) == sorted(world.run.attempts)
    refused = [outcome.attempt for outcome in outcomes if not outcome.dispatched]
    assert len(set(refused)) == len(refused)


@given(worlds(modes={Mode.FORERUN}, failing=True))
def test_no_attempt_saved_more_than_its_lead_over_its_confirmation(world):
    """An attempt whose work was not used saved nothing."""
    world.play()

    for outcome in (command.outcome for command in world.commands if isinstance(command, c.Learn)):
        attempt = world.run.attempts.get(outcome.attempt)
        if attempt is None or not attempt.began_speculative:
            continue
        ahead_s = 0.0 if attempt.confirmed_s is None else attempt.confirmed_s - attempt.dispatched_s
        assert 0 <= outcome.realised_s <= ahead_s + 1e-6
        assert outcome.realised_s == 0 or outcome.verdict.survives
