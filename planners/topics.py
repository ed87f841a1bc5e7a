"""Topics: what the agents of one task tell each other while they run."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from planners.model import Model

Topic = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$", description="Letters, digits, `_`, `.` and `-`")
]
_Topics = Annotated[tuple[Topic, ...], Field(max_length=32)]


class MailboxTopics(Model):
    """What the agent of a step publishes and hears. Its work is then neither cached nor taken over from other steps."""

    publishes: _Topics = Field(default=(), description="The topics that its agent publishes, or sends requests to")
    subscribes: _Topics = Field(default=(), description="The topics whose messages its agent gets, from the first on")

    @model_validator(mode="after")
    def _names_a_topic(self) -> Self:
        if not self.publishes and not self.subscribes:
            raise ValueError(
                "it names no topics; name those that the step publishes or subscribes to, or leave mailbox out"
            )
        return self
