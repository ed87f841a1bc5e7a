"""What every executor reports of what agents print and log: the stub and the one on Ray."""

import printing_agents as p
import pytest
from attempts import Attempts

from actors.catalog import catalog_of
from planners.agents import AgentSpec, Catalog
from reconciler.state.handoff import Failure
from reconciler.views.logs import LogStream

DECLARED = catalog_of(
    *(p.prints, p.prints_in_host, p.prints_and_fails, p.prints_and_fails_in_host, p.floods, p.floods_in_host),
    *(p.tells_progress, p.tells_progress_in_host),
)
COMPLAINS = AgentSpec(
    name="complains",
    capability="print",
    kind="command",
    target=("sh", "-c", 'echo first >&2; printf "second" >&2; echo 1'),
)
CATALOG = Catalog(agents=(*DECLARED.agents, COMPLAINS))

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one executor serves all: its processes start once


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return CATALOG


@pytest.mark.parametrize("agent", [p.prints, p.prints_in_host])
async def test_all_lines_are_there_in_order_when_an_attempt_has_ended(attempts: Attempts, agent):
    mine = [attempts.start(agent, name=f"n{number}") for number in range(3)]

    for number, attempt in enumerate(mine):
        await attempts.ended(attempt)
        lines = attempts.logs[attempt]
        assert [(line.stream, line.level, line.text) for line in lines[:4]] == [
            ("stdout", "info", f"n{number} to stdout"),
            ("stderr", "warning", f"n{number} to stderr"),
            ("logging", "warning", f"n{number} to a logger"),
            ("stdout", "info", f"n{number} in a thread"),
        ]
        assert all(line.text.startswith(f"n{number} ") for line in lines)
        assert [line.at_s for line in lines] == sorted(line.at_s for line in lines)


@pytest.mark.parametrize("agent", [p.prints_and_fails, p.prints_and_fails_in_host])
async def test_an_attempt_that_fails_has_its_lines(attempts: Attempts, agent):
    attempt = attempts.start(agent)

    assert isinstance(await attempts.ended(attempt), Failure)
    assert attempts.texts(attempt) == ["before the end"]


@pytest.mark.parametrize("agent", [p.tells_progress, p.tells_progress_in_host])
async def test_progress_and_artefacts_arrive_while_an_attempt_runs(attempts: Attempts, agent, tmp_path):
    attempt = attempts.start(agent, release=str(tmp_path / "release"))
    await attempts.printed(attempt, "half a table")
    assert [event for event in attempts.of(attempt) if event != "attempt_started"] == []

    (tmp_path / "release").touch()

    assert await attempts.result(attempt) == "done"
    assert [(line.stream, line.logger, line.text, line.done) for line in attempts.logs[attempt]] == [
        ("progress", "", "reads", 0.25),
        ("artefact", "preview", "half a table", None),
        ("progress", "", "writes", 1.0),
    ]


async def test_stderr_of_a_command_is_its_log_and_stdout_its_output(attempts: Attempts):
    attempt = attempts.start("complains")

    assert await attempts.result(attempt) == 1
    assert [(line.stream, line.text) for line in attempts.logs[attempt]] == [("stderr", "first"), ("stderr", "second")]


@pytest.mark.parametrize("agent", [p.floods, p.floods_in_host])
async def test_what_exceeds_the_bounds_is_dropped_and_counted(attempts: Attempts, agent):
    attempt = attempts.start(agent, megabytes=3)

    assert await attempts.result(attempt) == 3
    lines = attempts.logs[attempt]
    notes = [line.text for line in lines if line.stream is LogStream.FORERUN]
    assert sum(len(line.text) for line in lines) < 1_200_000
    assert sum(int(note.split()[0]) for note in notes) + len(lines) - len(notes) == 30_001
    assert lines[-1].text == "the last line"
