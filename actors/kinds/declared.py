"""Parts of a catalog entry as models; what is wrong is reported with its place in the catalog."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from actors.errors import InvalidCatalog
from actors.suggestions import nearest_field
from planners.agents import AgentSpec, Effect
from planners.model import Model
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
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, (location, *first["loc"])))
        if first["type"] == "extra_forbidden":
            raise InvalidCatalog("unknown key", field, nearest_field(str(first["loc"][-1]), model)) from None
        if first["type"] == "value_error":
            message, _, fix = str(first["ctx"]["error"]).partition("; ")
            raise InvalidCatalog(
                message, field, fix or f"known keys: {', '.join(sorted(model.model_fields))}"
            ) from None
        words = told(first)
        raise InvalidCatalog(words.message, field, words.fix) from None


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
