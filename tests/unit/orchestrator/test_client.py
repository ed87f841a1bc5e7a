"""The client in Python: typed answers, typed errors, and the same without await."""

import asyncio
import pickle
from itertools import pairwise

import httpx
import pytest
from virtual_loop import in_virtual_time

from orchestrator.client import patience
from orchestrator.client.client import Client
from orchestrator.client.errors import BadRequest, Busy, NotFound, NotOurs, ServiceFailed, TaskFailed, Unreachable
from orchestrator.task_documents import task_of
from planners.errors import InvalidTask
from planners.tasks import Task
from reconciler.state.commands import RunStatus
from reconciler.state.evidence import FailureEvidence, Frame
from reconciler.state.handoff import Failure, FailureKind

FAILURE = Failure(
    kind=FailureKind.ERROR,
    message="step 'a' failed: KeyError: 'text' at bad.py:9 in summarise",
    fix="mend it",
    evidence=FailureEvidence(agent="digester", frame=Frame(file="bad.py", line=9, function="summarise")),
)


async def test_a_task_goes_in_and_its_output_comes_out(client, gateway, task):
    view = await client.submit(task)
    await gateway.end(view.id, outputs={"digest": [1, 2]})

    assert (await client.wait(view.id)).status is RunStatus.SUCCEEDED
    assert await client.output(view.id, "digest") == [1, 2]
    assert (await client.get(view.id)).outputs == {"digest": [1, 2]}
    assert (await client.plans(view.id)).task == view.id
    assert (await client.timeline(view.id)).bars == ()


async def test_a_task_is_given_as_model_mapping_or_file(client, task, task_file):
    for given in (Task.model_validate(task), task, task_file, str(task_file)):
        assert (await client.submit(given)).status is RunStatus.PLANNING
    assert len((await client.list()).tasks) == 4


async def test_waiting_ends_with_the_patience(client, task):
    view = await client.submit(task)

    assert (await client.wait(view.id, timeout_s=0.02)).status is RunStatus.PLANNING


async def test_waiting_outlasts_many_rounds(client, gateway, task, monkeypatch):
    monkeypatch.setattr("orchestrator.client.client._POLL_S", 0.01)
    view = await client.submit(task)

    waiting = asyncio.create_task(client.wait(view.id))
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    await gateway.end(view.id, RunStatus.FAILED)

    assert (await waiting).status is RunStatus.FAILED


async def test_the_result_of_a_failed_task_is_an_error_that_tells_where_and_why(client, gateway, task):
    failed, good, slow = [(await client.submit(task)).id for _ in range(3)]
    await gateway.end(failed, RunStatus.FAILED, failure=FAILURE)
    await gateway.end(good, outputs={"digest": 7})

    with pytest.raises(TaskFailed) as caught:
        await client.result(failed)
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own

    assert error.failure == FAILURE
    for told in (f"task {failed}: step 'a' failed", "at: bad.py:9 in summarise", "agent digester", "fix: mend it"):
        assert told in str(error)
    assert await client.result(good) == {"digest": 7}
    with pytest.raises(TimeoutError):
        await client.result(slow, timeout_s=0.02)


async def test_refusals_are_typed_and_carry_the_problem(client, gateway, task, monkeypatch):
    with pytest.raises(BadRequest) as caught:
        await client.submit({"workflow": {"steps": [{"id": "a", "capability": "fetsh"}]}})
    assert caught.value.problem.errors[0].field == caught.value.field == "workflow.steps.a.capability"
    with pytest.raises(NotFound):
        await client.get("t1")
    gateway.is_up = False
    monkeypatch.setattr(patience, "PATIENCE_S", 0.0)
    with pytest.raises(Busy) as caught_busy:
        await client.submit(task)
    assert caught_busy.value.retry_after_s == 2
    assert not await client.ready()


