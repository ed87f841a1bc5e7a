"""Tasks that run in this process: what they return, in real and in virtual time."""

import asyncio
import threading
from pathlib import Path

import psutil
import pytest
from pydantic import BaseModel

from actors.agent import agent
from actors.context import Context
from actors.errors import InvalidAgent, InvalidCatalog
from forerun import run, run_async
from orchestrator.errors import InvalidRequest, InvalidSettings
from orchestrator.local.ports import room_for
from planners.agents import AgentSpec, Catalog
from planners.resources import Resources
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import FailureKind

GUARD_S = 30.0


class Score(BaseModel):
    words: int


async def greet(name: str) -> str:
    await asyncio.sleep(0.01)
    return f"Hello, {name}!"


def count(text: str) -> Score:
    return Score(words=len(text.split()))


def chain(**inputs):
    steps = [
        {"id": "greet", "capability": "greet", "inputs": {"name": "$inputs.name"}},
        {"id": "count", "capability": "count", "inputs": {"text": "$steps.greet"}},
    ]
    return {"inputs": {"name": "Ada", **inputs}, "workflow": {"steps": steps}}


def one(capability, **inputs):
    return {"workflow": {"steps": [{"id": "s", "capability": capability, "inputs": inputs}]}}


def test_async_and_sync_callables_without_a_decorator_are_agents():
    view = run(chain(), [greet, count])

    assert (view.status, view.outputs) == (RunStatus.SUCCEEDED, {"count": {"words": 2}})


def test_functions_that_no_other_process_could_import_are_agents():
    secret = "closure"  # noqa: S105 - no password

    def tell() -> str:
        return secret

    assert run(one("tell"), [tell]).outputs == {"s": "closure"}


def test_what_agents_raise_has_no_other_cause():
    def at_once() -> str:
        raise ValueError("no")

    async def later() -> str:
        raise ValueError("no")

    for agent_of_mine in (at_once, later):
        evidence = run(one(agent_of_mine.__name__), [agent_of_mine]).failure.evidence
        assert [raised.said for raised in evidence.exceptions] == ["ValueError: no"]
        assert "event loop" not in evidence.traceback


def test_settings_may_be_a_mapping():
    assert run(chain(), [greet, count], settings={"gate": {"alpha": 0.5}}).status is RunStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("settings", "field", "fix"),
    [
        ({"gate": {"alhpa": 0.5}}, "gate.alhpa", "alpha"),
        ("settings.yaml", "settings", "forerun.load_settings(Path('settings.yaml'))"),
        ([], "settings", "give a mapping"),
    ],
)
def test_settings_that_are_none_are_refused_with_what_to_give(settings, field, fix):
    with pytest.raises(InvalidSettings) as caught:
        run(chain(), [greet, count], settings=settings)

    assert caught.value.field == field
    assert fix in caught.value.fix


async def test_it_runs_on_and_beside_an_event_loop():
    task = chain()

    assert (await run_async(task, [greet, count])).outputs == run(task, [greet, count]).outputs


def test_hours_of_waiting_take_no_time_in_virtual_time():
    async def wait() -> str:
        await asyncio.sleep(1800.0)
        return "waited"

    view = run(one("wait"), [wait], virtual_time=True)

    assert view.outputs == {"s": "waited"}
    assert 1800.0 <= view.ended_s < 1801.0
    assert view.agent_s == pytest.approx(1800.0, abs=1.0)


def test_the_virtual_clock_stands_still_while_a_thread_works():
    began = threading.Event()

    def work() -> str:
        began.set()
        return "worked"

    async def timer() -> str:
        await asyncio.sleep(60.0)
        return "rang" if began.is_set() else "rang too early"

    steps = [{"id": name, "capability": name} for name in ("work", "timer")]
    assert run({"workflow": {"steps": steps}}, [work, timer], virtual_time=True).outputs == {
        "work": "worked",
        "timer": "rang",
    }


def test_a_failure_is_returned_with_its_message():
    def broken() -> str:
        raise ZeroDivisionError("cannot divide")

    view = run(one("broken"), [broken])

    assert view.status is RunStatus.FAILED
    assert "cannot divide" in view.failure.message


def test_a_task_that_cannot_run_is_refused_with_its_field():
    with pytest.raises(InvalidRequest) as refused:
        run(one("great", name="Ada"), [greet])

    assert (refused.value.field, refused.value.fix) == ("workflow.steps.s.capability", "did you mean 'greet'?")


