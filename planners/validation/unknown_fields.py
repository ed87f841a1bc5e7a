"""What to write in place of a field that does not exist: it may belong elsewhere, or have another name here."""

from pydantic import BaseModel

from planners.nodes import KINDS
from planners.validation.locations import Location, names_at
from planners.validation.suggestions import nearest

# Parts of a task whose fields are often written beside them.
_PARTS = ("workflow", "planning", "limits", "objective")
# Words of other systems for the fields of nodes.
_OTHER_WORDS = {
    **dict.fromkeys(("depends_on", "dependencies", "needs", "requires", "depends"), "after"),
    **dict.fromkeys(("with", "args", "arguments", "params", "parameters"), "inputs"),
    **dict.fromkeys(("retries", "attempts", "max_attempts", "max_retries"), "retry"),
}
_OF_CATALOGS = frozenset({"agents", "providers", "workflows", "mcp_servers", "a2a_agents"})
_CONDITIONS = frozenset({"when", "if", "condition"})


def fix_of_unknown(loc: Location, model: type[BaseModel]) -> str:
    """The fix of an error of ``model`` about an unknown field at a location."""
    name, around = str(loc[-1]), loc[:-1]
    known = names_at(around, model)
    if around and around[-1] in KINDS and name not in known:
        if (other := _OTHER_WORDS.get(name)) in known:
            return f"write {other}"
        if name in _CONDITIONS and not {"while", "route"} & {*known}:  # these have conditions of their own
            return "put the node into a case of a route"
        if name == "fallback":
            return "put the node into a try, and the fallback beside it"
    if not around and name in _OF_CATALOGS and "workflow" in known:
        return "give the file of a task; this belongs into a catalog (--catalog)"
    if (part := next((part for part in _PARTS if not around and name in names_at((part,), model)), None)) is not None:
        return f"write it inside {part}"
    if tuple(around) in {(part,) for part in _PARTS} and name in names_at((), model):
        return f"write it beside {around[0]}, not inside"
    return nearest(name, known)
