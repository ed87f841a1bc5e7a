"""Server-sent events: resumable, kept alive, ending with the run."""

import asyncio

import httpx
import pytest

from orchestrator.client.client import Client
from orchestrator.client.errors import Busy, NotFound, Unreachable
from orchestrator.ingress.event_stream import event_stream
from reconciler.views.models import EventPage


@pytest.fixture
async def ended(client, gateway, task) -> str:
    """A run that has ended, with three events."""
    task_id = (await client.submit(task)).id
    await gateway.record(task_id, "run_started")
    await gateway.record(task_id, "attempt_finished", attempt="a/1", handoff={"summary": "line one\nline two"})
    await gateway.end(task_id)
    return task_id


async def test_events_come_with_ids_in_order_and_end_with_the_run(http, ended):
    reply = await http.get(f"/v1/tasks/{ended}/events")

    assert reply.headers["content-type"].startswith("text/event-stream")
    lines = reply.text.splitlines()
    assert [line for line in lines if line.startswith("id: ")] == ["id: 1", "id: 2", "id: 3"]
    assert [line for line in lines if line.startswith("event: ")] == [
        "event: run_started",
        "event: attempt_finished",
        "event: run_ended",
        "event: end",
    ]


@pytest.mark.parametrize("how", [{"headers": {"Last-Event-ID": "2"}}, {"params": {"after": 2}}])
async def test_a_reader_resumes_behind_what_it_has_seen(http, ended, how):
    reply = await http.get(f"/v1/tasks/{ended}/events", **how)

    assert [line for line in reply.text.splitlines() if line.startswith("id: ")] == ["id: 3"]


async def test_a_client_that_has_seen_all_events_gets_204(http, ended):
    assert (await http.get(f"/v1/tasks/{ended}/events", headers={"Last-Event-ID": "3"})).status_code == 204


@pytest.mark.parametrize("how", [{"headers": {"Last-Event-ID": "9" * 20}}, {"params": {"after": 2**63 - 1}}])
async def test_a_client_that_claims_more_events_than_exist_gets_204(http, gateway, ended, how, monkeypatch):
    asked = []

    async def events(task_id, after, wait_s):
        asked.append(after)
        return EventPage(events=(), ended=True)

    monkeypatch.setattr(gateway, "events", events)

    assert (await http.get(f"/v1/tasks/{ended}/events", **how)).status_code == 204
    assert asked == [2**63 - 1]  # databases count no further


async def test_an_event_number_beyond_64_bits_is_refused(http, ended):
    assert (await http.get(f"/v1/tasks/{ended}/events", params={"after": 2**63})).status_code == 422


async def test_a_run_without_events_sends_heartbeats(gateway, client, task):
    task_id = (await client.submit(task)).id
    response = await event_stream(gateway, task_id, 0, heartbeat_s=0.01)
    chunks = response.body_iterator

    first, beat = await anext(chunks), await anext(chunks)
    await gateway.end(task_id)
    rest = [chunk async for chunk in chunks]

    assert first.startswith(b": ")
    assert beat == b": still running\n\n"
    assert rest[-1].startswith(b"event: end")


async def test_events_reach_a_reader_as_they_happen(gateway, client, task):
    task_id = (await client.submit(task)).id
    response = await event_stream(gateway, task_id, 0, heartbeat_s=5)
    chunks = response.body_iterator
    await anext(chunks)

    coming = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    await gateway.record(task_id, "run_started")

    assert b"event: run_started" in await asyncio.wait_for(coming, 5)


async def test_the_client_reads_all_events(client, ended):
    events = [event async for event in client.events(ended)]

    assert [event.seq for event in events] == [1, 2, 3]
    assert events[1].data["handoff"]["summary"] == "line one\nline two"


async def test_the_client_has_nothing_to_read_behind_the_end(client, ended):
    assert [event async for event in client.events(ended, after=3)] == []


async def test_the_client_raises_for_an_unknown_task(client):
    with pytest.raises(NotFound):
        await anext(client.events("t000000000000-0000000000000000"))


BUSY = b"busy"


class _Breaking(httpx.AsyncBaseTransport):
    """Gives a part of the stream, then breaks off; notes where readers resume."""

    def __init__(self, *parts: bytes | Exception) -> None:
        self.parts = list(parts)
        self.resumed_after: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.resumed_after.append(request.headers["Last-Event-ID"])
        part = self.parts.pop(0)
        if isinstance(part, Exception):
            raise part
        if part == BUSY:
            return httpx.Response(503, headers={"Retry-After": "2"}, content=b"")
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=_Cut(part))


class _Cut(httpx.AsyncByteStream):
    def __init__(self, part: bytes) -> None:
        self._part = part

    async def __aiter__(self):
        yield self._part
        if b"event: end" not in self._part:
            raise httpx.RemoteProtocolError("cut off")


def sse(seq: int) -> bytes:
    return f'event: x\ndata: {{"seq":{seq},"at_s":0.5,"kind":"x","data":{{}}}}\nid: {seq}\n\n'.encode()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("orchestrator.client.client.RESUME_S", (0.0, 0.0))


async def test_the_client_resumes_a_stream_that_was_cut_off(impatient):
    transport = _Breaking(
        sse(1) + sse(2), httpx.ConnectError("restarting"), sse(3), sse(4) + b"event: end\ndata: {}\n\n"
    )

    async with Client("http://forerun", transport=transport) as client:
        events = [event.seq async for event in client.events("t")]

    assert events == [1, 2, 3, 4]
    assert transport.resumed_after == ["0", "2", "2", "3"]


async def test_the_client_resumes_when_the_shard_is_back(impatient):
    transport = _Breaking(sse(1), BUSY, sse(2) + b"event: end\ndata: {}\n\n")

    async with Client("http://forerun", transport=transport) as client:
        assert [event.seq async for event in client.events("t")] == [1, 2]


async def test_the_client_raises_if_the_shard_does_not_come_back(impatient):
    async with Client("http://forerun", transport=_Breaking(*[BUSY] * 9)) as client:
        with pytest.raises(Busy):
            await anext(client.events("t"))


async def test_the_client_gives_up_if_the_service_stays_away(impatient):
    async with Client("http://forerun", transport=_Breaking(*[httpx.ConnectError("gone")] * 9)) as client:
        with pytest.raises(Unreachable, match="gone"):
            await anext(client.events("t"))


async def test_a_stream_whose_shard_dies_ends_without_the_end_event(gateway, client, task):
    """So that the client reconnects."""
    task_id = (await client.submit(task)).id
    chunks = (await event_stream(gateway, task_id, 0, heartbeat_s=0.01)).body_iterator
    await anext(chunks)
    gateway.is_up = False

    assert [chunk async for chunk in chunks] == []
