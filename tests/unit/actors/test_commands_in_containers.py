"""Commands in containers: how they are declared and started, what they may do there, and that nothing is left.

Tests that need podman make an image of their own from busybox; nothing is pulled.
"""

import os
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from invocations import invocation_of
from polling import until

from actors.catalog import parse_catalog
from actors.environment import inherited_environment
from actors.errors import InvalidCatalog, UnknownTarget
from actors.executor.execution import run_in_process
from actors.invocation import Ended, Invocation
from actors.kinds.command_agent import KIND, stop_command
from actors.kinds.command_settings import CommandSettings
from actors.kinds.container import ContainerOwner, contained, removal
from actors.kinds.container_runtime import leftovers, log_driver, new_name
from planners.agents import AgentSpec, Catalog
from planners.resources import CONTAINERS
from reconciler.state.handoff import Failure

IMAGE = "localhost/forerun-busybox:test"
SECRET = "s3cret-of-a-command"  # noqa: S105
STAND_IN = """#!/bin/sh
# Stands in for podman: runs the command on this machine, and notes how it was called.
[ "$1" = version ] && exit 1
echo "$@" >> {calls}
[ "$1" = run ] || exit 0
while [ "$1" != {image} ]; do shift; done
shift
[ "$1" = cannot-start ] && exit 125
exec "$@"
"""


def declared(*target: str, **entry: Any) -> AgentSpec:
    settings = {"image": IMAGE, **entry.pop("settings", {})}
    known = {"name": "runs", "capability": "run", "kind": "command", "target": list(target), "settings": settings}
    return parse_catalog({"agents": [{**known, **entry}]}).agents[0]


def invocation(agent: AgentSpec, inputs: dict[str, Any]) -> Invocation:
    return invocation_of(agent, inputs)


def ended(*target: str, inputs: dict[str, Any] | None = None, **entry: Any) -> Ended:
    return run_in_process(invocation(declared(*target, **entry), inputs or {}), ()).ended


def output(*target: str, inputs: dict[str, Any] | None = None, **entry: Any) -> Any:
    end = ended(*target, inputs=inputs, **entry)
    assert end.handoff is not None, end.failure
    return end.handoff.output


def failure(*target: str, **entry: Any) -> Failure:
    end = ended(*target, **entry)
    assert end.failure is not None, end.handoff
    return end.failure


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    inherited_environment.cache_clear()
    monkeypatch.setenv("COMMAND_KEY", SECRET)
    yield
    inherited_environment.cache_clear()


# ---- what is declared


def test_it_needs_a_node_with_containers_besides_its_own_resources():
    assert declared("true").resources.amounts() == {"cpus": 1.0, CONTAINERS: 1.0}
    assert declared("true", resources={"gpus": 1}).resources.amounts() == {"gpus": 1.0, CONTAINERS: 1.0}


def test_an_entry_that_was_completed_before_stays_as_it_is():
    agent = declared("true", resources={"memory_bytes": 5})

    assert parse_catalog(Catalog(agents=(agent,)).model_dump(mode="json")).agents == (agent,)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"image": "--privileged"}, "image"),
        ({"image": "a b"}, "image"),
        ({"sandbox": {"network": ["example.org:443"]}}, "a container has no network, or all of it"),
        ({"sandbox": {"readable": ["/a:/b"]}}, "colon"),
    ],
)
def test_what_a_container_cannot_keep_is_refused(settings: dict[str, Any], told: str):
    with pytest.raises(InvalidCatalog, match=told):
        declared("true", settings=settings)


def test_a_setting_beside_settings_is_named_with_its_place():
    with pytest.raises(InvalidCatalog) as refused:
        declared("true", image=IMAGE)

    assert refused.value.field == "agents.0.image"
    assert refused.value.fix == "write it below settings: {image: ...}"


# ---- how it is started


def started(program: str = "/usr/bin/podman", **sandbox: Any) -> list[str]:
    settings = CommandSettings.model_validate({"image": IMAGE, "sandbox": sandbox})
    return contained(program, settings, ["sort", "-r"], name="forerun-x", folder="/f", variables=["KEY"])


def pairs(argv: list[str]) -> list[tuple[str, str]]:
    return list(pairwise(argv))


def test_the_command_follows_the_image_and_runs_in_its_own_folder():
    argv = started()

    assert argv[:3] == ["/usr/bin/podman", "run", "--rm"]
    assert argv[-3:] == [IMAGE, "sort", "-r"]
    assert {("--volume", "/f:/work:Z"), ("--workdir", "/work"), ("--name", "forerun-x")} <= set(pairs(argv))


