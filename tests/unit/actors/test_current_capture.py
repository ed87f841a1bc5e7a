"""Prints and log records find the attempt whose code makes them: threads, executors, asyncio tasks, subprocesses."""
# ruff: noqa: T201 - prints are what is tested

import asyncio
import contextlib
import io
import logging
import multiprocessing
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.logs.attempt_capture import AttemptCapture
from actors.logs.current import capturing, current_capture, install, uninstall
from actors.logs.limits import LogLimits
from planners.model import AttemptId


def new(name: str = "t.1") -> AttemptCapture:
    return AttemptCapture(AttemptId(name), LogLimits())


def texts(capture: AttemptCapture) -> list[str]:
    last = capture.close()
    return [] if last is None else [line.text for line in last.lines()]


async def test_asyncio_tasks_that_run_at_once_print_to_their_own_attempts():
    captures = [new(f"t.{number}") for number in range(3)]
    both = asyncio.Barrier(3)

    async def agent(number: int) -> None:
        with capturing(captures[number]):
            print(f"{number} begins")
            await both.wait()
            await asyncio.gather(child(number), asyncio.to_thread(print, f"{number} in a thread"))

    async def child(number: int) -> None:
        await asyncio.sleep(0)
        print(f"{number} in a task of its own")

    await asyncio.gather(*map(agent, range(3)))

    for number, capture in enumerate(captures):
        assert sorted(texts(capture)) == [f"{number} begins", f"{number} in a task of its own", f"{number} in a thread"]


def test_threads_and_executors_carry_the_attempt_on():
    capture, other = new(), new("t.2")

    with ThreadPoolExecutor(1) as shared:
        with capturing(capture):
            thread = threading.Thread(target=print, args=("from a thread",))
            thread.start()
            thread.join()
            shared.submit(print, "from a pool").result()
            with ThreadPoolExecutor() as own:
                list(own.map(print, ["one", "two"]))
        with capturing(other):  # the thread of the pool was started for the first attempt
            shared.submit(print, "for another attempt").result()
            shared.submit(logging.getLogger("x").error, "also").result()

    assert sorted(texts(capture)) == ["from a pool", "from a thread", "one", "two"]
    assert texts(other) == ["for another attempt", "also"]


async def test_the_default_executor_of_a_loop_carries_the_attempt_on():
    capture = new()

    with capturing(capture):
        await asyncio.get_running_loop().run_in_executor(None, print, "from the default executor")

    assert texts(capture) == ["from the default executor"]


def test_what_belongs_to_no_attempt_goes_where_it_went_before(capsys):
    install()
    try:
        print("no attempt")
        with capturing(new()) as _:
            foreign = threading.Thread(target=print, args=("carried",))
        foreign.start()
        foreign.join()
    finally:
        uninstall()

    assert capsys.readouterr().out == "no attempt\ncarried\n"


def test_in_a_process_of_one_attempt_foreign_threads_belong_to_it():
    capture, ready, go = new(), threading.Event(), threading.Event()

    def foreign() -> None:
        ready.set()
        go.wait()
        print("from a thread that was there before")

    thread = threading.Thread(target=foreign)
    thread.start()
    ready.wait()
    with capturing(capture, process_wide=True):
        go.set()
        thread.join()

    assert texts(capture) == ["from a thread that was there before"]


def test_log_records_are_lines_once_with_their_level_whatever_handlers_there_are(capsys):
    capture, root = new(), logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers[:] = []
    try:
        with capturing(capture):
            logging.getLogger("no.handler").error("error %d", 1)
            logging.basicConfig(level=logging.DEBUG)
            logging.getLogger("a.b").debug("debug")
            quiet = logging.getLogger("quiet")
            quiet.propagate = False
            quiet.warning("not propagated")
    finally:
        root.handlers[:], root.level = before
        quiet.propagate = True

    lines = capture.close().lines()
    assert [(line.level, line.logger, line.text) for line in lines] == [
        ("error", "no.handler", "error 1"),
        ("debug", "a.b", "debug"),
        ("warning", "quiet", "not propagated"),
    ]
    assert capsys.readouterr().err == ""


def test_stderr_and_bytes_are_lines():
    capture = new()

    with capturing(capture):
        print("to stderr", file=sys.stderr)
        sys.stdout.buffer.write("bytes ü\n".encode())
        with pytest.raises(TypeError):
            sys.stdout.write(b"bytes")  # type: ignore[arg-type]

    lines = [(line.stream, line.text) for line in capture.close().lines()]
    assert lines == [("stderr", "to stderr"), ("stdout", "bytes ü")]


def test_what_is_printed_while_a_line_is_added_is_no_deadlock():
    class Noisy:
        def __str__(self) -> str:
            print("noise")
            return "record"

    capture = new()

    with capturing(capture):
        logging.getLogger("x").error("%s", Noisy())

    assert texts(capture) == ["noise", "record"]


@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_child_prints_to_the_stream_beneath(capfd):
    capture = new()

    with capturing(capture):
        child = multiprocessing.get_context("fork").Process(target=_prints)
        child.start()
        child.join()

    assert texts(capture) == []
    assert "from a child" in capfd.readouterr().out


def _prints() -> None:
    print("from a child")
    sys.stdout.flush()


def test_the_hooks_are_gone_after_the_last_capture():
    before = sys.stdout, sys.stderr, threading.Thread.start, ThreadPoolExecutor.submit, logging.Logger.callHandlers

    with capturing(new()), capturing(new("t.2")):
        assert sys.stdout is not before[0]
    after = sys.stdout, sys.stderr, threading.Thread.start, ThreadPoolExecutor.submit, logging.Logger.callHandlers

    assert after == before
    assert current_capture() is None


def test_streams_replaced_while_a_capture_is_open_do_not_hide_the_next_one():
    with capturing(new()):
        mine = io.StringIO()
        with contextlib.redirect_stdout(mine):
            second = new("t.2")
            with capturing(second):
                print("to the second")
            print("to the redirected stream")

    assert mine.getvalue() == "to the redirected stream\n"
    assert texts(second) == ["to the second"]
