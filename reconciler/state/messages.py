"""Messages between the agents of one task."""

from pydantic import Field, JsonValue

from planners.model import Model, StepId, canonical_json


class MailboxMessage(Model):
    """A message that an attempt has published. It is delivered at least once; ``id`` tells repetitions.

    ``id`` is that of the step and the number of the message, ``draft/0``: a retry that publishes the same again uses it
    again. A reply has no topic; it goes to the step that asked.
    """

    id: str = Field(description="The step and the number of the message among those of the attempt")
    topic: str = Field(default="", description="The topic; empty for a reply")
    body: JsonValue = Field(default=None, description="What is told")
    reply_to: str = Field(default="", description="The id of the message that is answered; empty if none is")

    @property
    def sender(self) -> StepId:
        """The step that has published it."""
        return StepId(self.id.rpartition("/")[0])

    @property
    def asker(self) -> StepId | None:
        """The step whose message it answers; None if it is no reply."""
        return StepId(self.reply_to.rpartition("/")[0]) if self.reply_to else None

    @property
    def size(self) -> int:
        """Bytes of its body as JSON."""
        return len(canonical_json(self.body).encode())
