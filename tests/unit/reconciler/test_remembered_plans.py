"""A shard remembers plans in its planning thread, and prepares the next guess before it is asked for."""

from types import SimpleNamespace

from planners.plans import Plan, PlanKind
from planners.tasks import Task
from reconciler.runtime.shard_resources import ShardResources

PLAN = Plan(kind=PlanKind.OPTIMAL)


class _Thread:
    """Does what it was asked to when the test says so."""

    def __init__(self):
        self.jobs = []

    def submit(self, job):
        self.jobs.append(job)

    def run(self):
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job()


class _Planning:
    def __init__(self):
        self.calls = []

    def remember(self, task, _plan):
        if task.name == "broken":
            raise ValueError("a plan that cannot be remembered")
        self.calls.append(task.name)

    def prepare(self):
        self.calls.append("prepared")


def _remember(shared, *names):
    for name in names:
        shared.remember(Task(name=name, goal="do it"), PLAN)


def _shared():
    thread, planning = _Thread(), _Planning()
    shared = ShardResources(SimpleNamespace(planning=planning), None, thread)
    return shared, thread, planning.calls


def test_the_next_guess_is_prepared_once_after_all_plans_that_wait():
    shared, thread, calls = _shared()

    _remember(shared, "a", "b")
    assert not calls  # nothing happens in the thread of the caller
    thread.run()
    _remember(shared, "c")
    thread.run()

    assert calls == ["a", "b", "prepared", "c", "prepared"]


def test_a_plan_that_cannot_be_remembered_is_logged_and_forgotten(caplog):
    shared, thread, calls = _shared()

    _remember(shared, "broken", "b")
    thread.run()

    assert calls == ["b", "prepared"]
    assert "could not be remembered" in caplog.text