async def test_a_service_that_does_not_answer_is_unreachable():
    def refusing(request):
        raise httpx.ConnectError("refused")

    async with Client("http://nowhere", transport=httpx.MockTransport(refusing)) as client:
        with pytest.raises(Unreachable, match="forerun up"):
            await client.agents()
        assert not await client.ready()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("127.0.0.1:8700", httpx.UnsupportedProtocol("missing an 'http://' or 'https://' protocol")),
        ("https://127.0.0.1:8700", httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong version number")),
    ],
)
def test_a_url_of_another_protocol_is_corrected(url, error):
    assert "http://127.0.0.1:8700 " in Unreachable.at(url, error).fix


def test_a_service_that_is_slow_is_not_said_to_be_away():
    assert "did not answer in time" in str(Unreachable.at("http://127.0.0.1:8700", httpx.ReadTimeout("")))


def test_an_invalid_task_is_refused_before_anything_is_sent():
    with pytest.raises(InvalidTask) as caught:
        task_of({"goal": "x", "inpts": {}})
    assert caught.value.field == "inpts"


async def test_what_the_service_knows_is_typed(client):
    assert (await client.agents()).by_name["digester"].quality == 0.7
    assert (await client.nodes()).by_id["n1"].node_class == "small"
    assert await client.learner() == {"outcomes": 0}
    assert await client.ready()


async def answer_of(status=200, text="<html>It works!</html>"):
    def answering(request):
        return httpx.Response(status, text=text)

    return Client("http://elsewhere", transport=httpx.MockTransport(answering))


@pytest.mark.parametrize("ask", ["agents", "learner", "list"])
@pytest.mark.parametrize("text", ["<html>It works!</html>", '{"hello": 1}'])
async def test_another_service_at_the_address_is_recognised(ask, text):
    async with await answer_of(text=text) as client:
        if (ask, text) == ("learner", '{"hello": 1}'):
            return  # whatever JSON is an answer to this
        with pytest.raises(NotOurs, match="--url"):
            await getattr(client, ask)()


async def test_a_status_that_is_in_no_table_is_a_failure_of_the_service():
    async with await answer_of(status=599) as client:
        with pytest.raises(ServiceFailed):
            await client.agents()


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://h:abc", "http://[::1", "http://h:-1"])
def test_an_invalid_url_is_unreachable(url):
    with pytest.raises(Unreachable, match="--url"):
        Client(url)


async def test_many_tasks_go_in_one_request(client, task):
    answer = await client.submit_many([task, task], idempotency_key="k")

    assert [item.task.status for item in answer.items] == [RunStatus.PLANNING] * 2


async def test_a_batch_is_sent_again_while_a_shard_is_away(task, monkeypatch):
    monkeypatch.setattr(patience, "_LEAST_S", 0.0)
    admitted = {"task": {"id": "t1", "status": "planning", "submitted_at_s": 0.0}}
    refused = {"problem": {"title": "away", "status": 503}}
    answers, keys = [[admitted, refused], [refused, admitted], [admitted, admitted]], []

    def answer(request):
        keys.append(request.headers["Idempotency-Key"])
        return httpx.Response(200, json={"items": answers[len(keys) - 1]})

    async with Client("http://forerun", transport=httpx.MockTransport(answer)) as client:
        items = (await client.submit_many([task, task])).items

    assert [item.task.id for item in items] == ["t1", "t1"]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_the_longer_a_shard_is_away_the_longer_are_the_pauses_between_batches(task):
    """A batch may hold a thousand tasks, and the answer to it does not say how long to wait."""
    sent_s = []

    def answer(_request):
        sent_s.append(asyncio.get_running_loop().time())
        return httpx.Response(200, json={"items": [{"problem": {"title": "away", "status": 503}}]})

    async def submitted():
        async with Client("http://forerun", transport=httpx.MockTransport(answer)) as client:
            return (await client.submit_many([task])).items[0].problem.status

    assert in_virtual_time(submitted()) == 503
    pauses_s = [after - before for before, after in pairwise(sent_s)]
    assert pauses_s == sorted(pauses_s)
    assert 5.0 < sum(pauses_s) <= patience.PATIENCE_S
    assert len(sent_s) < 10


