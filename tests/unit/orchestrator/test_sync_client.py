"""The client without await: used in threads, interrupted, closed while it waits, and in a process that was forked."""

import asyncio
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from orchestrator.client.blocking import SyncClient
from orchestrator.client.client import Client
from orchestrator.client.errors import NotFound, Unreachable
from reconciler.state.commands import RunStatus


def test_the_same_client_without_await(app, gateway, task):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    with SyncClient(Client("http://forerun", transport=transport)) as client:
        view = client.submit(task)
        assert client.cancel(view.id, "enough").status is RunStatus.CANCELLED
        assert [event.kind for event in client.events(view.id)] == ["cancel_requested", "run_ended"]
        assert client.url == "http://forerun"
        with pytest.raises(NotFound):
            client.get("t1")
        with pytest.raises(AttributeError):
            client.nonsense()


def test_leaving_the_loop_over_events_early_closes_the_connection(app, gateway, task):
    closed = []

    class Reading(Client):
        async def events(self, task_id, after=0):
            try:
                async for event in super().events(task_id, after):
                    yield event
            finally:
                closed.append(task_id)

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with SyncClient(Reading("http://forerun", transport=transport)) as client:
        view = client.submit(task)
        client.cancel(view.id)
        for _event in client.events(view.id):
            break
        assert closed == [view.id]


def test_the_sync_client_works_without_a_with_block_until_it_is_closed(app, gateway, task):
    client = SyncClient(Client("http://forerun", transport=httpx.ASGITransport(app, raise_app_exceptions=False)))

    view = client.submit(task)
    assert client.get(view.id).id == view.id

    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get(view.id)


def test_the_sync_client_completes_its_methods():
    names = dir(Client.sync())

    assert {"submit", "wait", "events", "close", "url"} <= set(names)
    assert {"aclose", "sync"}.isdisjoint(names)


def test_an_invalid_url_is_refused_when_the_sync_client_is_made():
    with pytest.raises(Unreachable):
        Client.sync("http://h:abc")


def test_threads_that_share_a_sync_client_share_its_event_loop(app):
    client = SyncClient(Client("http://forerun", transport=httpx.ASGITransport(app)))
    together = threading.Barrier(8)

    def ask(_number):
        together.wait()
        return client.ready()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    loops = [thread for thread in threading.enumerate() if thread.name == "forerun-client"]
    client.close()

    assert all(answers)
    assert len(loops) == 1


def test_closing_a_sync_client_ends_the_calls_of_other_threads():
    asked = threading.Event()

    class Waiting(Client):
        async def get(self, task_id):
            asked.set()
            await asyncio.Event().wait()

    client = SyncClient(Waiting())
    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(client.get, "t")
        asked.wait()
        client.close()

        with pytest.raises(RuntimeError, match="closed meanwhile"):
            asking.result()


@pytest.fixture
def _interrupted_once():
    """The first SIGINT interrupts; others have no effect."""

    def interrupt(*_):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupted_once")
def test_an_interrupt_ends_what_the_sync_client_waits_for():
    ended = threading.Event()

    class Interrupted(Client):
        async def events(self, task_id, after=0):
            try:
                while True:  # a signal just before the main thread waits does not wake it
                    os.kill(os.getpid(), signal.SIGINT)
                    await asyncio.sleep(0.01)
                yield task_id
            finally:
                ended.set()

    with SyncClient(Interrupted()) as client, pytest.raises(KeyboardInterrupt):
        next(client.events("t"))
    assert ended.is_set()


def test_a_forked_process_is_told_that_it_needs_a_sync_client_of_its_own(app, monkeypatch):
    """No thread runs the event loop there: a call, or closing the client, would wait for ever."""
    client, pid = SyncClient(Client("http://forerun", transport=httpx.ASGITransport(app))), os.getpid()
    assert client.ready()

    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: pid + 1)
        with pytest.raises(RuntimeError, match="forked"):
            client.ready()
        client._loop.close()

    assert client.ready()
    client.close()
