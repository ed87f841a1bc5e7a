"""Routes for outside systems that answer callbacks: by signed addresses, without an API key, or with one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field, JsonValue

from orchestrator.callback_urls import CallbackAddress, CallbackUrls, callback_urls
from orchestrator.errors import Forbidden
from orchestrator.gateway.protocol import StepAnswer
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.query_names import ClosedQueryRoute
from orchestrator.ingress.request_bodies import json_value
from orchestrator.ingress.responses import problems, sent
from planners.built_in_names import CALLBACK
from planners.model import Model, StepId, TaskId
from reconciler.errors import NotAsked

# Addresses of these need no API key: `CallbackUrls` checks their signature.
SIGNED = ("/v1/callbacks/{task_id}/{step:path}", "/v1/heartbeats/{task_id}/{step:path}")
_Id = Annotated[str, Path(max_length=100, description="The task's id")]
_Step = Annotated[str, Path(max_length=300, description="The step's id")]
_Expires = Annotated[str, Query(max_length=20, description="Part of the signed address")]
_Signature = Annotated[str, Query(max_length=200, description="Part of the signed address")]
_Output = Annotated[JsonValue, Depends(json_value)]
_ANY_JSON = {"requestBody": {"required": False, "content": {"application/json": {"schema": {}}}}}


class CallbackTaken(Model):
    """The message was recorded."""

    task: TaskId = Field(description="The task's id")
    step: StepId = Field(description="The step that has its output now")


class HeartbeatTaken(Model):
    """The heartbeat counts."""

    waiting: bool = Field(description="Whether the callback waits by now; false: the steps before it still run")


def routes(context: IngressContext) -> APIRouter:
    """The routes over a gateway. Outside systems may add parameters of their own to a signed address."""
    router, with_key = APIRouter(prefix="/v1", tags=["tasks"]), APIRouter(route_class=ClosedQueryRoute)
    urls = callback_urls(context.settings)
    _signed(router, context, urls)
    _with_key(with_key, context, urls)
    router.include_router(with_key)
    return router


def _signed(router: APIRouter, context: IngressContext, urls: CallbackUrls | None) -> None:
    gateway = context.gateway

    @router.post(
        SIGNED[0].removeprefix("/v1"),
        summary="Answer a callback by its signed address",
        response_model=CallbackTaken,
        responses=problems(400, 403, 404, 409, 413, 415, 503),
        openapi_extra=_ANY_JSON,
    )
    async def answer_callback(
        task_id: _Id, step: _Step, output: _Output, expires: _Expires = "", signature: _Signature = ""
    ) -> Response:
        """The body, any JSON, is the output of the callback. The address is the permission: no API key is needed."""
        _given(urls).check(TaskId(task_id), StepId(step), expires, signature)
        await gateway.answer(TaskId(task_id), StepId(step), StepAnswer(output=output, by="its signed address"))
        return sent(CallbackTaken(task=TaskId(task_id), step=StepId(step)))

    @router.post(
        SIGNED[1].removeprefix("/v1"),
        summary="Send a heartbeat by a signed address",
        response_model=HeartbeatTaken,
        responses=problems(403, 404, 409, 503),
    )
    async def beat_by_address(
        task_id: _Id, step: _Step, expires: _Expires = "", signature: _Signature = ""
    ) -> Response:
        """Say that the work which a callback waits for goes on. 409: nothing waits for it any more."""
        _given(urls).check(TaskId(task_id), StepId(step), expires, signature)
        return sent(HeartbeatTaken(waiting=await gateway.heartbeat(TaskId(task_id), StepId(step))))


def _with_key(router: APIRouter, context: IngressContext, urls: CallbackUrls | None) -> None:
    gateway = context.gateway

    @router.post(
        "/tasks/{task_id}/callbacks/{step:path}",
        summary="Make the signed address of a callback",
        response_model=CallbackAddress,
        responses=problems(404, 409, 422, 503),
    )
    async def make_address(
        task_id: _Id,
        step: _Step,
        ttl_s: Annotated[
            float | None, Query(gt=0, le=1e9, description="Valid for so long. Default: `callbacks.ttl_s`")
        ] = None,
    ) -> Response:
        """An address at which an outside system answers the callback without an API key."""
        found = await gateway.step(TaskId(task_id), StepId(step))
        if found.capability != CALLBACK:
            raise NotAsked(f"step '{step}' is no callback", "step", "only callbacks have signed addresses")
        return sent(_given(urls).of(TaskId(task_id), StepId(step), ttl_s))

    @router.post(
        "/tasks/{task_id}/heartbeats/{step:path}",
        summary="Send a heartbeat of a callback",
        response_model=HeartbeatTaken,
        responses=problems(404, 409, 503),
    )
    async def beat(task_id: _Id, step: _Step) -> Response:
        """Say that the work which a callback waits for goes on. 409: nothing waits for it any more."""
        return sent(HeartbeatTaken(waiting=await gateway.heartbeat(TaskId(task_id), StepId(step))))


def _given(urls: CallbackUrls | None) -> CallbackUrls:
    if urls is None:
        raise Forbidden("this service has no key that signs addresses", "callbacks.key", "set callbacks.key")
    return urls
