"""Policies that nodes of a workflow declare: when a fan-out is complete, how failures are met, how work is retried."""

from collections import Counter
from enum import StrEnum
from math import ceil, floor
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from planners.expressions.quorums import CompleteWhen
from planners.model import Model, StepId, canonical_json


def _absent(value: Any) -> bool:
    return value is None


# A median of fewer elements says nothing about the others.
LEAST_PEERS = 2
# A count of elements, or a share of them such as "25%".
Amount = (
    Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
    | Annotated[str, Field(pattern=r"^(?:100|\d{1,2})(?:\.\d+)?%$")]
)


def share_of(amount: Amount, total: int) -> float:
    """How many of ``total`` elements an amount is; a share need not be whole."""
    return amount if isinstance(amount, int) else total * float(amount.removesuffix("%")) / 100


class OnFailure(StrEnum):
    """What the final failure of a node means.

    ``fail``: the element that it is in fails, or the task. ``skip``: the node is skipped, and with it what reads it.
    ``default``: its ``default`` stands in for its output. ``route``: another branch runs; only a ``try`` has one.
    """

    FAIL = "fail"
    SKIP = "skip"
    DEFAULT = "default"
    ROUTE = "route"


class Stragglers(Model):
    """When an element takes too long, measured by the others of its fan-out."""

    factor: float = Field(
        ge=1,
        le=1_000,
        allow_inf_nan=False,
        description="An element that takes longer than so many times the median of those that have succeeded is "
        "cancelled, and missing in the results",
    )
    once: Amount = Field(
        default="50%", description="Not before so many elements have succeeded; two of them are needed in any case"
    )

    def least(self, total: int) -> int:
        """How many of ``total`` elements must have succeeded before others are late."""
        return max(LEAST_PEERS, ceil(share_of(self.once, total) - 1e-9))


class CompletionPolicy(Model):
    """When a fan-out is complete. Without any of these, when all elements have succeeded."""

    max_concurrency: int | None = Field(
        default=None, ge=1, strict=True, exclude_if=_absent, description="How many elements are worked on at once"
    )
    min_successful: Amount | None = Field(
        default=None,
        exclude_if=_absent,
        description="The fan-out is complete when so many elements have succeeded; the others are cancelled",
    )
    tolerated_failures: Amount | None = Field(
        default=None,
        exclude_if=_absent,
        description="The fan-out fails when more elements have failed. Without it, ``min_successful`` decides, "
        "and without that too, no failure is tolerated",
    )
    complete_when: CompleteWhen | None = Field(
        default=None,
        exclude_if=_absent,
        description="A condition in CEL over ``$results``, the outputs of the elements that have succeeded, in the "
        "order in which they did, ``$confidences``, and ``$inputs``. When it holds, the fan-out is complete with these "
        "results, and the others are cancelled. If it never holds, it is complete when all elements have ended",
    )
    timeout_s: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        exclude_if=_absent,
        description="Seconds from the start of its first step. Then the fan-out goes on with the results that are "
        "there if they are at least ``min_successful`` (1 by default), and fails otherwise",
    )
    stragglers: Stragglers | None = Field(
        default=None,
        exclude_if=_absent,
        description="Elements that take far longer than the others are cancelled; with ``tolerated_failures`` not "
        "before all that are left may be missing",
    )

    @model_validator(mode="after")
    def _ends_once(self) -> Self:
        if self.stragglers is not None and self.min_successful is not None:
            raise ValueError(
                "min_successful cancels whatever is late, so stragglers have no meaning beside it; say with "
                "tolerated_failures how many elements may be missing"
            )
        return self

    @property
    def completion(self) -> "CompletionPolicy":
        """The policy alone, without the node that declares it."""
        fields = CompletionPolicy.model_fields
        return CompletionPolicy.model_construct(**{name: getattr(self, name) for name in fields})

    @property
    def declared(self) -> bool:
        """Whether it says anything."""
        return self.max_concurrency is not None or self.may_drop

    @property
    def may_drop(self) -> bool:
        """Whether it may be complete although elements have failed or not ended."""
        fields = (self.min_successful, self.tolerated_failures, self.timeout_s, self.stragglers, self.complete_when)
        return any(field is not None for field in fields)

    def least_successful(self, total: int) -> int | None:
        """How many of ``total`` elements suffice; None if it does not say."""
        return None if self.min_successful is None else ceil(share_of(self.min_successful, total) - 1e-9)

    def most_failed(self, total: int) -> int:
        """How many of ``total`` elements may fail."""
        least = self.least_successful(total)
        rest = 0 if least is None else max(0, total - least)
        if self.tolerated_failures is None:
            return rest
        tolerated = floor(share_of(self.tolerated_failures, total) + 1e-9)
        return tolerated if least is None else min(tolerated, rest)


