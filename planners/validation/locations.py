"""Locations of pydantic's errors: the field as documents write it, and the model that it belongs to.

A node is named by its id, as in all other refusals: ``workflow.steps.book.timeout_s``. Where the document has no such
id, or several nodes of the list share it, the node is named by its index.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from planners.binding_forms import FORMS
from planners.node_fields import ID_PATTERN
from planners.nodes import KINDS
from planners.validation.suggestions import shown

Location = Sequence[str | int]
# pydantic adds the member of a union that it tried to the location; documents do not contain it.
_UNION_MEMBERS = frozenset({*FORMS.values(), "Hedge", "DefaultAnswer"})
_OTHER_MEMBERS = re.compile(r"literal\[.*\]|constrained-\w+|function-\w+\[.*")
# Fields of bindings that are written as lists and objects.
_MADE_OF = frozenset({"gather", "composed", "reads"})


def field_of(loc: Location, document: Any = None, *, of_node: bool = False) -> str:
    """The dotted path as in the document. ``of_node``: the error is that of a whole node, so its tag may be last."""
    kept: list[str] = []
    ids = _ids(loc, document)
    for index, name in enumerate(loc):
        last = index + 1 == len(loc)
        is_tag = _is_tag(loc, index) and (not last or (of_node and "steps" in loc[:index]))
        is_form = name in _MADE_OF and index > 0 and loc[index - 1] in _UNION_MEMBERS
        is_union = isinstance(name, str) and index > 0 and _OTHER_MEMBERS.fullmatch(name) is not None
        if not (
            is_tag or is_form or is_union or name in _UNION_MEMBERS or (name == "bool" and loc[index - 1] == "hedge")
        ):
            kept.append(ids.get(index, str(name)))
    return ".".join(kept)


def without_json_forms(loc: Location) -> tuple[str | int, ...]:
    """A location inside a JSON value without what pydantic adds there: the forms of the values around it."""
    last = len(loc) - 1
    return tuple(
        part
        for index, part in enumerate(loc)
        if not (part in ("dict", "list") and index < last)
        and not (part == "value" and loc[index - 1] in (FORMS["value"], "default"))
    )


def _ids(loc: Location, document: Any) -> dict[int, str]:
    """The ids of the nodes that a location passes, each at the place of its index."""
    found: dict[int, str] = {}
    part = document
    for place, name in enumerate(loc):
        if isinstance(part, list) and isinstance(name, int) and name < len(part):
            beside, part = part, part[name]
            if place + 1 < len(loc) and _is_tag(loc, place + 1) and (own := _unique_id(part, beside)) is not None:
                found[place] = own
        elif isinstance(part, dict) and name in part and not _is_tag(loc, place):
            part = part[name]
        # Anything else is what pydantic adds: a tag, or the form that it has tried.
    return found


def _unique_id(node: Any, beside: Sequence[Any]) -> str | None:
    name = node.get("id") if isinstance(node, dict) else None
    if not isinstance(name, str) or re.fullmatch(ID_PATTERN, name) is None or shown(name) != name:
        return None
    alike = sum(1 for other in beside if isinstance(other, dict) and other.get("id") == name)
    return name if alike == 1 else None


def _is_tag(loc: Location, index: int) -> bool:
    return loc[index] in KINDS and index > 0 and isinstance(loc[index - 1], int)


def names_at(loc: Location, model: type[BaseModel]) -> tuple[str, ...]:
    """The fields of the object at a location, as documents write them; none where it is none, or of several models."""
    candidates = [model]
    for index, name in enumerate(loc):
        if isinstance(name, int):
            continue
        tagged = KINDS.get(name) if _is_tag(loc, index) else None
        if tagged in candidates:
            candidates = [one for one in candidates if one is tagged]
        elif members := [one for one in candidates if one.__name__ == name]:
            candidates = members
        else:
            candidates = [
                made for one in candidates for field in _fields(one, name) for made in _models(field.annotation)
            ]
    return tuple(map(_written, *_names(candidates[0]))) if len(set(candidates)) == 1 else ()


def _names(model: type[BaseModel]) -> tuple[list[str], list[FieldInfo]]:
    return list(model.model_fields), list(model.model_fields.values())


def _fields(model: type[BaseModel], name: str) -> Iterator[FieldInfo]:
    return (field for own, field in model.model_fields.items() if name in (own, _written(own, field)))


def _written(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    first = alias.choices[0] if isinstance(alias, AliasChoices) else alias
    return first if isinstance(first, str) else name


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models of an annotation, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
