"""A run in the Trace Event Format: slices that nest or follow each other, named threads, waiting apart from working."""

import json
from collections import defaultdict
from itertools import pairwise

from runs import chain, finished, plan, speculating

from planners.tasks import AdmittedTask
from reconciler.state import events as e
from reconciler.views.projections import task_view, timeline
from reconciler.views.trace import run_trace


def traced(run) -> dict:
    view = task_view(AdmittedTask(id=run.id, task=run.task, submitted_at_s=0.0), run)
    return json.loads(run_trace(view, timeline(run)).model_dump_json(by_alias=True))


def a_run_with_two_steps():
    run, _ = speculating(chain("fetch", "solve"))
    run.handle(e.AttemptStarted(at_s=0.2, attempt="t.1", node="n1"))
    finished(run, "t.1", 0.7)
    run.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "solve"))))
    finished(run, "t.2", 1.5)
    return run


def test_attempts_are_slices_in_microseconds_with_what_is_known_of_them():
    slices = {event["name"]: event for event in traced(a_run_with_two_steps())["traceEvents"] if event["ph"] == "X"}

    assert (slices["a"]["ts"], slices["a"]["dur"]) == (200_000, 500_000)
    assert slices["a (waiting)"]["dur"] == 190_000
    assert slices["a"]["args"]["verdict"] == "commit"
    assert slices["a"]["args"]["P"] == 0.9
    assert slices["optimal planning"]["dur"] == 1_000_000


def test_every_thread_and_process_has_a_name_and_slices_of_one_thread_do_not_overlap():
    events = traced(a_run_with_two_steps())["traceEvents"]

    named = {(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"}
    by_thread = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            by_thread[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    assert set(by_thread) <= named
    for slices in by_thread.values():
        slices.sort()
        assert all(before[1] <= after[0] + 1 for before, after in pairwise(slices))


def test_a_run_that_has_not_started_has_a_trace():
    run, _ = speculating(chain("fetch"))

    assert traced(run)["traceEvents"]