@pytest.mark.parametrize(
    ("agents", "field", "told"),
    [
        ("catalog.yaml", "agents", "no list of agents"),
        (greet, "agents", "no list of agents"),
        ({"greet": greet}, "agents", "no list of agents"),
        ([3], "agents", "3 is no agent"),
        ([max], "target", "'max' does not tell its parameters"),
    ],
)
def test_what_is_no_agent_or_no_list_of_them_is_refused_with_what_to_write(agents, field, told):
    with pytest.raises((InvalidCatalog, InvalidAgent), match=told) as refused:
        run(one("greet", name="Ada"), agents)

    assert refused.value.field == field
    assert refused.value.fix


def test_a_function_replaces_the_agent_of_the_same_name():
    catalog = Catalog(agents=(AgentSpec(name="greeter", capability="greet", kind="command", target=("false",)),))

    @agent("greet", name="greeter")
    def fake(name: str) -> str:
        return f"fake {name}"

    assert run(one("greet", name="Ada"), [catalog, fake]).outputs == {"s": "fake Ada"}


def test_attempts_wait_for_the_resources_of_the_machine():
    running = most = 0

    @agent("use", resources=Resources(custom={"microscope": 1}))
    async def use() -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(5.0)
        running -= 1
        return 0

    steps = [{"id": f"s{number}", "capability": "use"} for number in range(4)]
    view = run({"workflow": {"steps": steps}}, [use], virtual_time=True)

    assert (view.status, most) == (RunStatus.SUCCEEDED, 1)
    assert view.ended_s >= 20.0


def test_the_machine_has_whatever_the_largest_agent_needs():
    agents = (
        AgentSpec(name="a", capability="a", resources=Resources(gpus=8)),
        AgentSpec(name="b", capability="b", resources=Resources(cpus=1000, custom={"lab": 2})),
    )

    room = room_for(Catalog(agents=agents))

    assert (room.cpus, room.gpus, room.custom) == (1000, 8, {"lab": 2})


def test_a_sync_agent_that_takes_too_long_fails_in_time():
    release = threading.Event()

    @agent("hang", timeout_s=0.2, retry={"max_attempts": 1})
    def hang() -> str:
        release.wait(GUARD_S)
        return "late"

    view = run(one("hang"), [hang])
    release.set()

    assert view.failure.kind is FailureKind.TIMEOUT


def test_a_command_that_takes_too_long_is_killed(tmp_path):
    mark = tmp_path / "pid"
    script = f"echo $$ > {mark}; exec sleep 600"
    spec = AgentSpec(
        name="hang",
        capability="hang",
        kind="command",
        target=("sh", "-c", script),
        timeout_s=2.0,
        retry={"max_attempts": 1},
    )

    view = run(one("hang"), [Catalog(agents=(spec,))])

    assert view.failure.kind is FailureKind.TIMEOUT
    _, alive = psutil.wait_procs(_processes(mark), timeout=GUARD_S)
    assert alive == []


def _processes(mark: Path) -> list[psutil.Process]:
    pid = int(mark.read_text()) if mark.exists() else 0
    return [psutil.Process(pid)] if pid and psutil.pid_exists(pid) else []


def test_staged_effects_are_promoted_and_acts_happen_once():
    happened: list[str] = []

    def publish(context: Context, staged: dict[str, bytes]) -> None:
        happened.append(staged["page"].decode())

    @agent("write", effect="stageable", promote=publish)
    async def write(context: Context) -> str:
        context.stage("page", b"a page")
        return "written"

    @agent("pay", effect="irreversible")
    def pay(page: str) -> str:
        happened.append("paid")
        return "receipt"

    steps = [
        {"id": "write", "capability": "write"},
        {"id": "pay", "capability": "pay", "inputs": {"page": "$steps.write"}},
    ]
    view = run({"workflow": {"steps": steps}}, [write, pay])

    assert view.outputs == {"pay": "receipt"}
    assert sorted(happened) == ["a page", "paid"]


def test_the_catalog_beside_the_task_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "project"
    folder.mkdir()
    task = folder / "task.yaml"
    task.write_text("workflow: {steps: [{id: s, capability: say}]}")

    with pytest.raises(InvalidCatalog, match=r"there is no catalog\.yaml in"):
        run(task)

    (folder / "catalog.yaml").write_text("agents: [{name: a, capability: say, kind: command, target: [echo, '1']}]")
    assert run(task).outputs == {"s": 1}


def test_a_goal_without_an_llm_is_refused_and_names_the_setting():
    with pytest.raises(InvalidRequest) as refused:
        run({"goal": "Greet Ada."}, [greet])

    assert refused.value.field == "goal"
    assert "llm.base_url" in refused.value.fix


def test_a_misspelt_input_is_named_beside_the_missing_one():
    with pytest.raises(InvalidRequest) as refused:
        run(one("greet", nmae="Ada"), [greet])

    assert "it needs the input 'name', and has no input 'nmae' (did you mean 'name'?)" in refused.value.message
