"""What attempts print and log is numbered within the task, stored, and read page by page."""

import asyncio

import pytest

from planners.model import AttemptId, StepId, TaskId
from reconciler.journal import Journal
from reconciler.journal.log_rows import LogReader
from reconciler.journal.task_log import TaskLog
from reconciler.views.logs import CapturedLine, LogLevel, LogQuery, LogStream, batch_of

TASK = TaskId("t")
STEPS = {AttemptId("t.1"): StepId("review[0]"), AttemptId("t.2"): StepId("join"), AttemptId("t.3"): StepId("review/a")}


@pytest.fixture
def journal(tmp_path):
    journal = Journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield journal
    journal.close()


def batch(attempt: str, first: int, *texts: str, level: LogLevel = LogLevel.INFO):
    return batch_of(AttemptId(attempt), first, [CapturedLine(1.0, level, LogStream.STDOUT, "", text) for text in texts])


async def page(log: TaskLog, wait_s: float = 30.0, **query):
    return await log.page(LogQuery(**query), STEPS.get, wait_s)


async def test_a_reader_that_waits_gets_the_lines_that_come(journal):
    log = TaskLog(TASK, journal)

    waiting = asyncio.ensure_future(page(log))
    await asyncio.sleep(0)
    log.write(StepId("old"), batch("t.1", 1, "one", "two"))
    found = await waiting

    assert [(line.seq, line.step, line.text) for line in found.lines] == [
        (1, "review[0]", "one"),
        (2, "review[0]", "two"),
    ]
    assert found.next_after == 2


async def test_a_reader_that_waits_returns_when_the_run_ends(journal):
    log = TaskLog(TASK, journal)

    waiting = asyncio.ensure_future(page(log))
    await asyncio.sleep(0)
    log.end()

    assert (await waiting).lines == ()


async def test_numbers_go_on_after_a_restart(journal, tmp_path):
    before = TaskLog(TASK, journal)
    before.write(StepId("a"), batch("t.1", 1, "before"))
    assert (await page(before)).lines

    after = TaskLog(TASK, journal, await asyncio.to_thread(journal.last_log_seq, TASK))
    after.write(StepId("a"), batch("t.2", 1, "after"))
    found = await page(after, after=1)

    assert [(line.seq, line.text) for line in found.lines] == [(2, "after")]


async def stored(journal, *batches):
    log = TaskLog(TASK, journal)
    for one in batches:
        log.write(STEPS[one.attempt], one)
    last = sum(one.length for one in batches)
    while await asyncio.to_thread(journal.last_log_seq, TASK) < last:
        await page(log, after=last)
    return LogReader(journal, TASK, STEPS.get)


async def test_a_step_includes_the_steps_inside_it(journal):
    reader = await stored(
        journal, batch("t.1", 1, "an element"), batch("t.2", 1, "outside"), batch("t.3", 1, "of a workflow by name")
    )

    found = reader.page(LogQuery(step=StepId("review")), ended=True)

    assert [line.text for line in found.lines] == ["an element", "of a workflow by name"]
    assert found.ended


async def test_pages_of_any_size_hold_every_line_once(journal):
    reader = await stored(
        journal, batch("t.1", 1, *"abc"), batch("t.2", 1, *"de"), batch("t.1", 4, "f", level=LogLevel.ERROR)
    )

    for limit in range(1, 8):
        texts, after, ended = "", 0, False
        while not ended:
            found = reader.page(LogQuery(after=after, limit=limit), ended=True)
            texts, after, ended = texts + "".join(line.text for line in found.lines), found.next_after, found.ended
        assert texts == "abcdef"


async def test_the_tail_is_the_last_lines_that_match(journal):
    reader = await stored(
        journal, batch("t.1", 1, *"abc"), batch("t.2", 1, *"de"), batch("t.1", 4, "f", level=LogLevel.ERROR)
    )

    assert [line.text for line in reader.page(LogQuery(limit=2, tail=True), ended=True).lines] == ["e", "f"]
    only_one = reader.page(LogQuery(limit=2, tail=True, step=StepId("review")), ended=True)
    assert [line.text for line in only_one.lines] == ["c", "f"]
    severe = reader.page(LogQuery(level=LogLevel.ERROR), ended=True)
    assert [(line.seq, line.text) for line in severe.lines] == [(6, "f")]


async def test_lines_that_the_journal_cannot_take_are_counted(journal, monkeypatch):
    log = TaskLog(TASK, journal)
    monkeypatch.setattr("reconciler.journal.journal._MOST_WAITING", -1)
    log.write(StepId("a"), batch("t.1", 1, "lost", "lost"))
    log.write(StepId("a"), batch("t.1", 3, "lost"))
    monkeypatch.undo()

    log.write(StepId("a"), batch("t.1", 4, "kept"))
    found = await page(log)

    assert [line.text.partition(":")[0] for line in found.lines] == ["3 lines were dropped here", "kept"]


def test_a_batch_that_comes_again_is_cut_to_what_is_new():
    twice = batch("t.1", 3, *"abc")

    assert twice.after(1) is twice
    assert twice.after(2) is twice
    assert [line.text for line in twice.after(3).lines()] == ["b", "c"]
    assert twice.after(5) is None
