"""Kind ``async``: a coroutine function. Thousands of attempts share one process."""

from typing import Any

from actors.context import Context
from actors.invocation import Invocation
from actors.kinds.callables import CallableKind, answer_with
from actors.kinds.kind import Kind, Unanswered


class AsyncKind(CallableKind):
    """Awaits the callable on the event loop of its process."""

    runs_on_loop = True

    def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Unanswered:
        """Call the callable, which the caller awaits."""
        function, signature, arguments = self.prepared(call, inputs, context)
        return Unanswered(function(**arguments), answer_with(signature))


KIND: Kind = AsyncKind()
