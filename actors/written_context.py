"""What an attempt adds to the context of its task: whether it is what its step writes, and small enough."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from actors.errors import BadOutput
from actors.payloads.json_values import encoded
from planners.context_keys import key_flaw


def check_context(context: Mapping[str, JsonValue], writes: Sequence[str], max_bytes: int) -> None:
    """Check the context of a handoff. It travels and is stored with the handoff, so it must be small.

    Args:
        context: values by key.
        writes: the keys that it must hold.
        max_bytes: the most bytes of JSON.

    Raises:
        BadOutput: it lacks a key, has a bad one, or is too large.
    """
    if flaw := next(filter(None, map(key_flaw, map(str, context))), None):
        raise BadOutput(flaw, "context", "choose another key")
    if missing := [key for key in writes if key not in context]:
        has = f"only {', '.join(map(repr, context))}" if context else "none"
        message = f"the step writes '{missing[0]}' to the context, and the context of the handoff has {has}"
        fix = f"return Handoff(output=..., context={{'{missing[0]}': ...}}), or write a part of $output instead"
        raise BadOutput(message, "context", fix)
    size = len(encoded(dict(context), "context")) if context else 0
    if size > max_bytes:
        fix = "put large data into the output, and write: {KEY: $output.PART}"
        raise BadOutput(f"the context has {size} bytes, and at most {max_bytes} are allowed", "context", fix)
