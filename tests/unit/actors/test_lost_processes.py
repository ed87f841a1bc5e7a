"""What is told of attempts whose process could not report their end, and of commands that failed."""

import faulthandler
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from actors.executor.lost_processes import blocked_loop, out_of_memory, worker_lost
from actors.executor.process_remains import (
    ProcessRemains,
    StackFile,
    name_of,
    oom_kills,
    remains_of,
    remove_stale_stacks,
)
from actors.kinds.command_failure import command_failed
from actors.stacks import frame_in, stack_of
from reconciler.state.handoff import FailureKind
from reconciler.views.failure_text import failure_lines

CRASH = """
import faulthandler, signal, os
faulthandler.enable()
def summarise():
    os.kill(os.getpid(), signal.SIGSEGV)
summarise()
"""
EXIT = """
import os
from actors.executor.process_remains import watch
print(watch(None), flush=True)
if os.fork() == 0:
    os._exit(3)
os.wait()
os._exit(7)
"""


@pytest.fixture
def crashed(tmp_path: Path) -> str:
    """What a process that crashed in `summarise` of bad.py has written to stderr."""
    script = tmp_path / "bad.py"
    script.write_text(CRASH)
    return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False).stderr  # noqa: S603 - our own


def test_a_crash_is_told_with_its_signal_and_its_line(crashed: str):
    path = Path(tempfile.gettempdir()) / f"forerun-stack-{uuid4().hex}"
    path.write_text(crashed)
    left = remains_of(str(path), oom_kills())

    failure = worker_lost("writer", left, "WorkerCrashedError")

    assert failure.kind is FailureKind.WORKER_LOST
    assert failure.message == "the process of agent 'writer' died of: Segmentation fault"
    assert failure.evidence.frame.where == "bad.py:5 in summarise"
    assert failure.evidence.exit_code == 128 + signal.SIGSEGV
    assert "exit code: 139 (SIGSEGV)" in " ".join(failure_lines(failure))
    assert "most recent call first" in failure.evidence.traceback
    assert not path.exists()


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """After how many seconds stacks are to be written, each time that a timer starts; None: one was stopped."""
    found: list[float | None] = []
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda after_s, file: found.append(after_s))
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", lambda: found.append(None))
    monkeypatch.setattr(faulthandler, "enable", lambda file, all_threads: None)
    return found


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, timers: list[float | None], tmp_path: Path) -> Iterator[StackFile]:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(StackFile, "_tell_exit", lambda _: None)
    made = StackFile()
    yield made
    made._file.close()


def test_short_attempts_that_follow_one_another_share_a_timer(file: StackFile, timers: list[float | None]):
    for _ in range(3):
        file.watch_next(100.0)
    file.watch_next(None)
    file.watch_next(None)

    assert timers == [None, 95.0, None]


def test_a_timer_that_would_be_much_too_early_starts_anew(
    file: StackFile, timers: list[float | None], monkeypatch: pytest.MonkeyPatch
):
    file.watch_next(100.0)
    later_s = time.monotonic() + 11.0
    monkeypatch.setattr(time, "monotonic", lambda: later_s)

    file.watch_next(100.0)

    assert timers == [None, 95.0] * 2


def test_the_stacks_of_an_earlier_attempt_are_not_those_of_the_next(file: StackFile):
    file.watch_next(100.0)
    file._file.write(b"stacks")

    file.watch_next(100.0)

    assert file.path.read_bytes() == b""


def test_a_process_that_was_killed_is_told_without_a_line():
    failure = worker_lost("writer", ProcessRemains(), "WorkerCrashedError", stderr="bye")

    assert "was killed, or it ended itself" in failure.message
    assert failure.evidence.frame is None
    assert failure.evidence.stderr == "bye"
    assert "memory" in failure.fix


def test_a_process_that_ends_itself_is_told_with_its_exit_code_and_its_children_are_not(tmp_path: Path):
    script = tmp_path / "ends.py"
    script.write_text(EXIT)
    path = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - our own

    left = remains_of(path, -1)  # as if the kernel had ended another process at the same time

    assert not left.oom_killed
    failure = worker_lost("writer", left, "WorkerCrashedError")

    assert failure.message == "the process of agent 'writer' ended itself by os._exit(7)"
    assert failure.evidence.exit_code == 7
    assert not failure.evidence.traceback
    assert "os._exit" in failure.fix


