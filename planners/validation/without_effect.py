"""Refuses fields of nodes that have no effect, or end a fan-out before it begins."""

from collections.abc import Iterable, Iterator

from planners.errors import InvalidTask
from planners.policies import ApprovalFields, CallbackFields, CompletionPolicy, share_of
from planners.validation.joins import PlacedNode
from planners.workflow import FanOutNode


def without_effect(places: Iterable[PlacedNode]) -> Iterator[InvalidTask]:
    """Quorums of no element, and answers for an expiry that never comes."""
    for place in places:
        node = place.node
        if node.join is not None:
            yield from _empty_quorum(node.join, f"{place.field}.join")
        if isinstance(node, FanOutNode):
            yield from _empty_quorum(node, place.field)
        if isinstance(node, ApprovalFields | CallbackFields):
            yield from _never_expires(node, place.field)


def _empty_quorum(policy: CompletionPolicy, field: str) -> Iterator[InvalidTask]:
    if policy.min_successful is not None and share_of(policy.min_successful, 1) == 0:
        message = f"with min_successful {policy.min_successful} it is complete before any element has begun"
        fix = 'ask for 1 at least; tolerated_failures: "100%" waits for all of them, however many fail'
        yield InvalidTask(message, f"{field}.min_successful", fix)


def _never_expires(node: ApprovalFields | CallbackFields, field: str) -> Iterator[InvalidTask]:
    limits = ("timeout_s", "heartbeat_s") if isinstance(node, CallbackFields) else ("timeout_s",)
    if node.on_expiry != "fail" and all(getattr(node, limit) is None for limit in limits):
        message = "it never expires, because it waits for as long as it takes"
        yield InvalidTask(message, f"{field}.on_expiry", f"add {' or '.join(limits)}")