def test_it_is_bounded_and_has_no_network_and_no_privileges_unless_it_is_allowed_more():
    bounded = pairs(started(memory_bytes=5_000_000, processes=3))
    allowed = started(network=["*:*"], readable=["/data"], writable=["/results"])

    assert {("--memory", "5000000"), ("--memory-swap", "5000000"), ("--pids-limit", "3")} <= set(bounded)
    assert {("--network", "none"), ("--cap-drop", "ALL"), ("--security-opt", "no-new-privileges")} <= set(bounded)
    assert "--network" not in allowed
    assert {("--volume", "/data:/data:ro"), ("--volume", "/results:/results:rw")} <= set(pairs(allowed))


def test_variables_are_passed_by_name_so_that_no_value_shows_in_the_list_of_processes():
    assert ("--env", "KEY") in pairs(started())


def test_docker_removes_a_container_without_the_options_that_only_podman_has():
    assert removal("/usr/bin/docker", "forerun-x") == ["/usr/bin/docker", "rm", "--force", "forerun-x"]
    assert "--ignore" in removal("/usr/bin/podman", "forerun-x")


# ---- what is left of processes that have ended


@pytest.mark.parametrize(
    ("name", "answer", "driver"),
    [
        ("podman", "echo 5.4.0", "passthrough"),
        ("podman", "echo 4.3.1", "passthrough"),
        ("podman", "echo 3.0.1", "none"),
        ("podman", "exit 1", "none"),
        ("docker", "echo 27.1", "none"),
    ],
)
def test_a_command_has_the_pipes_itself_where_podman_can_hand_them_over(
    name: str, answer: str, driver: str, tmp_path: Path
):
    program = tmp_path / name
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)

    assert log_driver(str(program)) == driver


def test_a_podman_elsewhere_copies_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CONTAINER_HOST", "ssh://elsewhere/podman.sock")

    assert log_driver(str(tmp_path / "podman")) == "none"


def test_the_containers_of_processes_that_have_ended_are_leftovers():
    def named(kernel: str, pid: int, started: int) -> str:
        return ContainerOwner(kernel, pid, started).name("ab12")

    alive, reused, gone, elsewhere = named("a1", 1, 10), named("a1", 2, 20), named("a1", 3, 30), named("b2", 3, 30)
    starts = {1: 10, 2: 21}

    left = leftovers([alive, reused, gone, elsewhere, "forerun-of-a-person", "postgres"], "a1", starts.get)

    assert left == [reused, gone]


def test_a_container_is_named_after_the_process_that_it_ends_with():
    owner = ContainerOwner.of(new_name())

    assert owner is not None
    assert owner.pid == os.getpid()
    assert new_name() != new_name()


# ---- a program in the place of podman


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """How the stand-in was called so far."""
    noted, program = tmp_path / "calls", tmp_path / "bin" / "podman"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(calls=noted, image=IMAGE))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    inherited_environment.cache_clear()
    return lambda: noted.read_text().splitlines() if noted.exists() else []


def test_inputs_arguments_files_and_output_are_those_of_every_command(calls: Callable[[], list[str]]):
    told = output(
        *("sh", "-c", 'cat question.txt; echo "$1"; cat', "sh"),
        inputs={"a": "x y"},
        settings={"arguments": ["{{ a }}"], "files": {"question.txt": "{{ a }}? "}, "format": "text"},
    )

    assert told == 'x y? x y\n{"a":"x y"}'
    assert len(calls()) == 1


def test_a_secret_reaches_the_command_but_no_argument_and_no_failure(calls: Callable[[], list[str]]):
    got = failure("sh", "-c", "echo $COMMAND_KEY >&2; exit 3", env=["COMMAND_KEY"])

    assert SECRET not in got.model_dump_json()
    assert "--env COMMAND_KEY" in calls()[0]
    assert SECRET not in calls()[0]


def test_a_container_that_does_not_start_is_told_apart_from_a_command_that_fails(calls: Callable[[], list[str]]):
    got = failure("cannot-start")

    assert "did not start" in got.message
    assert IMAGE in got.fix


def test_the_container_of_a_command_that_was_stopped_is_removed(calls: Callable[[], list[str]], tmp_path: Path):
    begun = tmp_path / "begun"
    found: list[Ended] = []
    thread = threading.Thread(target=lambda: found.append(ended("sh", "-c", f"touch {begun}; sleep 600")))
    thread.start()
    until(begun.exists)

    stop_command("t.1")

    thread.join(60)
    until(lambda: len(calls()) == 2)
    name = calls()[0].partition("--name ")[2].partition(" ")[0]
    assert calls()[1] == f"rm --force --ignore --time 0 {name}"
    assert found[0].failure is not None


def test_a_command_that_ends_by_itself_leaves_its_removal_to_podman(calls: Callable[[], list[str]]):
    assert output("sh", "-c", "echo 1") == 1
    assert [call.split()[0] for call in calls()] == ["run"]


async def test_without_podman_and_docker_the_fix_is_to_install_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    inherited_environment.cache_clear()

    with pytest.raises(UnknownTarget) as refused:
        await KIND.health(declared("true"))

    assert "install podman" in refused.value.fix
    assert "install podman" in failure("true").fix
