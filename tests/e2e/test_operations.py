"""A service is operated: keys, reloads, metrics, and parts that are away for a while."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import live_service
import psutil
import pytest
from live_service import Service, clean_environment
from polling import until
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.client.client import Client
from orchestrator.client.errors import NotAllowed

GUARD_S = 300.0
PATIENCE_S = 5.0

CODE = """
import asyncio
import time
from pathlib import Path

from forerun import agent

WORD = "{word}"


@agent("say", expected_s=0.05)
async def say(after: str = "") -> str:
    return f"{{after}} {{WORD}}".strip()


@agent("wait", expected_s=5)
async def wait(flag: str) -> str:
    Path(f"{{flag}} waits").touch()
    while not Path(flag).exists():
        await asyncio.sleep(0.05)
    return WORD


@agent("block", expected_s=5)
def block(flag: str) -> str:
    Path(f"{{flag}} blocks").touch()
    while not Path(flag).exists():
        time.sleep(0.05)
    return WORD
"""
CATALOG = """
agents:
  - {name: sayer, capability: say, target: "operated_agents:say", resources: {}}
  - {name: waiter, capability: wait, target: "operated_agents:wait", resources: {}}
  - {name: blocker, capability: block, target: "operated_agents:block"}
"""


class Operated:
    """A running service and what its operator has at hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = folder / "catalog.yaml"
        self.data_dir = folder / "data"
        self.data_dir.mkdir()
        self.write(CODE.format(word="old"))
        self.keys = {scope: self.new_key(scope, "--scope", scope) for scope in ("read", "submit", "admin")}
        environment = {"FORERUN_HTTP__REQUIRE_KEYS": "true"}
        self.service: Service = live_service.started(self.data_dir, catalog=self.catalog, environment=environment)

    def write(self, code: str, catalog: str = CATALOG) -> None:
        (self.folder / "operated_agents.py").write_text(code)
        self.catalog.write_text(catalog)

    def run(self, *arguments: object, check: bool = True) -> str:
        command = [sys.executable, "-m", "orchestrator.cli", *map(str, arguments)]
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=GUARD_S, env=clean_environment()
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout if check else done.stderr

    def here(self, *arguments: object) -> str:
        """As `run` in this process, which is sooner done, for commands that import no agents."""
        done = CliRunner().invoke(app, [*map(str, arguments), "--data-dir", str(self.data_dir)])
        assert done.exit_code == 0, done.output
        return done.stdout

    def new_key(self, name: str, *options: str) -> str:
        return self.here("keys", "create", name, *options).splitlines()[0]

    def reload(self, *, check: bool = True) -> str:
        options = ["--catalog", self.catalog, "--url", self.service.url, "--token", self.keys["admin"]]
        return self.run("reload", *options, check=check)

    def client(self, scope: str = "submit") -> Any:
        return Client.sync(self.service.url, token=self.keys[scope])

    def ready(self) -> httpx.Response:
        return httpx.get(f"{self.service.url}/readyz", timeout=GUARD_S)

    def process(self, actor: str) -> psutil.Process:
        """The process of an actor of the service, which may be about to be there again."""
        found: list[int] = []

        def is_there() -> bool:
            found.extend(pid for pid in self.service.descendants() if actor in _command(pid))
            return bool(found)

        until(is_there)
        return psutil.Process(found[0])


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:  # it has ended
        return ""


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    made = Operated(tmp_path_factory.mktemp("operated"))
    yield made
    if made.service.process.poll() is None:
        made.service.terminate()


def steps(*made: dict[str, Any]) -> dict[str, Any]:
    return {"workflow": {"steps": list(made), "outputs": {step["id"]: f"$steps.{step['id']}" for step in made}}}


SAY = steps({"id": "a", "capability": "say"})


def heals(operated: Operated) -> None:
    until(lambda: operated.ready().status_code == 200)
    with operated.client() as client:
        assert client.wait(client.submit(SAY).id, GUARD_S).status == "succeeded"


def is_refused(operated: Operated, take_away: Callable[[], object], reason: str) -> None:
    """Without a part, ready says 503 with the reason, and submissions 503 and when to come again.

    It may take a second until a part is missed. The part may be back before both were seen; it is taken away again
    then.
    """
    key = {"Authorization": f"Bearer {operated.keys['submit']}"}
    with httpx.Client(base_url=operated.service.url, headers=key, timeout=GUARD_S, trust_env=False) as http:

        def submission_is_refused() -> bool:
            reply = http.post("/v1/tasks", json=SAY)  # the client would try again
            return reply.status_code == 503 and int(reply.headers["Retry-After"]) > 0

        def both_are() -> bool:
            take_away()
            refused = told = False
            end_s = time.monotonic() + PATIENCE_S
            while time.monotonic() < end_s:
                reply = operated.ready()
                told = told or (reply.status_code == 503 and reason in reply.json()["detail"])
                refused = refused or submission_is_refused()
                if refused and told:
                    return True
            return False

        until(both_are)


def test_requests_need_a_key_and_probes_do_not(operated):
    until(lambda: operated.ready().status_code == 200)  # a part may be busy for a moment
    with Client.sync(operated.service.url) as client, pytest.raises(NotAllowed, match="needs an API key"):
        client.list()
    with operated.client("read") as client, pytest.raises(NotAllowed, match="this request needs submit"):
        client.submit(SAY)
    with operated.client() as client:
        assert client.wait(client.submit(SAY).id, GUARD_S).outputs == {"a": "old"}


