"""Parts of a catalog entry as models; what is wrong is reported with its place in the catalog."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from actors.errors import InvalidCatalog
from planners.agents import AgentSpec, Effect
from planners.model import Model
from planners.validation.locations import names_at
from planners.validation.suggestions import nearest
from planners.validation.wording import told

_M = TypeVar("_M", bound=Model)


def declared(model: type[_M], raw: Any, location: str) -> _M:
    """The part of an entry at ``location``, such as ``agents.0.settings``.

    Raises:
        InvalidCatalog: names the field and the fix.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        flaw = first_flaw(error, model)
        raise InvalidCatalog(flaw.message, ".".join(filter(None, (location, flaw.field))), flaw.fix) from None


def first_flaw(error: ValidationError, model: type[Model]) -> InvalidCatalog:
    """An error of a validation of ``model`` in words, its field relative to what was validated.

    The first one, but an unknown key before a missing one, which is mostly the same key misspelt.
    """
    details = error.errors(include_url=False)
    first = next((detail for detail in details if detail["type"] == "extra_forbidden"), details[0])
    kind, place = first["type"], first["loc"]
    field, known = ".".join(map(str, place)), names_at(place[:-1], model)
    if kind == "extra_forbidden":
        return InvalidCatalog("unknown key", field, nearest(str(place[-1]), known))
    if kind == "value_error":
        message, _, fix = str(first["ctx"]["error"]).partition("; ")
        return InvalidCatalog(message, field, fix or message)
    words = told(first, names_at(place, model))
    return InvalidCatalog(words.message, field, f"add '{place[-1]}'" if kind == "missing" else words.fix)


def settings_of(model: type[_M], entry: Mapping[str, Any], location: str) -> _M:
    """The settings of an entry, which is at ``location``.

    Raises:
        InvalidCatalog: one of them is beside ``settings`` and not below it, or not valid.
    """
    for name in sorted(entry.keys() & model.model_fields.keys() - AgentSpec.model_fields.keys()):
        message = f"'{name}' is a setting of this kind of agent"
        raise InvalidCatalog(message, f"{location}.{name}", f"write it below settings: {{{name}: ...}}")
    return declared(model, entry.get("settings") or {}, f"{location}.settings")


def check_acting(entry: Mapping[str, Any], location: str, what: str) -> None:
    """Refuse an entry whose effect cannot be told from its target and is not declared, or cannot be.

    Raises:
        InvalidCatalog: names the field and the fix.
    """
    if "effect" not in entry:
        fix = "declare effect: pure, idempotent or irreversible; only you know what it does"
        raise InvalidCatalog(f"{what} may act", f"{location}.effect", fix)
    if entry["effect"] == Effect.STAGEABLE:
        fix = "declare it idempotent or irreversible, or wrap it in a callable with promote="
        raise InvalidCatalog(f"{what} cannot stage its effects", f"{location}.effect", fix)
