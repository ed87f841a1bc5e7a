"""Progress becomes facts at a bounded rate, and what was told last is always among them."""

import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import Any, cast

from virtual_loop import in_virtual_time

from planners.model import AttemptId
from reconciler.runtime.progress_reports import ProgressReports
from reconciler.views.logs import CapturedLine, LogLevel, LogStream, batch_of
from reconciler.views.progress import NOTICE, AttemptProgress, ProgressFact, notices_of, progress_after


class Recorded:
    """Stands for the log of a run: keeps what is recorded, with the seconds."""

    def __init__(self) -> None:
        self.facts: list[tuple[float, ProgressFact]] = []

    def progressed(self, at_s: float, facts: list[ProgressFact]) -> None:
        self.facts += [(at_s, fact) for fact in facts]


class LoopClock:
    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()


def reports(recorded: Recorded) -> ProgressReports:
    run = SimpleNamespace(attempts=defaultdict(lambda: SimpleNamespace(step=SimpleNamespace(id="a"))))
    return ProgressReports(cast("Any", run), cast("Any", recorded), cast("Any", LoopClock()))


def line(text: str, stream: LogStream = LogStream.PROGRESS, attempt: str = "t.1") -> Any:
    return batch_of(AttemptId(attempt), 1, [CapturedLine(0.0, LogLevel.INFO, stream, _logger(stream, text), text, 0.5)])


def _logger(stream: LogStream, text: str) -> str:
    return NOTICE if stream is LogStream.FORERUN and "agent" in text else "name"


def test_a_chatty_attempt_becomes_few_facts_and_the_last_of_them_is_what_it_said_last():
    recorded = Recorded()

    async def chat() -> float:
        mine = reports(recorded)
        for number in range(1000):
            mine.take(line(f"{number}"))
            await asyncio.sleep(0.01)
        await asyncio.sleep(10)
        return LoopClock().now_s

    in_virtual_time(chat())

    assert len(recorded.facts) <= 22
    assert recorded.facts[0][1].data["message"] == "0"
    assert recorded.facts[-1][1].data["message"] == "999"


def test_every_artefact_is_a_fact_and_lines_of_a_log_are_none():
    recorded = Recorded()

    async def show() -> None:
        mine = reports(recorded)
        for number in range(5):
            mine.take(line(f"{number}", LogStream.ARTEFACT))
            mine.take(line("printed", LogStream.STDOUT))
        await asyncio.sleep(10)

    in_virtual_time(show())

    assert [fact.data["content"] for _, fact in recorded.facts] == ["0", "1", "2", "3", "4"]


def test_many_attempts_that_tell_at_once_are_recorded_at_a_bounded_rate():
    recorded = Recorded()

    async def tell() -> None:
        mine = reports(recorded)
        for turn in range(10):
            for number in range(1000):
                mine.take(line(f"{turn}", attempt=f"t.{number}"))
            await asyncio.sleep(1)
        await asyncio.sleep(60)

    in_virtual_time(tell())

    first_s, last_s = recorded.facts[0][0], recorded.facts[-1][0]
    assert len(recorded.facts) <= 100 * (last_s - first_s) + 2000
    assert {fact.data["message"] for _, fact in recorded.facts[-1000:]} == {"9"}


def test_progress_keeps_the_artefacts_and_the_latest_message():
    told = [
        (1.0, "attempt_progressed", {"attempt": "t.1", "message": "reads", "done": 0.1}),
        (2.0, "artefact_shown", {"attempt": "t.1", "name": "table"}),
        (3.0, "attempt_finished", {"attempt": "t.1"}),
        (4.0, "attempt_progressed", {"attempt": "t.1", "message": "writes", "done": None}),
    ]

    known = progress_after({}, told)

    assert known == {AttemptId("t.1"): AttemptProgress(at_s=4.0, message="writes", artefacts=("table",))}


def test_what_is_noticed_about_an_agent_is_a_fact_the_first_time():
    recorded = Recorded()

    async def notice() -> None:
        mine = reports(recorded)
        for number in range(20):
            mine.take(
                line(f"agent 'a' opens a socket (('127.0.0.1', {number})); declare", LogStream.FORERUN, f"t.{number}")
            )
            mine.take(line("3 lines were dropped", LogStream.FORERUN))
        mine.take(line("agent 'b' opens a socket (x)", LogStream.FORERUN, "t.99"))
        await asyncio.sleep(10)

    in_virtual_time(notice())

    known = progress_after({}, [(at_s, fact.kind, fact.data) for at_s, fact in recorded.facts])
    assert notices_of(known) == (
        "agent 'a' opens a socket (('127.0.0.1', 0)); declare",
        "agent 'b' opens a socket (x)",
    )
