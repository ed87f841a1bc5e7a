"""`forerun list`: filters, and why tasks have failed."""

from io import StringIO

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.cli.app import app as cli
from orchestrator.cli.listing import Listing
from orchestrator.cli.output import console
from orchestrator.client.client import Client
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind


@pytest.fixture
def listed(app, monkeypatch):
    """Runs `forerun list` with options; returns its result."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    monkeypatch.setattr(orchestrator.cli.tasks, "Client", lambda url: Client(url, transport=transport))
    return lambda *options: CliRunner().invoke(cli, ["list", *options])


@pytest.fixture
async def tasks(client, task, gateway):
    """A task of the blue team that has failed, and one of the red team that is being planned: their ids."""
    blue = await client.submit({**task, "name": "blue sky", "labels": {"team": "blue"}})
    red = await client.submit({**task, "name": "red sun", "labels": {"team": "red", "week": "31"}})
    failure = Failure(kind=FailureKind.ERROR, message="step 'fetch' failed:\nthe server answered 404 [not found]")
    await gateway.end(blue.id, RunStatus.FAILED, failure=failure)
    return blue.id, red.id


def test_a_failed_task_is_listed_with_the_reason_in_one_line(tasks, listed):
    assert "step 'fetch' failed: the server answered 404 [not found]" in listed().stdout


def test_where_nothing_has_failed_there_is_no_column_for_it(tasks, listed):
    assert "why" not in listed("--status", "planning").stdout


@pytest.mark.parametrize("options", [("--label", "team=blue"), ("--text", "SKY"), ("--status", "failed")])
def test_tasks_are_found_by_label_text_and_status(tasks, listed, options):
    blue, red = tasks

    told = listed(*options).stdout

    assert blue in told
    assert red not in told


def test_all_labels_must_match(tasks, listed):
    _, red = tasks

    assert red in listed("--label", "team=red", "--label", "week=31").stdout
    assert red not in listed("--label", "team=red", "--label", "week=32").stdout


def test_a_label_without_a_value_is_refused_with_the_form_it_has(listed):
    result = listed("--label", "team")

    assert result.exit_code == 2
    assert "--label team=blue" in result.stderr


COLUMNS = ["task", "status", "ended s", "call $", "why"]
ROWS = [["t" * 31, "succeeded", "1.500", "$2", ""], ["u" * 31, "[red]in_doubt[/]", "", "", "nobody knows " * 9]]


def shown(width: int) -> str:
    text = StringIO()
    Console(file=text, width=width).print(Listing(COLUMNS, ROWS, texts=("why",)))
    return text.getvalue()


def test_a_list_in_a_narrow_terminal_cuts_nothing_and_names_each_value():
    narrow = shown(70)

    assert "…" not in narrow
    assert "status succeeded, ended 1.500 s, call $2" in narrow
    assert " ".join(narrow.split()).endswith("why: " + "nobody knows " * 8 + "nobody knows")
    assert max(map(len, narrow.splitlines())) <= 70


def test_a_list_that_fits_is_a_table_of_which_only_texts_are_wrapped():
    table = shown(100)

    assert table.startswith("task ")
    assert "in_doubt" in table
    assert len(table.splitlines()) > 1 + len(ROWS)


def test_a_reader_who_has_read_enough_is_no_failure():
    """`forerun list | head -1` ends with 0: see `orchestrator.cli.exit_codes.reported`."""

    class Closed(StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        type(console)(file=Closed()).print("a line")
