"""The check that a step declares for its output, in the process that made the output."""

from actors.abridged import abridged
from actors.errors import BadOutput
from actors.invocation import Invocation
from actors.kinds.kind import Answer
from actors.masking import Mask
from actors.payloads.json_values import decoded
from planners.expressions.checks import passes
from planners.expressions.errors import ExpressionFailed

# A check of more than this is evaluated beside the event loop.
QUICK_BYTES = 64 * 1024


class CheckFailed(BadOutput):
    """An output does not pass the check that its step declares."""


def check_output(call: Invocation, answer: Answer) -> None:
    """Check an output.

    Raises:
        CheckFailed: it does not pass; the message is what the agent is told when it is asked again.
    """
    if call.check is None:
        return
    value, confidence = decoded(answer.body, "output"), answer.handoff.confidence
    fix = "change the agent or the check of the step"
    try:
        passed = passes(call.check, value, confidence)
    except ExpressionFailed as error:
        raise CheckFailed(f"the check '{call.check}' cannot be made: {error.message}", "output", fix) from None
    if not passed:
        shown = abridged({"output": value}, Mask(()))["output"]
        sure = f", confidence {confidence:g}" if confidence < 1 else ""
        raise CheckFailed(f"it does not pass the check '{call.check}': {shown}{sure}", "output", fix)
