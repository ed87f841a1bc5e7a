"""Reading a catalog: from a file or a mapping, agents given whole or by the import path of a callable."""

import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from actors.agent import declaration_of, derived_spec, load
from actors.errors import InvalidAgent, InvalidCatalog, UnknownTarget
from planners.agents import AgentKind, AgentSpec, Catalog, Effect, Price, Provider, Retry
from planners.model import Model
from planners.resources import Resources

_CALLABLE_KINDS = (None, AgentKind.ASYNC, AgentKind.SYNC)
# Which model the keys at a place belong to, by the last name of the place that is no index.
_MODELS: dict[str, type[Model]] = {
    "": Catalog,
    "agents": AgentSpec,
    "providers": Provider,
    "resources": Resources,
    "price": Price,
    "retry": Retry,
}


def catalog_of(*functions: Callable[..., Any], providers: Iterable[Provider] = ()) -> Catalog:
    """The catalog of decorated callables.

    Raises:
        InvalidCatalog: one of them is not decorated, or two have the same name.
    """
    undeclared = [str(function) for function in functions if declaration_of(function) is None]
    if undeclared:
        raise InvalidCatalog(f"{undeclared[0]} is no agent", "agents", "decorate it with @agent(capability=...)")
    agents = [derived_spec(function) for function in functions]
    return _validated({"agents": agents, "providers": list(providers)})


def load_catalog(path: str | Path) -> Catalog:
    """The catalog in a YAML or JSON file.

    Raises:
        InvalidCatalog: the file cannot be read, or what it says will not do; names the key and what would mend it.
    """
    path = Path(path)
    try:
        raw = json.loads(path.read_text("utf-8")) if path.suffix == ".json" else yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidCatalog(f"cannot read {path}: {error.strerror}", "catalog", "give an existing file") from None
    except UnicodeDecodeError as error:
        raise InvalidCatalog(f"{path} is no text: {error}", "catalog", "save it as UTF-8") from None
    except RecursionError:
        raise InvalidCatalog(f"{path} is nested too deep", "catalog", "nest it less") from None
    except (yaml.YAMLError, json.JSONDecodeError) as error:
        raise InvalidCatalog(f"{path} is no YAML or JSON: {error}", "catalog", "mend its syntax") from None
    return parse_catalog(raw)


def parse_catalog(raw: Any) -> Catalog:
    """The catalog in a mapping of YAML or JSON form; schemas are derived where a target is a callable.

    Raises:
        InvalidCatalog: see `load_catalog`.
    """
    if not isinstance(raw, Mapping):
        raise InvalidCatalog("a catalog is a mapping with the key agents", "catalog", "write 'agents:' and a list")
    agents = raw.get("agents", ())
    if not isinstance(agents, list | tuple):
        raise InvalidCatalog("agents is no list", "agents", "write each agent as a list item")
    return _validated({**raw, "agents": [_agent(entry, f"agents.{index}") for index, entry in enumerate(agents)]})


def _agent(entry: Any, place: str) -> Any:
    """An entry as it stands, or what its callable and the entry together say."""
    if not isinstance(entry, Mapping):
        return entry
    target, kind = entry.get("target"), entry.get("kind")
    if kind == AgentKind.COMMAND:
        _check_command(entry, place)
        return dict(entry)
    if kind not in _CALLABLE_KINDS or not isinstance(target, str):
        return dict(entry)
    if unknown := sorted(map(str, entry.keys() - AgentSpec.model_fields.keys())):
        raise InvalidCatalog("unknown key", f"{place}.{unknown[0]}", _nearest(unknown[0], AgentSpec))
    try:
        spec = derived_spec(load(target), **{**entry, "target": target})
    except (InvalidAgent, UnknownTarget) as error:
        raise InvalidCatalog(error.message, f"{place}.{error.field}", error.fix) from None
    declared = declaration_of(load(target))
    if spec.effect is Effect.STAGEABLE and (declared is None or declared.promote is None):
        raise InvalidCatalog("stageable, but nothing promotes it", f"{place}.effect", "decorate it with promote=...")
    return spec


def _check_command(entry: Mapping[str, Any], place: str) -> None:
    target = entry.get("target")
    if not isinstance(target, list | tuple) or not target or not all(isinstance(part, str) for part in target):
        fix = 'write target: ["program", "argument"]'
        raise InvalidCatalog("a command's target is its argument vector", f"{place}.target", fix)
    if entry.get("effect") == Effect.STAGEABLE:
        fix = "declare it idempotent or irreversible, or wrap it in a callable with promote="
        raise InvalidCatalog("a command has no staging area", f"{place}.effect", fix)


def _validated(raw: Mapping[str, Any]) -> Catalog:
    try:
        return Catalog.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        *parents, key = first["loc"] or ("catalog",)
        place = ".".join(map(str, first["loc"])) or "catalog"
        fix = ""
        if first["type"] == "extra_forbidden":
            owner = next((name for name in reversed(parents) if isinstance(name, str)), "")
            raise InvalidCatalog("unknown key", place, _nearest(str(key), _MODELS.get(owner, Model))) from None
        if first["type"] == "missing":
            fix = f"add '{key}'"
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidCatalog(message, place, fix) from None


def _nearest(key: str, model: type[Model]) -> str:
    known = sorted(model.model_fields)
    nearest = difflib.get_close_matches(key, known, n=1)
    return f"did you mean '{nearest[0]}'?" if nearest else f"known keys: {', '.join(known)}"
