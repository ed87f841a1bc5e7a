"""The contract of the journal, on SQLite and on PostgreSQL."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, update
from sqlalchemy.exc import IntegrityError

from planners.model import TaskId
from planners.tasks import AdmittedTask, Task
from planners.workflow import Step, Workflow
from reconciler.errors import IdempotencyConflict, Superseded
from reconciler.journal import EventRow, Journal
from reconciler.journal.ownership import claimed
from reconciler.journal.schema import OUTCOMES, TASKS
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Outcome, Verdict
from reconciler.views.models import PlansView, TaskFilter, TaskView, Timeline


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def journal(url, request):
    # Each test has a shard of its own, as they may share a database.
    opened = Journal(url, shard=abs(hash(request.node.name)) % 1_000_000)
    yield opened
    opened.close()


@pytest.fixture
def task_id(request):
    return TaskId(f"t-{request.node.name}")


def admitted(task_id, key=None, capability="greet", at_s=1.0):
    task = Task(workflow=Workflow(steps=(Step(id="a", capability=capability),)))
    return AdmittedTask(id=task_id, task=task, submitted_at_s=at_s, idempotency_key=key)


def outcome(task_id):
    return Outcome(
        task=task_id,
        task_kind="k",
        attempt=f"{task_id}.1",
        step="a",
        capability="greet",
        agent="greeter",
        node="n1",
        speculative=False,
        verdict=Verdict.COMMIT,
        succeeded=True,
        seconds=1.0,
        expected_s=1.0,
    )


def line(seq, kind="time_passed", **data):
    return EventRow(seq, seq / 10, kind, json.dumps(data))


def test_an_admitted_task_is_found_by_another_connection_once_it_is_durable(journal, url, task_id):
    journal.admit(admitted(task_id)).result(5)

    other = Journal(url)
    assert other.admitted(task_id) == admitted(task_id)
    other.close()


def test_events_are_read_in_order_and_from_any_position(journal, task_id):
    journal.admit(admitted(task_id))
    journal.append(task_id, [line(1), line(2)])
    journal.append(task_id, [line(3, "run_ended", status="succeeded")]).result(5)

    assert [event.seq for event in journal.events(task_id)] == [1, 2, 3]
    assert journal.events(task_id, after=2) == [line(3, "run_ended", status="succeeded").parsed()]
    assert [event.seq for event in journal.events(task_id, kinds=("run_ended",))] == [3]


def test_a_repeated_idempotency_key_names_the_first_task_and_another_body_is_refused(journal, task_id):
    journal.admit(admitted(task_id, key=f"key-{task_id}")).result(5)
    again = admitted(TaskId(f"{task_id}-2"), key=f"key-{task_id}")

    assert journal.known_as(again) == task_id
    with pytest.raises(IdempotencyConflict):
        journal.known_as(admitted(TaskId(f"{task_id}-3"), key=f"key-{task_id}", capability="shout"))


def test_one_refused_append_does_not_fail_the_others_of_its_group(journal, task_id):
    journal.admit(admitted(task_id, key=f"key-{task_id}"))
    wrong = journal.admit(admitted(TaskId(f"{task_id}-2"), key=f"key-{task_id}"))
    right = journal.append(task_id, [line(1)])

    with pytest.raises(IntegrityError):
        wrong.result(5)
    right.result(5)
    assert len(journal.events(task_id)) == 1


def test_what_is_staged_is_kept_until_it_is_out_or_the_task_has_ended(journal, task_id):
    journal.admit(admitted(task_id))
    first, second, third = (f"{task_id}.{number}" for number in (1, 2, 3))
    journal.append(task_id, [line(1)], staged={first: {"page": b"\x00\xff", "ü": b""}, second: {}, third: {"x": b"3"}})
    journal.promoted(task_id, third, line(2, "effect_out", attempt=third)).result(5)

    assert journal.staged(task_id) == {first: {"page": b"\x00\xff", "ü": b""}, second: {}}
    assert [event.kind for event in journal.events(task_id)] == ["time_passed", "effect_out"]

    journal.end(TaskView(id=task_id, status=RunStatus.CANCELLED, submitted_at_s=1.0)).result(5)
    assert journal.staged(task_id) == {}


def test_an_ended_task_is_no_longer_unfinished_and_keeps_its_views(journal, task_id):
    journal.admit(admitted(task_id)).result(5)
    assert [task.id for task in journal.unfinished()] == [task_id]

    view = TaskView(id=task_id, status=RunStatus.SUCCEEDED, submitted_at_s=1.0, outputs={"a": 1})
    timeline, plans = Timeline(task=task_id, bars=(), ended_s=2.0), PlansView(task=task_id, similarity=0.5)
    journal.end(view, [line(1)], timeline=timeline.model_dump_json(), plans=plans.model_dump_json()).result(5)

    assert journal.unfinished() == []
    assert journal.view(task_id) == view
    assert journal.timeline(task_id) == timeline
    assert journal.plans_of(task_id) == plans
    assert [event.seq for event in journal.events(task_id)] == [1]


def test_tasks_that_end_in_one_commit_keep_what_is_their_own(journal, task_id):
    tasks = [TaskId(f"{task_id}-{number}") for number in range(3)]
    for number, task in enumerate(tasks):
        journal.admit(admitted(task))
        journal.append(task, [line(1)], staged={f"{task}.1": {"page": bytes([number])}})
    views = [
        TaskView(id=task, status=RunStatus.SUCCEEDED, submitted_at_s=1.0, outputs={"a": number})
        for number, task in enumerate(tasks[:2])
    ]
    ended = [journal.end(view, [line(2)], plans=PlansView(task=view.id).model_dump_json()) for view in views]
    for durable in (*ended, journal.beat(3.0)):
        durable.result(5)

    assert [journal.view(task) for task in tasks[:2]] == views
    assert [journal.plans_of(task).task for task in tasks[:2]] == tasks[:2]
    assert [task.id for task in journal.unfinished()] == tasks[2:]
    assert [journal.staged(task) for task in tasks] == [{}, {}, {f"{tasks[2]}.1": {"page": b"\x02"}}]


def test_pages_run_from_new_to_old_without_gaps(journal, task_id):
    ids = [TaskId(f"{task_id}-{number}") for number in range(5)]
    for each in ids:
        journal.admit(admitted(each)).result(5)

    first = journal.page(limit=2)
    second = journal.page(limit=9, before=first[-1].id)

    assert [view.id for view in (*first, *second)] == ids[::-1]
    assert journal.page(limit=9, where=TaskFilter(status=RunStatus.FAILED)) == []


def test_a_part_of_the_name_the_kind_or_the_id_finds_a_task(journal, task_id):
    named, other = admitted(task_id), TaskId(f"{task_id}-other")
    about = {"name": 'Spin, 100 % "fresh"', "kind": "briefing"}
    journal.admit(named.model_copy(update={"task": named.task.model_copy(update=about)})).result(5)
    journal.admit(admitted(other)).result(5)

    def found(text: str) -> list[TaskId]:
        return [view.id for view in journal.page(limit=9, where=TaskFilter(text=text))]

    assert found("SPIN, 100 % ") == found('"fresh') == found("brief") == [task_id]
    assert found("-other") == [other]
    assert found("Spin_ 100") == []


def test_a_label_finds_the_tasks_that_have_it(journal, task_id):
    labels = {task_id: {"team.example/owner": "ana's", "run": "7"}, TaskId(f"{task_id}-b"): {"run": "7"}}
    for each, given in labels.items():
        plain = admitted(each)
        journal.admit(plain.model_copy(update={"task": plain.task.model_copy(update={"labels": given})})).result(5)

    def found(**where: str) -> set[TaskId]:
        filtered = journal.page(limit=9, where=TaskFilter(labels={"run": "7"} | where))
        assert all(view.labels == labels[view.id] for view in filtered)
        return {view.id for view in filtered}

    assert found() == set(labels)
    assert found(**{"team.example/owner": "ana's"}) == {task_id}
    assert found(run="8") == found(other="") == set()


def test_an_unreadable_row_hides_no_other(journal, url, task_id):
    """Neither the list of tasks nor the start of the service fails because one row cannot be read."""
    sound, strange = TaskId(f"{task_id}-1"), TaskId(f"{task_id}-2")
    for each in (sound, strange):
        journal.admit(admitted(each)).result(5)
        journal.append(each, [], [outcome(each)]).result(5)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(update(TASKS).where(TASKS.c.id == strange).values(task='{"v": 2}'))
        connection.execute(update(OUTCOMES).where(OUTCOMES.c.task == strange).values(outcome='{"v": 2}'))
    engine.dispose()

    assert [view.id for view in journal.page(10)] == [strange, sound]
    assert [each.id for each in journal.unfinished()] == [sound]
    learned = [each.task for each in journal.outcomes(1000)]
    assert sound in learned
    assert strange not in learned


def test_a_changed_number_of_shards_redistributes_all_tasks(url, task_id):
    """In any order of starting, each shard gets its own tasks, including those of shards that no longer exist."""
    before = [Journal(url, shard=number) for number in (7_000_001, 7_000_002, 7_000_003)]
    for number, journal in enumerate(before):
        journal.admit(admitted(TaskId(f"{task_id}-{number}"))).result(5)
        journal.close()

    def shard_of(task):
        mine = task.startswith(task_id)
        return (7_000_001 + int(task[-1]) // 2) if mine else None

    after = [Journal(url, shard=number) for number in (7_000_002, 7_000_001)]
    moved = [journal.redistribute(shard_of) for journal in after]

    unfinished = {journal: [each.id for each in journal.unfinished()] for journal in after}
    assert unfinished[after[1]] == [f"{task_id}-0", f"{task_id}-1"]
    assert unfinished[after[0]] == [f"{task_id}-2"]
    assert sum(moved) == 2
    assert [journal.redistribute(shard_of) for journal in after] == [0, 0]
    for journal in after:
        journal.close()


def test_a_process_that_was_replaced_records_nothing_more(journal, url, task_id):
    journal.claim()
    journal.admit(admitted(task_id)).result(5)
    successor = Journal(url, journal._shard)
    successor.claim()

    late = journal.append(task_id, [line(1)])
    with pytest.raises(Superseded, match="another process has taken over shard"):
        late.result(5)
    with pytest.raises(Superseded):
        journal.beat(1.0).result(5)
    successor.append(task_id, [line(1, "from_the_successor")]).result(5)

    assert [event.kind for event in successor.events(task_id)] == ["from_the_successor"]
    successor.close()


def test_a_zero_byte_in_a_text_of_one_task_does_not_break_the_search_among_all(journal, task_id):
    """JSON may hold it, and PostgreSQL's documents may not."""
    texts = {"name": "a\0\0b\\\0", "kind": r"k\u0000", "labels": {"team": "x\0", "shift": "day"}}
    odd = admitted(task_id)
    odd = odd.model_copy(update={"task": odd.task.model_copy(update=texts)})
    journal.admit(odd).result(5)
    plain = admitted(TaskId(f"{task_id}-2"))
    plain = plain.model_copy(update={"task": plain.task.model_copy(update={"name": "plain", "labels": {"team": "y"}})})
    journal.admit(plain).result(5)

    assert [view.id for view in journal.page(10, where=TaskFilter(text="plain"))] == [plain.id]
    assert [view.id for view in journal.page(10, where=TaskFilter(labels={"team": "y"}))] == [plain.id]
    assert [view.id for view in journal.page(10, where=TaskFilter(labels={"shift": "day"}))] == [odd.id]
    assert [view.id for view in journal.page(10, where=TaskFilter(text=r"k\u0000"))] == [odd.id]
    assert {view.id for view in journal.page(10)} == {odd.id, plain.id}


def test_a_shard_that_does_not_exist_any_more_records_nothing_more(url, task_id):
    """A service with fewer shards has taken its tasks over, while its process still ran, cut off from the cluster."""
    former, shards = Journal(url, shard=8_000_001), 8_000_001
    former.claim(shards + 1)
    former.admit(admitted(task_id)).result(5)

    heir = Journal(url, shard=8_000_000)
    heir.claim(shards)
    assert heir.redistribute(lambda task: 8_000_000 if task == task_id else None) == 1
    assert [each.id for each in heir.unfinished()] == [task_id]

    with pytest.raises(Superseded):
        former.append(task_id, [line(1)]).result(5)
    with pytest.raises(Superseded):
        former.admit(admitted(TaskId(f"{task_id}-2"))).result(5)
    heir.append(task_id, [line(1, "from_the_heir")]).result(5)
    for journal in (former, heir):
        journal.close()


def test_processes_that_claim_a_shard_at_once_get_different_claims(url, journal):
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda _: claimed(journal._engine, journal._shard).epoch, range(8)))

    assert sorted(claims) == list(range(1, 9))
