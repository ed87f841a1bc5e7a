"""What the agents of a run have told each other, as the timeline shows it. Pure."""

from planners.model import AttemptId
from reconciler.state.messages import MailboxMessage
from reconciler.state.run import RunState
from reconciler.views.models import MessageNote

MOST_MESSAGES = 1_000


def message_notes(run: RunState) -> tuple[MessageNote, ...]:
    """The last messages, those that are staged behind those that are out."""
    out = run.mailbox.log[-MOST_MESSAGES:]
    staged = [(message, attempt) for attempt, messages in run.mailbox.staged.items() for message in messages]
    notes = [_note(one.message, one.attempt, one.at_s) for one in out]
    notes += [_note(message, attempt, None) for message, attempt in staged[:MOST_MESSAGES]]
    return tuple(notes[-MOST_MESSAGES:])


def _note(message: MailboxMessage, attempt: AttemptId, at_s: float | None) -> MessageNote:
    return MessageNote(
        id=message.id,
        step=message.sender,
        attempt=attempt,
        topic=message.topic,
        reply_to=message.reply_to,
        size_bytes=message.size,
        at_s=at_s,
    )
