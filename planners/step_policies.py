"""What a step declares about time, failures and repetition. All of it is optional."""

from pydantic import Field

from planners.context_keys import Writes
from planners.expressions.checks import Check
from planners.model import AgentName, Model
from planners.node_fields import WithInputs, optional_s
from planners.policies import Compact, Hedge, StepRetry
from planners.topics import MailboxTopics


class Compensation(WithInputs):
    """The work that undoes what a step has done, if the task fails or is cancelled afterwards.

    Its inputs may read what the step itself reads, and the output of the step.
    """

    capability: str = Field(min_length=1, description="What undoes the step: the capability of some agent")
    agent: AgentName | None = Field(default=None, description="Only this agent. Default: the planner chooses")
    timeout_s: float | None = optional_s("Seconds of one attempt, in place of what the agent declares")
    retry: StepRetry | None = Field(
        default=None,
        exclude_if=lambda retry: retry is None,
        description="How it is retried, in place of what its agent declares",
    )


class StepPolicies(Model):
    """The part of a step that says what happens when it is late or fails."""

    timeout_s: float | None = optional_s("Seconds of one attempt, in place of what the agent declares")
    idle_s: float | None = optional_s("Seconds without progress of one attempt, in place of what the agent declares")
    deadline_s: float | None = optional_s("When it must have finished, in seconds from the task's admission")
    retry: StepRetry | None = Field(
        default=None,
        exclude_if=lambda retry: retry is None,
        description="How the work is retried, in place of what its agent declares",
    )
    check: Check | None = Field(
        default=None,
        exclude_if=lambda check: check is None,
        description="A condition over $output and $confidence. An output that does not fulfil it is a failure, and the "
        "agent is told",
    )
    writes: Writes = Field(
        default_factory=dict,
        exclude_if=lambda writes: not writes,
        description="What it writes to the context of the task: key -> `$output` or a part of it, or `$context.KEY` of "
        "what its agent returns. A list of keys means the latter",
    )
    mailbox: MailboxTopics | None = Field(
        default=None,
        exclude_if=lambda mailbox: mailbox is None,
        description="The topics by which its agent talks with those of other steps while they run",
    )
    compact: Compact | None = Field(
        default=None,
        exclude_if=lambda compact: compact is None,
        description="The step shortens one of its inputs if that is too long, and passes it on as it is otherwise",
    )
    compensate: Compensation | None = Field(
        default=None,
        exclude_if=lambda compensate: compensate is None,
        description="What undoes the step, if the task fails or is cancelled after the step has succeeded",
    )
    cache: bool | None = Field(
        default=None,
        exclude_if=lambda cache: cache is None,
        description="false: the result cache neither answers nor keeps its work",
    )
    hedge: bool | Hedge | None = Field(
        default=None,
        exclude_if=lambda hedge: hedge is None,
        description="When a second attempt starts beside one that is late; false: never",
    )
