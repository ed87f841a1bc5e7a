"""Steps that shorten what is too long: what is short enough is passed on without asking the agent."""

from collections.abc import Mapping
from typing import Any

from actors.errors import BadInput
from actors.invocation import Invocation
from actors.kinds.kind import Answer
from actors.payloads.json_values import encoded
from planners.policies import tokens_of
from reconciler.state.handoff import Handoff, Usage


def passed_on(call: Invocation, inputs: Mapping[str, Any]) -> Answer | None:
    """The input as the answer, if it has no more tokens than the step allows; None: the agent has to be asked.

    Raises:
        BadInput: there is no such input.
    """
    if call.compact is None:
        return None
    name, most = call.compact.input, call.compact.over_tokens
    if name not in inputs:
        raise BadInput(f"the step compacts its input '{name}', which it does not have", f"inputs.{name}", "bind it")
    if tokens_of(inputs[name]) > most:
        return None
    # As with the result cache, nothing has run: it costs nothing, and nothing is learned from it.
    return Answer(encoded(inputs[name], "output"), Handoff(usage=Usage(requests=0, usd=0.0)), passed_on=True)
