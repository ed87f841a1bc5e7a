"""`forerun doctor`: what is wrong, and what to do about it."""

import json
import os
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app as cli
from orchestrator.doctor import installation, machine
from orchestrator.doctor.finding import Gravity
from orchestrator.doctor.installation import check_installation
from orchestrator.doctor.journal import check_journal
from orchestrator.doctor.machine import check_disk, check_port
from orchestrator.doctor.network import check_llm, check_ray, check_service
from orchestrator.settings import ClusterSettings, Http, JournalSettings, LlmSettings, Settings
from reconciler.journal import Journal

LLM = LlmSettings(base_url="https://llm.example.org/v1", model="m", api_key="k")


def answering(status: int = 200, **more) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(status, **more))


def only(findings, level: Gravity):
    """The one finding; it has this level."""
    (found,) = findings
    assert found.level is level, found
    assert (found.fix == "") is (level is Gravity.OK), "what is wrong has a fix"
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def written(settings: Settings) -> Settings:
    with closing(Journal(settings.journal_url)):
        pass
    return settings


def test_an_installation_with_all_packages_is_well(settings, monkeypatch):
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))

    assert "Ray" in only(check_installation(settings), Gravity.OK).message


def test_a_package_that_is_too_old_is_named(settings, monkeypatch):
    monkeypatch.setattr(installation, "version", lambda name: "0.1")

    wrong = [found for found in check_installation(settings) if found.level is Gravity.ERROR]

    assert "ortools is 0.1, and Forerun needs >=9.12" in [found.message for found in wrong]


def test_a_missing_command_is_a_warning_that_says_where_it_is(settings, monkeypatch):
    monkeypatch.setenv("PATH", "")

    (found,) = (found for found in check_installation(settings) if found.level is Gravity.WARNING)
    assert f"{sys.prefix}/bin/forerun" in found.fix


def test_missing_extras_are_named_when_the_settings_need_them(settings, monkeypatch):
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    needy = settings.model_copy(update={"llm": LLM, "journal": JournalSettings(url="postgresql+psycopg://h/d")})

    fixes = [found.fix for found in check_installation(needy) if found.level is Gravity.ERROR]

    assert fixes == ["pip install 'forerun[llm]'", "pip install 'forerun[postgres]'"]


def dumped(settings: Settings) -> list[str]:
    with closing(sqlite3.connect(settings.data_dir / "journal.sqlite3")) as journal:
        return list(journal.iterdump())


def test_a_journal_that_can_be_written_is_well_and_stays_as_it_is(written):
    before = dumped(written)

    assert "can be written" in only(check_journal(written), Gravity.OK).message
    assert dumped(written) == before


def test_a_journal_that_does_not_exist_yet_is_not_created(settings):
    assert "the first start creates it" in only(check_journal(settings), Gravity.OK).message
    assert not list(settings.data_dir.iterdir())


