"""The sums of a task's view, kept event by event, equal sums over all attempts, and its counts add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import CATALOG, World, a_run, guesses, plans

from planners.model import TaskId
from planners.tasks import AdmittedTask
from reconciler.views.projections import task_view
from reconciler.views.totals import AttemptTotals


@st.composite
def worlds(draw):
    truth = draw(plans())
    broken = draw(st.sets(st.integers(1, 12), max_size=4))
    return World(
        run=a_run(),
        truth=truth,
        guess=draw(st.one_of(st.none(), guesses(truth))),
        plan_s=draw(st.floats(0.001, 4.0)),
        prefixes=draw(st.integers(0, 3)),
        fails=lambda number: number in broken,
    )


@given(worlds())
def test_sums_kept_event_by_event_equal_sums_over_all_attempts(world):
    world.play()
    run, totals = a_run(), AttemptTotals(CATALOG)
    admitted = AdmittedTask(id=TaskId("t"), task=run.task, submitted_at_s=0.0)

    for event in world.events:
        run.handle(event)
        totals.update(run.changed)

        fresh = AttemptTotals(CATALOG, run.attempts.values())
        assert totals.sums == pytest.approx(fresh.sums)
        assert totals.first_dispatch_s == fresh.first_dispatch_s
        counts = task_view(admitted, run, totals=totals).steps
        if run.plan is not None:
            assert counts.waiting + counts.running + counts.finished + counts.in_doubt == counts.total
