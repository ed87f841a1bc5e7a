"""Kind ``langgraph``: a compiled graph of LangGraph (extra ``langgraph``); ``target`` is its import path.

The inputs are the graph's input, and its final state is the output. With ``settings.checkpoints`` an attempt goes on
where an earlier one of the same work has stopped, and a graph that interrupts itself can be resumed by another step:
see `GraphSettings`.
"""

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pydantic_core
from pydantic import Field

from actors.context import Context
from actors.errors import BadInput, BadOutput, InvalidCatalog, UnknownTarget
from actors.import_path import load_object
from actors.invocation import Invocation
from actors.kinds.declared import check_acting, settings_of
from actors.kinds.kind import Answer, Kind
from actors.kinds.libraries import imported
from actors.kinds.schemas import check_schema
from actors.kinds.templates import Rendering, check_template
from actors.payloads.json_values import encoded
from planners.agents import AgentSpec
from planners.model import Model
from planners.resources import Resources
from reconciler.state.handoff import Handoff

if TYPE_CHECKING:
    from actors.checkpoints.saver import SqlCheckpoints
    from actors.kinds.graph_run import GraphEnd


class GraphSettings(Model):
    """How the graph is run.

    Attributes:
        output: the key of the final state that is the output; None: all of the state.
        checkpoints: a database for its checkpoints, as a URL of SQLAlchemy (SQLite or PostgreSQL); a template, for
            secrets. None: those of its own checkpointer, if it was compiled with one.
        max_steps: of the graph, in one attempt (LangGraph's recursion limit).

    An interrupted graph has the output ``{"interrupted": [what it asks], "thread": ...}``. A later step resumes it with
    the inputs ``thread`` and ``resume``.
    """

    output: str | None = None
    checkpoints: str | None = None
    max_steps: int = Field(default=100, ge=1)


class LangGraphKind:
    """Runs graphs on the event loop of the host that all agents without resources share."""

    runs_on_loop = True
    checks_schemas = True

    def declare(self, entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
        """Check target, effect and settings."""
        if find_spec("langgraph") is None:
            fix = "install it: pip install 'forerun[langgraph]'"
            raise InvalidCatalog("agents of kind langgraph need the extra langgraph", f"{location}.kind", fix)
        settings = settings_of(GraphSettings, entry, location)
        check_acting(entry, location, "a graph")
        try:
            _graph(entry.get("target"))
        except UnknownTarget as error:
            raise InvalidCatalog(error.message, f"{location}.target", error.fix) from None
        check_template(settings.checkpoints or "", entry.get("env") or (), f"{location}.settings.checkpoints")
        return {"resources": Resources(), **entry}

    async def health(self, agent: AgentSpec) -> str:
        """Import the graph, and open the database of its checkpoints."""
        _graph(agent.target)
        saver = _saver(GraphSettings.model_validate(agent.settings), Context.of_catalog(agent.name, agent.env))
        return "imported" if saver is None else "imported, checkpoints can be stored"

    async def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Run the graph to its end, or until it interrupts itself.

        Raises:
            BadInput, BadOutput: a schema does not match, or there is nothing to resume.
            Exception: whatever the graph raises.
        """
        await imported(
            "actors.kinds.graph_run", *(["actors.checkpoints.saver"] if "checkpoints" in call.settings else [])
        )
        from actors.kinds.graph_run import GraphRun  # noqa: PLC0415 - loads LangGraph, which only such agents need

        check_schema(inputs, call.input_schema, BadInput, "inputs")
        settings, graph = GraphSettings.model_validate(call.settings), _graph(call.target)
        if (saver := _saver(settings, context)) is not None:
            graph = graph.copy(update={"checkpointer": saver})
        thread = str(inputs.pop("thread", "")) or f"{call.task}:{call.work_key}"
        end = await GraphRun(graph, thread, settings.max_steps, context.progress).ended(inputs)
        if end.interrupts:
            output = {"interrupted": pydantic_core.to_jsonable_python(end.interrupts), "thread": thread}
            return Answer(encoded(output, "output"), Handoff(summary="interrupted"))
        output = _output(end, settings)
        check_schema(output, call.output_schema, BadOutput, "output")
        return Answer(encoded(output, "output"))


def _output(end: "GraphEnd", settings: GraphSettings) -> Any:
    state = pydantic_core.to_jsonable_python(end.state)
    if settings.output is None:
        return state
    if not isinstance(state, dict) or settings.output not in state:
        found = ", ".join(sorted(state)) if isinstance(state, dict) else type(state).__name__
        fix = f"settings.output names a key of the final state: {found}"
        raise BadOutput(f"the final state has no '{settings.output}'", "output", fix)
    return state[settings.output]


def _graph(target: Any) -> Any:
    """The graph at an import path. Raises UnknownTarget."""
    fix = "write target: module:attribute, where the attribute is a compiled graph"
    if not isinstance(target, str):
        raise UnknownTarget("the target is the import path of a graph", "target", fix)
    found = load_object(target)
    from langgraph.pregel import Pregel  # noqa: PLC0415 - the user's module has imported it

    if not isinstance(found, Pregel):
        compiled = f"add .compile(): {fix}" if hasattr(found, "compile") else fix
        raise UnknownTarget(f"'{target}' is a {type(found).__name__}, not a compiled graph", "target", compiled)
    return found


def _saver(settings: GraphSettings, context: Context) -> "SqlCheckpoints | None":
    if settings.checkpoints is None:
        return None
    return _saver_at(Rendering({}, context).text(settings.checkpoints, "settings.checkpoints"))


@cache
def _saver_at(url: str) -> "SqlCheckpoints":
    """One for each database in a process, since each has a pool of connections."""
    from actors.checkpoints.saver import SqlCheckpoints  # noqa: PLC0415 - loads LangGraph, which only such agents need

    return SqlCheckpoints(url)


KIND: Kind = LangGraphKind()
