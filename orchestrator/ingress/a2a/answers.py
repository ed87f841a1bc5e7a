"""Messages that answer what a task asks: an approval, a callback, or whether an act in doubt has happened."""

from a2a.types import Message
from a2a.utils.errors import InvalidParamsError, UnsupportedOperationError
from pydantic import ValidationError

from orchestrator.gateway.protocol import Gateway, LimitsChange, Resolution, StepAnswer
from orchestrator.ingress.a2a.messages import value_of
from orchestrator.ingress.a2a.tasks import limits_asked, question
from planners.built_in_names import APPROVAL
from reconciler.state.waiting import WaitReason
from reconciler.views.models import TaskView

_YES = frozenset({"yes", "y", "ok", "approve", "approved", "true"})
_NO = frozenset({"no", "n", "reject", "rejected", "deny", "false"})
_BY = "a2a"


async def answered(gateway: Gateway, view: TaskView, message: Message) -> TaskView:
    """Give a message to the step that asks; durable when this returns.

    A callback's output is the whole message. An approval needs yes or no, or data with ``approved``; an act in doubt
    needs data with ``happened``, and ``output``; a limit that is reached needs data with a new one, or ``action``.

    Raises:
        UnsupportedOperationError: the task asks nothing.
        InvalidParamsError: the message is no answer to it.
    """
    asked = question(view)
    if asked is not None:
        return await gateway.answer(view.id, asked.step, _answer(asked, message))
    if view.needs_resolution:
        return await gateway.resolve(view.id, view.in_doubt[0].step, _resolution(message))
    if limits_asked(view):
        return await gateway.change_limits(view.id, _change(message))
    raise UnsupportedOperationError(message=f"task {view.id} does not wait for a message")


def _answer(asked: WaitReason, message: Message) -> StepAnswer:
    value = value_of(message)
    if asked.agent != APPROVAL:
        return StepAnswer(output=value, by=_BY)
    data, text = value["data"], str(value["text"]).strip()
    said = data.get("approved") if isinstance(data, dict) else _meant(text)
    if not isinstance(said, bool):
        raise InvalidParamsError(
            message=f"{asked.message}; answer yes or no, or send data with approved: true or false"
        )
    return StepAnswer(approved=said, comment=text[:2000], by=_BY)


def _meant(text: str) -> bool | None:
    word = text.lower().rstrip(".!")
    return True if word in _YES else False if word in _NO else None


def _change(message: Message) -> LimitsChange:
    data = value_of(message)["data"]
    try:
        return LimitsChange.model_validate({**(data if isinstance(data, dict) else {}), "by": _BY})
    except ValidationError as error:
        raise InvalidParamsError(
            message=f"send data with a new limit, such as budget_usd: 5, or with action: finish or fail; "
            f"{error.errors()[0]['msg']}"
        ) from None


def _resolution(message: Message) -> Resolution:
    data = value_of(message)["data"]
    if not isinstance(data, dict) or not isinstance(data.get("happened"), bool):
        raise InvalidParamsError(message="send data with happened: true or false, and output if it happened")
    return Resolution(happened=data["happened"], output=data.get("output"), by=_BY)
