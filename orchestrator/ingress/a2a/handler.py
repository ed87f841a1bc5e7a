"""What A2A clients ask for, answered by the gateway. The SDK speaks the protocol; this says what each request does."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial

from a2a.server.context import ServerCallContext
from a2a.server.events import Event
from a2a.server.request_handlers import RequestHandler
from a2a.server.request_handlers.request_handler import validate_request_params
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
    TaskArtifactUpdateEvent,
    TaskPushNotificationConfig,
    TaskState,
    TaskStatusUpdateEvent,
)
from a2a.utils.errors import (
    InvalidParamsError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    UnsupportedOperationError,
)
from a2a.utils.task import apply_history_length, validate_history_length

from orchestrator.ingress.a2a.answers import answered
from orchestrator.ingress.a2a.errors import as_a2a
from orchestrator.ingress.a2a.listing import listed
from orchestrator.ingress.a2a.messages import artifacts_of, check_media_types, inputs_of, message_of, named_skill
from orchestrator.ingress.a2a.tasks import (
    TERMINAL,
    VIA,
    context_of,
    history_of,
    labels_of,
    state_of,
    status_of,
    task_of,
)
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.restarts import through_restarts
from orchestrator.ingress.skills import default_skill, skills
from planners.model import TaskId
from reconciler.views.models import EncodedEvent, TaskView

_ANSWERED = "step_answered"
_WAIT_S = 30.0  # of one question to the gateway; streams ask again


class ForerunRequestHandler(RequestHandler):
    """One per replica. Tasks outlive it, and another replica can answer about them."""

    def __init__(self, context: IngressContext, card: Callable[[], AgentCard]) -> None:
        """Set up. ``card`` makes the card of this moment."""
        self._context = context
        self._gateway = context.gateway
        self._card = card

    # ---- messages

    @validate_request_params
    async def on_message_send(self, params: SendMessageRequest, context: ServerCallContext) -> Task | Message:
        """Start a task, or answer what one asks; returns when it has ended or asks for input, or at once."""
        view = await self._received(params)
        if not params.configuration.return_immediately:
            async for seen in self._views(view, until_asked=True):
                view = seen
        if view.outputs is not None and (message := message_of(view.outputs, context_of(view))) is not None:
            return message
        return apply_history_length(await self._whole(view), params.configuration)

    @validate_request_params
    async def on_message_send_stream(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """The same, with every change of the task on the way."""
        view = await self._received(params)
        yield apply_history_length(await self._whole(view), params.configuration)
        async for event in self._events(view, until_asked=True):
            yield event

    async def _received(self, params: SendMessageRequest) -> TaskView:
        """Do what a message asks for.

        Raises:
            A2AError: it cannot be done.
        """
        message = params.message
        validate_history_length(params.configuration)
        with as_a2a():
            if message.task_id:
                return await self._followed_up(message)
            return await self._started(message)

    async def _started(self, message: Message) -> TaskView:
        offered = skills(await self._context.recent_catalog(), self._context.settings)
        name = named_skill(message)
        skill = default_skill(offered, self._context.settings) if name is None else offered.get(name)
        if skill is None:
            fix = f"name one of its skills in metadata.skill: {', '.join(offered) or 'it has none'}"
            raise InvalidParamsError(message=f"no skill '{name}'; {fix}" if name is not None else fix)
        check_media_types(message, skill)
        labels = labels_of(message, message.context_id or uuid.uuid4().hex)
        task = skill.task(inputs_of(message, skill), labels)
        return await self._gateway.submit(await self._context.admit(task, None))

    async def _followed_up(self, message: Message) -> TaskView:
        view = await self._gateway.read(TaskId(message.task_id), TaskView)
        if message.context_id and message.context_id != context_of(view):
            raise InvalidParamsError(
                message=f"task {view.id} belongs to the context {context_of(view)}, not {message.context_id}"
            )
        if state_of(view) in TERMINAL:
            raise UnsupportedOperationError(message=f"task {view.id} has ended; send the message without a task id")
        return await answered(self._gateway, view, message)

    # ---- tasks

    @validate_request_params
    async def on_get_task(self, params: GetTaskRequest, context: ServerCallContext) -> Task | None:
        """A task as it is now."""
        validate_history_length(params)
        return apply_history_length(await self._whole(await self._view(params.id)), params)

    @validate_request_params
    async def on_list_tasks(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        """Tasks that came over A2A, those that changed last first."""
        validate_history_length(params)
        with as_a2a():
            return await listed(self._gateway, params)

    @validate_request_params
    async def on_cancel_task(self, params: CancelTaskRequest, context: ServerCallContext) -> Task | None:
        """Cancel a task that has not ended."""
        view = await self._view(params.id)
        if state_of(view) in TERMINAL:
            raise TaskNotCancelableError(message=f"task {view.id} has ended")
        with as_a2a():
            await self._gateway.cancel(view.id, "cancelled over A2A")
            return await self._whole(await self._gateway.wait(view.id, _WAIT_S))

    @validate_request_params
    async def on_subscribe_to_task(
        self, params: SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """A task as it is now, then its changes until it ends."""
        view = await self._view(params.id)
        if state_of(view) in TERMINAL:
            raise UnsupportedOperationError(message=f"task {view.id} has ended; get it instead")
        yield await self._whole(view)
        async for event in self._events(view, until_asked=False):
            yield event

    async def _view(self, task_id: str) -> TaskView:
        with as_a2a():
            return await self._gateway.read(TaskId(task_id), TaskView)

    async def _whole(self, view: TaskView) -> Task:
        with as_a2a():
            answers: list[EncodedEvent] = []
            # Only tasks that came over A2A have a history, and reading it takes all events.
            after, ended = 0, VIA not in view.labels
            while not ended:
                page = await through_restarts(partial(self._gateway.events, view.id, after, 0.0))
                answers += [event for event in page.events if event.kind == _ANSWERED]
                ended = not page.events
                after = page.events[-1].seq if page.events else after
        return task_of(view, history_of(view, answers))

    async def _views(self, view: TaskView, *, until_asked: bool) -> AsyncIterator[TaskView]:
        """The task after each change that A2A can tell, until it has ended, or asks for input."""
        seq, state = 0, state_of(view)
        while not (state in TERMINAL or (until_asked and state == TaskState.TASK_STATE_INPUT_REQUIRED)):
            with as_a2a():
                changes = await through_restarts(partial(self._gateway.changes, view.id, seq, _WAIT_S))
                view = changes.view
                if changes.ended:  # what has changed may leave outputs out
                    view = await through_restarts(partial(self._gateway.read, view.id, TaskView))
            seq = changes.seq
            if state_of(view) != state:
                state = state_of(view)
                yield view

    async def _events(self, view: TaskView, *, until_asked: bool) -> AsyncIterator[Event]:
        context_id = context_of(view)
        async for seen in self._views(view, until_asked=until_asked):
            for artifact in artifacts_of(seen.outputs or {}):
                yield TaskArtifactUpdateEvent(
                    task_id=view.id, context_id=context_id, artifact=artifact, last_chunk=True
                )
            yield TaskStatusUpdateEvent(task_id=view.id, context_id=context_id, status=status_of(seen))

    # ---- what is not offered

    async def on_create_task_push_notification_config(
        self, params: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Refuse: the card says that there are no push notifications."""
        raise PushNotificationNotSupportedError

    async def on_get_task_push_notification_config(
        self, params: GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Refuse: the card says that there are no push notifications."""
        raise PushNotificationNotSupportedError

    async def on_list_task_push_notification_configs(
        self, params: ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> ListTaskPushNotificationConfigsResponse:
        """Refuse: the card says that there are no push notifications."""
        raise PushNotificationNotSupportedError

    async def on_delete_task_push_notification_config(
        self, params: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        """Refuse: the card says that there are no push notifications."""
        raise PushNotificationNotSupportedError

    async def on_get_extended_agent_card(
        self, params: GetExtendedAgentCardRequest, context: ServerCallContext
    ) -> AgentCard:
        """The card with all skills. Whoever gets here has shown a key, where keys are needed."""
        card = self._card()
        if not card.capabilities.extended_agent_card:
            raise UnsupportedOperationError(message="the public card tells everything")
        return card
