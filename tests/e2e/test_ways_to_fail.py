"""However a task fails, command line and API tell what failed, where, and what to do. One service serves all ways."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import failing_agents as f
import live_service
import pytest
from browsers import chromium
from failing_service import GUARD_S, GoalFaults, failing_urls, second_node, started
from failing_tasks import CASES, one
from live_service import assert_gone
from playwright.sync_api import expect
from polling import until
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.client.client import Client
from orchestrator.client.errors import BadRequest, Busy, TaskFailed, Unreachable
from reconciler.state.commands import RunStatus
from reconciler.state.waiting import WaitKind
from reconciler.views.models import TaskView


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live_service.Service]:
    answers = {case.task["goal"]: [{"id": "a", "capability": "rest"}] for case in CASES.values() if "goal" in case.task}
    with failing_urls() as failing, GoalFaults(answers, faults_after=0) as llm:
        running = started(tmp_path_factory.mktemp("failing"), failing, llm)
        yield running
        processes = running.descendants()
        assert running.terminate() == 0, running.log.read_text()
    assert_gone(processes)


@pytest.fixture(scope="module")
def url(service: live_service.Service) -> str:
    return service.url


@pytest.fixture
def lose_second_node(service: live_service.Service, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Ends the node that alone has the resource `doomed`."""
    with second_node(service, tmp_path / "node.log") as lose:
        yield lose


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Any]:
    with Client.sync(url) as client:
        yield client


@pytest.fixture(scope="module")
def ended(client: Any) -> Callable[[str], TaskView]:
    """The task of a case once it has ended. All are submitted at once, so that they wait for each other's processes."""
    ids = {name: submitted(client, case.task) for name, case in CASES.items()}

    def wait(name: str) -> TaskView:
        view: TaskView = client.wait(ids[name], GUARD_S)
        assert view.status is RunStatus.FAILED, view
        return view

    return wait


def submitted(client: Any, task: dict[str, Any]) -> str:
    """The id of a new task. On a busy machine the parts of a service may not answer for a moment; then again."""
    end_s = time.monotonic() + GUARD_S
    while True:
        try:
            return str(client.submit(task).id)
        except (Busy, Unreachable):
            assert time.monotonic() < end_s
            time.sleep(0.2)


def submitted_where_it_fits(client: Any, task: dict[str, Any]) -> str:
    """As `submitted`; a node that has just joined is known to the ingress a moment later."""
    end_s = time.monotonic() + GUARD_S
    while True:
        try:
            return submitted(client, task)
        except BadRequest:
            assert time.monotonic() < end_s
            time.sleep(0.2)


def shown(url: str, *arguments: str) -> str:
    """What the command line prints, in one line, however it is wrapped."""
    result = CliRunner().invoke(app, [*arguments, "--url", url])
    return " ".join(result.output.split())


@pytest.mark.parametrize("name", CASES)
def test_a_failed_task_tells_what_failed_where_and_what_to_do(
    name: str, url: str, client: Any, ended: Callable[[str], TaskView]
):
    case, view = CASES[name], ended(name)

    text = shown(url, "show", view.id)
    with pytest.raises(TaskFailed) as caught:
        client.result(view.id)

    for told in (*case.what, *case.where, case.fix, f"forerun logs {view.id}", f"forerun retry {view.id}"):
        assert told in text
    assert case.what[-1] in view.failure.message or case.what[-1] in str(caught.value)
    assert case.fix in view.failure.fix
    assert view.failure.fix in str(caught.value)
    assert "a-secret-key" not in view.model_dump_json() + text


def on_the_page(told: str) -> list[str]:
    """How the page tells what the command line tells in one line."""
    return (
        told.removeprefix("cause: ").replace("exit code:", "Exit code:").replace("last lines", "Last lines").split(", ")
    )


def test_the_page_tells_the_same(url: str, client: Any, ended: Callable[[str], TaskView]):
    doubted = client.wait(submitted(client, one("pay")), GUARD_S)
    told = {ended(name).id: (*case.what, *case.where, case.fix) for name, case in CASES.items()}
    told[doubted.id] = ("Step only is in doubt", "pays_and_dies", f"forerun resolve {doubted.id} only")

    with chromium() as browser:
        page = browser.new_page()
        for task, texts in told.items():
            page.goto(f"{url}/#/tasks/{task}?step=only")
            for text in (part for one_text in texts for part in on_the_page(one_text)):
                expect(page.locator("main")).to_contain_text(text)


def test_a_failed_attempt_is_no_commit_and_is_listed_with_its_evidence(client: Any, ended: Callable[[str], TaskView]):
    view = ended("exception")

    bars = client.timeline(view.id).bars
    (failed,) = client.failures(view.id).failures

    assert [(bar.status, bar.verdict) for bar in bars] == [("failed", None)]
    assert (view.failed_attempts, client.plans(view.id).verdicts) == (1, {})
    assert failed.failure.evidence.frame.line == f.line_of("summarise")
    assert failed.failure.evidence.traceback.endswith("ValueError: the document cannot be summarised")
    assert failed.failure.evidence.inputs == {"document": {"title": "x", "api_key": "***"}}