def test_a_process_that_ends_before_it_was_heard_of_is_found_by_its_attempt(tmp_path: Path):
    script = tmp_path / "exits.py"
    script.write_text(EXIT.replace("watch(None)", "watch(None, 'task/1.2')"))
    told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False).stdout  # noqa: S603 - our own
    path = Path(told.strip())

    assert remains_of(name_of("task/1.2"), 0).exit_code == 7
    assert not path.exists()
    assert not path.with_name(name_of("task/1.2")).is_symlink()


def test_a_link_to_something_else_is_not_followed(tmp_path: Path):
    other, link = tmp_path / "precious", Path(tempfile.gettempdir()) / name_of(uuid4().hex)
    other.write_text("x")
    link.symlink_to(other)

    assert remains_of(link.name, 0).stack == ""
    assert other.exists()
    link.unlink()


def test_links_to_what_is_gone_are_removed(tmp_path: Path):
    link = Path(tempfile.gettempdir()) / name_of(uuid4().hex)
    link.symlink_to(tmp_path / "gone")

    remove_stale_stacks()

    assert not link.is_symlink()


def test_only_stacks_are_read_and_removed(tmp_path: Path):
    other = tmp_path / "precious"
    other.write_text("x")

    assert remains_of(str(other), 0).stack == ""
    assert other.exists()


def test_a_process_that_ray_ended_for_memory_is_told_as_such():
    told = "Task was killed due to the node running low on memory.\nMemory on the node was 7.61GB / 8.00GB (0.951250)"

    failure = out_of_memory("writer", "node-1", told)

    assert failure.message == (
        "node node-1 ran out of memory, which ended the process of agent 'writer': 7.61GB of 8.00GB were in use"
    )
    assert "memory_bytes" in failure.fix


def test_a_blocked_loop_is_told_with_the_line_that_blocks_it(tmp_path: Path):
    with (tmp_path / "stack").open("w+") as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        stack = file.read()

    failure = blocked_loop("waiter", 10.0, stack)

    assert failure.evidence.frame.function == "test_a_blocked_loop_is_told_with_the_line_that_blocks_it"
    assert failure.evidence.traceback == stack
    assert "Extension modules" not in stack_of(stack, "anything")


def test_of_several_stacks_that_of_the_thread_in_question_is_found():
    stacks = (
        'Thread 0x01 (most recent call first):\n  File "/x/idle.py", line 1 in wait\n\n'
        'Thread 0x02 (most recent call first):\n  File "/x/bad.py", line 9 in f\n'
        '  File "/x/containment.py", line 2 in send\n'
        '\nThread 0x03 (most recent call first):\n  File "/x/other.py", line 3 in main\n'
    )

    found = stack_of(stacks, "containment.py")

    assert frame_in(found).where == "bad.py:9 in f"
    assert "idle" not in found
    assert "other" not in found


def test_the_last_traceback_of_a_program_tells_its_line():
    text = (
        'noise\nTraceback (most recent call last):\n  File "/x/bad.py", line 9, in <module>\n    f()\nValueError: x\n'
    )

    assert frame_in(text).where == "bad.py:9 in <module>"
    assert frame_in("no stack at all") is None


@pytest.mark.parametrize(
    ("code", "stderr", "message", "fix"),
    [
        (7, "first\noh no\n", "'sh' ended with exit code 7: oh no", "by hand"),
        (127, "sh: No such file or directory", "exit code 127", "install 'sh'"),
        (137, "", "'sh' ended with exit code 137 (SIGKILL)", "memory"),
        (200, "", "'sh' ended with exit code 200", "by hand"),
    ],
)
def test_a_command_that_failed_tells_its_exit_code_and_last_line(code: int, stderr: str, message: str, fix: str):
    error = command_failed(("sh", "-c"), code, stderr)

    assert message in error.message
    assert fix in error.fix
    assert (error.exit_code, error.stderr) == (code, stderr)
