"""Kind ``sync``: a plain function. Each attempt has a process of its own, which can be killed."""

from typing import Any

from actors.context import Context
from actors.invocation import Invocation
from actors.kinds.callables import CallableKind, answer_with
from actors.kinds.kind import Answer, Kind


class SyncKind(CallableKind):
    """Calls the callable and blocks until it returns."""

    runs_on_loop = False

    def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Call the callable."""
        function, signature, arguments = self.prepared(call, inputs, context)
        return answer_with(signature)(function(**arguments))


KIND: Kind = SyncKind()