class Join(CompletionPolicy):
    """How many of several nodes a node waits for. For the run they are the elements of a fan-out."""

    steps: tuple[StepId, ...] = Field(
        min_length=1,
        max_length=1_000,
        description="Nodes beside this one. It starts when the policy is fulfilled, and reads null, or their default, "
        "in place of outputs that are missing",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.declared:
            raise ValueError(
                "it waits for all, as `after` does; add min_successful, tolerated_failures, timeout_s, "
                "stragglers or complete_when"
            )
        if twice := [step for step, count in Counter(self.steps).items() if count > 1]:
            raise ValueError(f"it names '{twice[0]}' several times; name each step once")
        return self


class Failing(Model):
    """The part of a node that says what its failure means."""

    on_failure: OnFailure = Field(
        default=OnFailure.FAIL,
        exclude_if=lambda value: value is OnFailure.FAIL,
        description="What the final failure of the node means",
    )

    @field_validator("on_failure", mode="before")
    @classmethod
    def _is_no_node(cls, raw: Any) -> Any:
        if raw == "compensate":
            raise ValueError("a failed step is not undone; declare `compensate` on the steps that the task must undo")
        return raw

    @field_validator("on_failure")
    @classmethod
    def _has_a_branch(cls, value: OnFailure) -> OnFailure:
        if value is OnFailure.ROUTE:
            raise ValueError("no other branch is declared; put the node into `try`, and the branch into its `fallback`")
        return value

    @model_validator(mode="after")
    def _default_is_declared(self) -> Self:
        if self.on_failure is OnFailure.DEFAULT and getattr(self, "default", None) is None:
            raise ValueError("on_failure is default, and the node has no default; add one, or say skip")
        return self


class StepRetry(Model):
    """How the work of one step is retried, in place of what its agent declares."""

    max_attempts: int = Field(default=2, ge=1, le=100, description="How often it is tried")
    backoff_s: float = Field(
        default=0.1, ge=0, le=1e6, allow_inf_nan=False, description="The pause before the first retry"
    )
    factor: float = Field(
        default=2.0, ge=1, le=100, allow_inf_nan=False, description="Each further pause is so many times as long"
    )
    max_backoff_s: float = Field(default=300.0, ge=0, le=1e6, allow_inf_nan=False, description="No pause is longer")
    jitter: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Each pause is shortened by a share of up to this, so that retries do not come all at once",
    )
    on: tuple[Literal["error", "bad_output", "timeout", "worker_lost"], ...] = Field(
        default=(), description="The kinds of failure that are retried; all that may be if it is empty"
    )

    def pause_s(self, tries: int, drawn: float) -> float:
        """The pause after so many tries; ``drawn`` is in 0..1."""
        pause_s = min(self.max_backoff_s, self.backoff_s * self.factor ** min(tries - 1, 1_000))
        return pause_s * (1 - self.jitter * drawn)


class Hedge(Model):
    """When a second attempt is started beside one that runs."""

    after_s: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        exclude_if=_absent,
        description="Seconds from its start. Without it, what was learned of its agent's durations decides",
    )


class Compact(Model):
    """The step shortens an input that has too many tokens. A shorter one is its output; no agent is asked."""

    input: str = Field(default="text", min_length=1, max_length=200, description="The input that is shortened")
    over_tokens: int = Field(
        ge=0,
        le=10**9,
        strict=True,
        description="The agent is asked if it has more tokens than that, at four characters each",
    )


def tokens_of(value: Any) -> int:
    """About how many tokens a JSON value has for a language model: one for four characters."""
    text = value if isinstance(value, str) else canonical_json(value)
    return -(-len(text) // 4)


class DefaultAnswer(Model):
    """What stands in for a message that has not come, or for the answer of a person."""

    output: JsonValue = Field(description="The output")


class ApprovalFields(Model):
    """How an approval ends."""

    timeout_s: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, exclude_if=_absent, description="Seconds to wait for an answer"
    )
    on_expiry: Literal["approve", "reject", "fail"] | DefaultAnswer = Field(
        default="fail",
        description="What happens then: it counts as approved, as rejected, or the node fails; `{output: ...}` counts "
        "as approved with this answer",
    )
    on_rejection: Literal["fail", "continue"] = Field(
        default="fail",
        description="Whether a rejection fails the node, or the workflow goes on and reads ``approved: false``",
    )

    def terms(self) -> dict[str, JsonValue]:
        """The two rules by name."""
        expiry = self.on_expiry
        answer: JsonValue = {"output": expiry.output} if isinstance(expiry, DefaultAnswer) else expiry
        return {"on_expiry": answer, "on_rejection": self.on_rejection}


class CallbackFields(Model):
    """How long a callback waits, and what happens then."""

    timeout_s: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, exclude_if=_absent, description="Seconds to wait for the message"
    )
    heartbeat_s: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        exclude_if=_absent,
        description="The longest pause between two heartbeats of the outside system; without one for so long, and an "
        "eighth more, nothing is waited for any more",
    )
    on_expiry: Literal["fail"] | DefaultAnswer = Field(
        default="fail",
        exclude_if=lambda value: value == "fail",
        description="What happens then: the node fails and `on_failure` decides, or `{output: ...}` is the answer",
    )

    def terms(self) -> dict[str, JsonValue]:
        """What differs from the defaults, by name, except `timeout_s`."""
        found: dict[str, JsonValue] = {}
        if self.heartbeat_s is not None:
            found["heartbeat_s"] = self.heartbeat_s
        if isinstance(self.on_expiry, DefaultAnswer):
            found["on_expiry"] = {"output": self.on_expiry.output}
        return found