def test_a_locked_journal_is_an_error(written, monkeypatch):
    monkeypatch.setattr("orchestrator.doctor.journal._TIMEOUT_S", 0.01)
    with closing(sqlite3.connect(written.data_dir / "journal.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert "locked" in only(check_journal(written), Gravity.ERROR).message


def test_a_journal_of_a_newer_version_is_an_error(written):
    with closing(sqlite3.connect(written.data_dir / "journal.sqlite3", isolation_level=None)) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")

    first, *_ = check_journal(written)
    assert (first.level, "9999" in first.message) == (Gravity.ERROR, True)


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:secret@h/d", "postgresql+psycopg://u:secret@127.0.0.1:1/d"])
def test_a_journal_that_cannot_be_reached_is_an_error_that_shows_no_password(settings, url):
    found = only(check_journal(settings.model_copy(update={"journal": JournalSettings(url=url)})), Gravity.ERROR)

    assert "secret" not in found.message


@pytest.mark.parametrize(
    ("transport", "level", "text"),
    [
        (answering(json={"data": [{"id": "m"}]}), Gravity.OK, "model m"),
        (answering(json={"data": [{"id": "other"}]}), Gravity.WARNING, "does not list the model m"),
        (answering(404), Gravity.OK, "answers"),
        (answering(401), Gravity.ERROR, "refuses the key"),
        (answering(503), Gravity.WARNING, "HTTP 503"),
    ],
)
def test_the_llm_is_asked_for_its_models(transport, level, text):
    assert text in only(check_llm(LLM, transport), level).message


def test_an_llm_that_does_not_answer_is_an_error():
    def refusing(request):
        raise httpx.ConnectError("refused")

    assert "llm.base_url" in only(check_llm(LLM, httpx.MockTransport(refusing)), Gravity.ERROR).fix


def test_without_an_llm_all_is_well_and_half_of_one_is_an_error():
    only(check_llm(LlmSettings()), Gravity.OK)
    assert "llm.model" in only(check_llm(LlmSettings(base_url="http://llm")), Gravity.ERROR).message


def test_a_cluster_that_does_not_answer_is_an_error():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"

        assert address in only(check_ray(ClusterSettings(address=address)), Gravity.ERROR).message
        unused.listen()
        only(check_ray(ClusterSettings(address=address)), Gravity.OK)
    only(check_ray(ClusterSettings()), Gravity.OK)


def test_a_service_that_is_not_ready_gives_its_reason_and_its_fix():
    problem = {"detail": "the journal cannot be written: database or disk is full", "fix": "make room"}

    found = only(check_service("http://forerun", 0.0, answering(503, json=problem)), Gravity.ERROR)

    assert ("disk is full" in found.message, found.fix) == (True, "make room")


def test_clocks_that_differ_are_a_warning():
    ready, clock = check_service("http://forerun", 0.0, answering(headers={"Date": "Thu, 01 Jan 1970 00:01:00 GMT"}))

    assert (ready.level, clock.level) == (Gravity.OK, Gravity.WARNING)
    assert "differs by 60 s" in clock.message


def test_a_disk_without_room_is_an_error(settings, monkeypatch):
    usage = type("Usage", (), {"free": 1024})
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)

    assert "forerun gc" in only(check_disk(settings), Gravity.ERROR).fix


def test_a_port_that_is_taken_is_a_warning(settings):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = settings.model_copy(update={"http": Http(port=other.getsockname()[1])})

        only(check_port(taken), Gravity.WARNING)


@pytest.fixture
def forerun(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    nothing = ["--url", "http://127.0.0.1:1", "--data-dir", str(tmp_path)]
    return lambda *arguments, **more: CliRunner().invoke(cli, ["doctor", *nothing, *arguments], **more)


def test_the_command_checks_everything_and_exits_with_0_if_nothing_is_wrong(forerun):
    catalog = Path(__file__).parents[3] / "examples" / "hello" / "catalog.yaml"
    result = forerun("--catalog", str(catalog), "--json", env={"FORERUN_HTTP__PORT": "0"})

    findings = json.loads(result.stdout)["findings"]
    assert {found["check"] for found in findings} >= {
        "installation", "ray", "journal", "llm", "catalog", "clock", "disk", "memory", "port", "service",
    }  # fmt: skip
    assert result.exit_code == 0, result.stdout


def test_a_broken_catalog_is_an_error_with_its_line_and_fix(forerun, tmp_path):
    broken = tmp_path / "catalog.yaml"
    broken.write_text("agents:\n  - {name: a, capability: x, target: 'no.such:agent'}\n")

    result = forerun("--catalog", str(broken))

    assert result.exit_code == 1
    assert "error   catalog" in result.stdout
    assert "fix:" in result.stdout


def test_the_options_of_the_service_say_what_is_checked(forerun):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = forerun("--host", "127.0.0.1", "--port", str(port), "--json")

    found = {finding["check"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert found["port"]["message"].startswith(f"127.0.0.1:{port}: ")
