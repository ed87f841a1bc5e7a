"""Who gets which message, and when.

What an unconfirmed attempt publishes is staged: it is delivered once a plan confirms the attempt, and never if that is
flushed. So subscribers hear what the plan of authority says, whatever was guessed. A subscriber that starts late, or
again, gets everything from the beginning.
"""

from collections.abc import Iterable

from planners.model import AttemptId
from planners.steps import Step
from reconciler.state import commands as c
from reconciler.state.attempts import Attempt
from reconciler.state.handoff import Failure, FailureKind
from reconciler.state.messages import MailboxMessage
from reconciler.state.run_data import RunData


def begin(run: RunData, attempt: Attempt) -> None:
    """An attempt was dispatched: it gets what is out already."""
    if attempt.step.mailbox is None:
        return
    run.mailbox.open[attempt.id] = None
    _deliver(run, attempt, (delivered.message for delivered in run.mailbox.log))


def published(run: RunData, attempt: Attempt, message: MailboxMessage) -> None:
    """A live attempt has published a message. One of a flushed attempt is inert."""
    if not attempt.live or attempt.step.mailbox is None:
        return
    if attempt.verdict is None:
        run.mailbox.staged.setdefault(attempt.id, []).append(message)
    else:
        _let_out(run, attempt.id, [message])


def confirm(run: RunData, attempt: AttemptId) -> None:
    """A plan has confirmed an attempt: what it has published gets out."""
    if staged := run.mailbox.staged.pop(attempt, None):
        _let_out(run, attempt, staged)


def exceeded(run: RunData) -> Failure | None:
    """The agents have told each other more than they may."""
    most, told = run.task.limits.mailbox_bytes, run.mailbox.bytes
    if told <= most:
        return None
    message = f"its agents have published {told} bytes of messages, and limits.mailbox_bytes is {most}"
    fix = "publish less, give large values as outputs, or raise limits.mailbox_bytes"
    return Failure(kind=FailureKind.LIMIT, message=message, fix=fix)


def _let_out(run: RunData, sender: AttemptId, messages: Iterable[MailboxMessage]) -> None:
    fresh = [message for message in messages if run.mailbox.add(message, sender, run.at_s)]
    for reader in list(run.mailbox.open):
        attempt = run.attempts[reader]
        if attempt.live:
            _deliver(run, attempt, fresh)
        else:
            del run.mailbox.open[reader]


def _deliver(run: RunData, attempt: Attempt, messages: Iterable[MailboxMessage]) -> None:
    heard = tuple(message for message in messages if _hears(attempt.step, message))
    if heard:
        run.commands.append(c.Deliver(attempt=attempt.id, messages=heard))


def _hears(step: Step, message: MailboxMessage) -> bool:
    assert step.mailbox is not None
    return message.sender != step.id and (message.topic in step.mailbox.subscribes or message.asker == step.id)
