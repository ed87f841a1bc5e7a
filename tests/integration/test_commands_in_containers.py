"""Commands in containers of podman: what they reach, what they are stopped at, and that nothing of them survives.

The image is made of busybox; nothing is pulled. Needs: apt-get install podman runc busybox-static.
"""

import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from http_counterpart import http_counterpart
from invocations import invocation_of
from podman_images import busybox_image, containers, podman, processes
from polling import until

from actors.catalog import parse_catalog
from actors.executor.execution import run_in_process
from actors.invocation import Ended
from actors.kinds.command_agent import stop_command
from actors.kinds.container import ContainerOwner
from actors.kinds.container_runtime import container_program, new_name, sweep
from planners.agents import AgentSpec
from reconciler.state.handoff import Failure


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with busybox_image() as name:
        yield name


def invocation(
    image: str, *target: str, inputs: dict[str, Any] | None = None, env: tuple[str, ...] = (), **settings: Any
) -> Any:
    entry = {"name": "runs", "capability": "run", "kind": "command", "target": list(target)}
    agent: AgentSpec = parse_catalog({"agents": [{**entry, "settings": {"image": image, **settings}}]}).agents[0]
    return invocation_of(agent, inputs or {}, env=env)


def ended(image: str, *target: str, **more: Any) -> Ended:
    return run_in_process(invocation(image, *target, **more), ()).ended


def output(image: str, *target: str, **more: Any) -> Any:
    end = ended(image, *target, **more)
    assert end.handoff is not None, end.failure
    return end.handoff.output


def failure(image: str, *target: str, **more: Any) -> Failure:
    end = ended(image, *target, **more)
    assert end.failure is not None, end.handoff
    return end.failure


def test_it_gets_its_inputs_and_gives_its_output_as_every_command(image: str):
    script = 'cat question.txt >&2; cat; sort -r numbers.txt > sorted.txt; [ "$1" = "x y" ]'
    files = {"question.txt": "?", "numbers.txt": "1\n2\n"}

    got = output(
        image,
        *("sh", "-c", script, "sh"),
        inputs={"a": "x y"},
        arguments=["{{ a }}"],
        files=files,
        output="sorted.txt",
        format="text",
    )

    assert got == "2\n1\n"
    assert output(image, "sh", "-c", "cat", inputs={"a": "é"}) == {"a": "é"}
    assert containers(image) == []


def test_it_sees_of_the_machine_only_what_is_mounted_and_has_the_declared_variables_only(image: str, tmp_path: Path):
    (tmp_path / "known").write_text('"told"')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNDECLARED_KEY", "secret")
        seen = output(image, "env", format="text")

    assert "can't open" in failure(image, "cat", str(tmp_path / "known")).message
    assert output(image, "cat", str(tmp_path / "known"), sandbox={"readable": [str(tmp_path)]}) == "told"
    refused = failure(image, "touch", f"{tmp_path}/new", sandbox={"readable": [str(tmp_path)]})
    assert "read-only" in refused.message.lower()
    assert "FORERUN_ATTEMPT=t.1" in seen
    assert "UNDECLARED_KEY" not in seen


def test_it_connects_nowhere_unless_it_may(image: str):
    with http_counterpart() as server:
        server.answers["/"] = (200, {}, {"got": "it"})

        got = failure(image, "wget", "-q", "-T", "5", "-O", "-", f"{server.url}/")

    assert got.evidence is not None
    assert server.seen == []


def test_it_is_stopped_at_its_limits(image: str):
    memory = failure(image, "tail", "/dev/zero", sandbox={"memory_bytes": 32 * 1024**2})
    forks = failure(image, "sh", "-c", "for i in $(seq 30); do sleep 60 & done; echo 1", sandbox={"processes": 8})

    assert "SIGKILL" in memory.message
    assert "memory_bytes" in memory.fix
    assert "fork" in forks.message


def test_an_unknown_program_and_an_unknown_image_are_told_apart(image: str):
    program = failure(image, "does-not-exist")
    unknown = failure("localhost/forerun-has-no-such-image:1", "sh")

    assert f"in {image}" in program.fix
    assert "did not start" in unknown.message
    assert "localhost/forerun-has-no-such-image:1" in unknown.fix


def test_a_stopped_command_leaves_no_process_and_no_container(image: str):
    mark = "86411"
    call = invocation(image, "sh", "-c", f"trap '' TERM; setsid sleep {mark} & sleep {mark}")
    thread = threading.Thread(target=run_in_process, args=(call, ()))
    thread.start()
    until(lambda: len(processes(mark)) == 2)

    stop_command(call.attempt)

    thread.join(60)
    until(lambda: not processes(mark) and not containers(image))


def test_nothing_is_left_when_the_process_of_the_attempt_is_killed(image: str):
    mark = "86412"
    call = invocation(image, "sh", "-c", f"sleep {mark}")
    code = (
        "import pickle, sys; from actors.executor.execution import run_in_process;"
        "run_in_process(pickle.load(sys.stdin.buffer), ())"
    )

    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(call))
        process.stdin.close()
        try:
            until(lambda: bool(processes(mark)))
        finally:
            process.send_signal(signal.SIGKILL)

    until(lambda: not processes(mark) and not containers(image))


def test_containers_whose_process_has_ended_are_swept_and_others_stay(image: str):
    mine = ContainerOwner.of(new_name())
    assert mine is not None
    gone, alive = ContainerOwner(mine.kernel, mine.pid, mine.started - 1).name("aa"), mine.name("bb")
    for name in (gone, alive, "forerun-of-a-person"):
        podman("create", "--name", name, "--pull", "never", image, "sleep", "1")
    program = container_program()
    assert program is not None

    assert gone in sweep(program)

    assert sorted(containers(image)) == sorted([alive, "forerun-of-a-person"])
    podman("rm", "--force", *containers(image))
