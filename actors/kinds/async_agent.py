"""Kind ``async``: a coroutine function. Thousands of attempts share one process."""

from typing import Any

from actors.context import Context
from actors.invocation import Invocation
from actors.kinds.callables import CallableKind
from actors.kinds.kind import Answer, Kind


class AsyncKind(CallableKind):
    """Awaits the callable on the event loop of its process."""

    runs_on_loop = True

    async def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Await the callable."""
        function, signature, arguments = self.prepared(call, inputs, context)
        running = function(**arguments)
        del arguments  # thousands of attempts wait here
        return self.answer(signature, await running)


KIND: Kind = AsyncKind()