def test_an_agent_that_is_killed_is_told_as_such(url: str, client: Any, tmp_path: Path):
    path = tmp_path / "pid"
    task = submitted(client, one("wait-for-kill", {"path": str(path)}))
    until(lambda: path.exists() and bool(path.read_text()))

    os.kill(int(path.read_text()), signal.SIGKILL)
    view = client.wait(task, GUARD_S)

    text = shown(url, "show", task)
    assert "the process of agent 'tells_its_pid' died without a message: it was killed" in view.failure.message
    for told in ("step only, agent tells_its_pid, node", str(path), "kill, an exit in a library, an operator"):
        assert told in text


@pytest.mark.slow  # Ray takes its time to notice
def test_work_on_a_node_that_is_lost_tells_which_node_and_what_to_do(
    url: str, client: Any, lose_second_node: Callable[[], None]
):
    until(lambda: any("doomed" in node.total.custom for node in client.nodes().nodes))
    node = next(node.id for node in client.nodes().nodes if "doomed" in node.total.custom)
    pure, act = (submitted_where_it_fits(client, one(name)) for name in ("linger", "linger-and-pay"))
    until(lambda: all(client.get(task).steps.running == 1 for task in (pure, act)))

    lose_second_node()
    failed, doubted = client.wait(pure, GUARD_S), client.wait(act, GUARD_S)

    assert (failed.status, doubted.status) == (RunStatus.FAILED, RunStatus.IN_DOUBT)
    for task, more in ((pure, ("doomed",)), (act, (f"forerun resolve {act} only", "only may have acted"))):
        text = shown(url, "show", task)
        assert f"node {node}"[:17] in text, text
        assert "no longer part of the cluster" in text, text
        for told in more:
            assert told in text


def test_a_service_that_asks_to_wait_is_told_as_the_reason_why_a_step_waits(url: str, client: Any):
    task = submitted(client, one("call-429-busy"))
    until(lambda: [wait.kind for wait in client.get(task).waiting][:1] == [WaitKind.RETRY])

    text = shown(url, "show", task)
    client.cancel(task)

    for told in ("retry in", "answered 429 Too Many Requests", "/429-busy"):
        assert told in text


def test_a_cancelled_task_tells_who_wanted_it_and_what_ran(url: str, client: Any):
    task = submitted(client, one("rest"))
    until(lambda: client.get(task).steps.running == 1)

    client.cancel(task, "wrong inputs")
    view = client.wait(task, GUARD_S)

    assert view.status is RunStatus.CANCELLED
    text = shown(url, "show", task)
    for told in ("wrong inputs", "step only, agent rests, node", "submit the task again"):
        assert told in text


def test_an_act_in_doubt_tells_which_act_why_and_what_to_do(url: str, client: Any):
    task = submitted(client, one("pay"))

    until(lambda: client.get(task).needs_resolution)

    assert client.get(task).status is RunStatus.IN_DOUBT
    text = shown(url, "show", task)
    for told in (
        "step only may have acted",
        "pays_and_dies",
        "ended itself by os._exit(1)",
        f"forerun resolve {task} only",
    ):
        assert told in text
    with pytest.raises(TaskFailed, match="in_doubt"):
        client.result(task)


def test_a_file_that_is_no_yaml_is_told_with_its_line(url: str, tmp_path: Path):
    bad = tmp_path / "task.yaml"
    bad.write_text("workflow:\n  steps: [{id: a, capability: rest}\n")

    text = shown(url, "submit", str(bad))

    assert "task.yaml" in text
    assert "line 3" in text
    assert "fix:" in text


def test_a_step_that_waits_for_room_tells_what_is_in_use(url: str, client: Any, tmp_path: Path):
    tasks = [submitted(client, one("wait-for-kill", {"path": str(tmp_path / f"{n}")})) for n in range(3)]

    def told(task: str) -> bool:
        text = shown(url, "show", task)
        return "waiting for 1 CPU on node" in text and "2 of 2 in use" in text

    until(lambda: any(told(task) for task in tasks))
    for task in tasks:
        client.cancel(task)


def test_a_wrong_capability_is_refused_with_the_field_and_the_nearest_name(client: Any):
    with pytest.raises(BadRequest) as caught:
        client.submit(one("summarize"))

    assert caught.value.field == "workflow.steps.only.capability"
    assert "summarise" in caught.value.fix


def test_the_process_that_answers_may_crash(service: live_service.Service, client: Any):
    """The last test of this service; `test_a_direct_ingress.py` has more of it."""
    before = submitted(client, one("repeat", {"value": "before"}))
    assert client.wait(before, GUARD_S).outputs == {"only": "before"}
    (answering,) = (pid for pid in service.descendants() if "ray::IngressShard" in _command(pid))

    os.kill(answering, signal.SIGKILL)

    after = submitted(client, one("repeat", {"value": "after"}))
    assert client.wait(after, GUARD_S).outputs == {"only": "after"}
    assert client.get(before).outputs == {"only": "before"}