def test_a_revoked_key_is_refused_soon(operated):
    token = operated.new_key("leaver")
    with Client.sync(operated.service.url, token=token) as client:
        client.list()
        operated.here("keys", "revoke", token.split("_")[1])

        def refused() -> bool:
            try:
                client.list()
            except NotAllowed:
                return True
            return False

        until(refused)


def test_running_attempts_end_with_the_old_code_and_later_ones_use_the_new(operated, tmp_path):
    flag = tmp_path / "go on"
    task = steps(
        {"id": "hosted", "capability": "wait", "inputs": {"flag": str(flag)}},
        {"id": "alone", "capability": "block", "inputs": {"flag": str(flag)}},
        {"id": "later", "capability": "say", "inputs": {"after": "$steps.hosted"}},
    )
    with operated.client() as client:
        running = client.submit(task)
        # A new process is told to have started before it has imported the code, which is about to be overwritten.
        until(lambda: all(Path(f"{flag} {does}").exists() for does in ("waits", "blocks")))
        operated.write(CODE.format(word="brand-new"), CATALOG.replace("name: sayer", "name: sayer, version: '2'"))

        assert "changed sayer" in operated.reload()

        assert client.wait(client.submit(SAY).id, GUARD_S).outputs == {"a": "brand-new"}
        flag.touch()
        ended = client.wait(running.id, GUARD_S)
        assert ended.failure is None, ended.failure
        assert ended.outputs == {"hosted": "old", "alone": "old", "later": "old brand-new"}
        blocks = steps({"id": "a", "capability": "block", "inputs": {"flag": str(flag)}})
        assert client.wait(client.submit(blocks).id, GUARD_S).outputs == {"a": "brand-new"}


def test_a_broken_catalog_is_refused_and_the_old_one_stays(operated):
    operated.write("import no_such_module\n")

    assert "no_such_module" in operated.reload(check=False)
    with operated.client() as client:
        assert len(client.agents().agents) == 3
        assert client.wait(client.submit(SAY).id, GUARD_S).status == "succeeded"


def test_sighup_reloads_and_a_shard_that_is_restarted_keeps_the_new_catalog(operated):
    more = CATALOG + '  - {name: again, capability: repeat, target: "operated_agents:say", resources: {}}\n'
    operated.write(CODE.format(word="third edition"), more)

    operated.service.process.send_signal(signal.SIGHUP)

    with operated.client() as client:
        until(lambda: len(client.agents().agents) == 4)
        operated.process("ReconcilerActor").kill()
        until(lambda: operated.ready().status_code == 200)
        again = client.submit(steps({"id": "a", "capability": "repeat"}))
        assert client.wait(again.id, GUARD_S).outputs == {"a": "third edition"}


def test_a_planner_that_is_away_is_noticed_and_heals(operated, tmp_path):
    flag = tmp_path / "go on"
    with operated.client() as client:
        under_way = client.submit(steps({"id": "a", "capability": "wait", "inputs": {"flag": str(flag)}}))
        until(lambda: client.get(under_way.id).optimal_plan_s is not None)

        is_refused(operated, lambda: operated.process("PlannerActor").kill(), "the planner")
        flag.touch()
        assert client.wait(under_way.id, GUARD_S).status == "succeeded"
    heals(operated)


def test_a_shard_that_is_away_is_noticed_and_heals(operated):
    is_refused(operated, lambda: operated.process("ReconcilerActor").kill(), "shard 0")
    heals(operated)


def test_a_journal_that_cannot_be_written_is_noticed_and_heals(operated):
    with closing(sqlite3.connect(operated.data_dir / "journal.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        is_refused(operated, lambda: None, "the journal cannot be written")
        with operated.client() as client:
            assert client.list().tasks, "reading goes on"
    heals(operated)


def test_metrics_of_all_parts_are_at_one_place_and_valid(operated):
    key = {"Authorization": f"Bearer {operated.keys['read']}"}
    text = httpx.get(f"{operated.service.url}/metrics", headers=key, timeout=GUARD_S).text

    for part in (
        'process="shard-0"',
        'process="planner"',
        'process="ingress"',
        "forerun_shard_up",
        "forerun_planner_up 1",
    ):
        assert part in text
    assert 'forerun_attempts_total{agent="sayer"' in text
    if (promtool := shutil.which("promtool")) is not None:
        command = [promtool, "check", "metrics"]
        checked = subprocess.run(command, input=text, text=True, capture_output=True, check=False)  # noqa: S603
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_doctor_and_a_backup_work_beside_the_service(operated, tmp_path):
    told = operated.run("doctor", "--url", operated.service.url, "--data-dir", operated.data_dir, "--json")
    assert '"service"' in told

    operated.here("backup", tmp_path / "copy.sqlite3")
    assert (tmp_path / "copy.sqlite3").stat().st_size > 0


def is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def test_sigterm_to_the_process_group_frees_the_port(operated):
    address = urlsplit(operated.service.url)
    processes = operated.service.descendants()

    os.killpg(operated.service.process.pid, signal.SIGTERM)
    with operated.service.process as process:
        process.wait(GUARD_S)

    until(lambda: not live_service.alive(processes))
    until(lambda: is_free(address.hostname, address.port))