async def test_a_task_of_a_batch_that_is_invalid_is_not_sent_again(task):
    refused = {"problem": {"title": "Invalid task", "status": 422}}

    def answer(_request):
        return httpx.Response(200, json={"items": [refused]})

    async with Client("http://forerun", transport=httpx.MockTransport(answer)) as client:
        (item,) = (await client.submit_many([task])).items

    assert item.problem.status == 422


async def test_submitting_may_wait(client, task):
    assert (await client.submit(task, wait_s=0.01)).status is RunStatus.PLANNING


async def test_a_submission_is_sent_again_with_the_same_key_while_a_part_of_the_service_is_away(task, monkeypatch):
    monkeypatch.setattr(patience, "_LEAST_S", 0.0)
    keys = []

    def answer(request):
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) < 3:
            return httpx.Response(503, headers={"Retry-After": "0"}, json={"title": "away", "status": 503})
        return httpx.Response(202, json={"id": "t1", "status": "planning", "submitted_at_s": 0.0})

    async with Client("http://forerun", transport=httpx.MockTransport(answer)) as client:
        view = await client.submit(task)
        await client.submit(task)

    assert view.id == "t1"
    assert len(keys) == 4
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]


AWAY, PLANNING = {"title": "away", "status": 503}, {"id": "t1", "status": "planning", "submitted_at_s": 0.0}


def scripted(*answers):
    """A service that gives these answers, one after the other, or raises them. Returns the client and the requests."""
    asked = []

    def answer(request):
        asked.append(request)
        said = answers[len(asked) - 1]
        if isinstance(said, Exception):
            raise said
        return httpx.Response(said.get("status", 0) if said is AWAY else 200, json=said)

    return Client("http://forerun", transport=httpx.MockTransport(answer)), asked


@pytest.mark.parametrize("lost", [httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError])
def test_a_submission_whose_answer_was_lost_is_sent_again_with_the_same_key_until_the_service_is_back(task, lost):
    client, asked = scripted(lost("gone"), httpx.ConnectError("refused"), AWAY, PLANNING)

    assert in_virtual_time(client.submit(task)).id == "t1"
    assert len({request.headers["Idempotency-Key"] for request in asked}) == 1


def test_a_service_that_stays_away_after_an_answer_was_lost_is_unreachable(task):
    client, asked = scripted(httpx.ReadError("gone"), *[httpx.ConnectError("refused")] * 100)

    with pytest.raises(Unreachable):
        in_virtual_time(client.submit(task))
    assert 3 < len(asked) < 20


@pytest.mark.parametrize("ask", [lambda client, task: client.submit(task), lambda client, _: client.wait("t1")])
def test_a_service_that_was_never_there_is_unreachable_at_once(task, ask):
    client, asked = scripted(httpx.ConnectError("refused"))

    with pytest.raises(Unreachable):
        in_virtual_time(ask(client, task))
    assert len(asked) == 1


@pytest.mark.parametrize("before", [[], [PLANNING]], ids=["first question", "later question"])
def test_waiting_outlasts_a_restart_of_the_service(before):
    gone = [httpx.RemoteProtocolError("gone"), httpx.ConnectError("refused"), AWAY]
    client, asked = scripted(*before, *gone, PLANNING, *gone, {**PLANNING, "status": "succeeded"})

    assert in_virtual_time(client.wait("t1")).status is RunStatus.SUCCEEDED
    assert len(asked) == 8 + len(before)


def test_waiting_for_a_service_that_stays_away_ends():
    client, _ = scripted(PLANNING, *[httpx.ConnectError("refused")] * 100)

    with pytest.raises(Unreachable):
        in_virtual_time(client.wait("t1"))
