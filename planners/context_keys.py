"""The context of a task: values by key, which steps write and later ones read as ``$context.KEY``.

A key has versions, one for each step that writes it; none is ever changed. Which version a step reads follows from
where it stands in the workflow, never from the time: the last one that was written before it on its own level, else on
the level around. So each read is a dependency, and the version is part of the work key.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue

from planners.bindings import CONTEXT_PART, HANDOFF_PART, Binding, Compound, ContextRef, Path, StepRef, leaves
from planners.expressions.references import parsed
from planners.model import StepId

MOST_KEYS = 64
ALL_KEYS = "*"  # stands for a read of the whole context
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_SOURCE = re.compile(r"\$(?:output|context\.[A-Za-z_]\w{0,63})(?:\.\w+)*", re.ASCII)


def key_flaw(key: str) -> str | None:
    """What is wrong with a key; None if nothing is."""
    if _KEY.fullmatch(key):
        return None
    return f"'{key[:70]}' is no key of the context; write letters, digits and _, at most 64 of them"


def _by_key(raw: Any) -> Any:
    """``[facts]`` means what the agent returns as ``facts`` in the context of its handoff."""
    if isinstance(raw, str | list | tuple):
        keys = [raw] if isinstance(raw, str) else raw
        if not all(isinstance(key, str) for key in keys):
            raise ValueError("these are no keys; write a list of texts, or an object such as {facts: $output.facts}")
        raw = {key: f"$context.{key}" for key in keys}
    for key, source in raw.items() if isinstance(raw, dict) else ():
        if (flaw := key_flaw(str(key))) is not None:
            raise ValueError(flaw)
        if not isinstance(source, str) or not _SOURCE.fullmatch(source):
            fix = "give $output, a part of it such as $output.facts, or $context.KEY"
            raise ValueError(f"'{key}' is not written from the output; {fix}")
    return raw


# What a step writes to the context: key -> `$output`, or a part of it, or `$context.KEY` of what its agent returns.
Writes = Annotated[
    dict[str, str],
    BeforeValidator(_by_key, json_schema_input_type=dict[str, str] | list[str] | str),
    Field(max_length=MOST_KEYS),
]


def source_path(source: str) -> Path:
    """The path, from a step, of what it writes."""
    root, *rest = source[1:].split(".")
    path = tuple(int(part) if part.isdecimal() else part for part in rest)
    return path if root == "output" else (CONTEXT_PART, *path)


def paths_of_output(writes: dict[str, str]) -> dict[str, Path]:
    """The keys that a step writes from its output -> the paths of the parts."""
    paths = {key: source_path(source) for key, source in writes.items()}
    return {key: path for key, path in paths.items() if path[:1] != (CONTEXT_PART,)}


def keys_of_handoff(writes: dict[str, str]) -> tuple[str, ...]:
    """The keys that the agent of a step has to return in the context of its handoff."""
    paths = (source_path(source) for source in writes.values())
    return tuple(dict.fromkeys(str(path[1]) for path in paths if path[:1] == (CONTEXT_PART,)))


def written(step: StepId, writes: dict[str, str]) -> dict[str, Binding]:
    """What the keys that a flat step writes stand for once it has run."""
    return {key: StepRef(step=step, path=source_path(source)) for key, source in writes.items()}


def read_by(bindings: Iterable[Binding], conditions: Iterable[str]) -> tuple[str, ...]:
    """The keys that bindings and conditions read, once each; ALL_KEYS for the whole context."""
    found: list[ContextRef] = []
    for binding in bindings:
        if isinstance(binding, ContextRef):
            found.append(binding)
        elif isinstance(binding, Compound):
            found += [leaf for leaf in leaves(binding) if isinstance(leaf, ContextRef)]
    found += [root for text in conditions for root in parsed(text).roots if isinstance(root, ContextRef)]
    return tuple(dict.fromkeys(str(leaf.context_key[0]) if leaf.context_key else ALL_KEYS for leaf in found))


def spoken(context: dict[str, JsonValue], summary: str, confidence: float) -> dict[str, JsonValue]:
    """What a handoff says besides its output, as paths of its step lead to it."""
    return {CONTEXT_PART: context, HANDOFF_PART: {"summary": summary, "confidence": confidence}}
