"""Nodes in documents that Forerun wrote, where ``{value: X}`` always means the literal X."""

from typing import Any

from planners.bindings import unwrapped


def unwrapped_bindings(raw: Any) -> Any:
    """Bindings by name in a document that Forerun wrote; see `planners.bindings.unwrapped`."""
    return {name: unwrapped(binding) for name, binding in raw.items()} if isinstance(raw, dict) else raw


def unwrapped_nodes(raw: Any) -> Any:
    """Nodes in a document that Forerun wrote; see `planners.bindings.unwrapped`."""
    return [_unwrapped_node(node) for node in raw] if isinstance(raw, list | tuple) else raw


def _unwrapped_node(raw: Any) -> Any:
    if not isinstance(raw, dict):
        return raw
    return {name: _UNWRAPPED[name](value) if name in _UNWRAPPED else value for name, value in raw.items()}


_UNWRAPPED = {
    "inputs": unwrapped_bindings,
    "steps": unwrapped_nodes,
    "for_each": unwrapped,
    "wait": unwrapped,
    "loop": unwrapped_nodes,
    "state": unwrapped_bindings,
    "next": unwrapped_bindings,
    "route": unwrapped_nodes,
    "parallel": unwrapped_nodes,
    "tried": unwrapped_nodes,
    "fallback": _unwrapped_node,
    "compensate": _unwrapped_node,
    "otherwise": _unwrapped_node,
    "else": _unwrapped_node,
}
