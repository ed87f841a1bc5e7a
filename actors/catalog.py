"""Reads catalogs from a file or a mapping. An agent is given in full, or by the import path of a callable."""

import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from actors.agent_tools import with_tools
from actors.errors import InvalidCatalog, UnsupportedKind
from actors.kinds.callables import declaration_of, declared_by_callable, derived_spec
from actors.kinds.declared import first_flaw
from actors.kinds.kind import kind_of
from actors.yaml_text import parsed_yaml
from planners.agents import AgentKind, Catalog, Provider
from planners.errors import ForerunError
from planners.validation.explanations import explain


def catalog_of(*functions: Callable[..., Any], providers: Iterable[Provider] = ()) -> Catalog:
    """The catalog of decorated callables.

    Raises:
        InvalidCatalog: one of them is not decorated, or two have the same name.
    """
    undeclared = [str(function) for function in functions if declaration_of(function) is None]
    if undeclared:
        raise InvalidCatalog(f"{undeclared[0]} is not an agent", "agents", "decorate it with @agent(capability=...)")
    agents = [derived_spec(function) for function in functions]
    return _validated({"agents": agents, "providers": list(providers)})


def load_catalog(path: str | Path) -> Catalog:
    """The catalog in a YAML or JSON file.

    Raises:
        InvalidCatalog: the file cannot be read, or its content is not valid; names the key and the fix.
    """
    path = Path(path)
    try:
        raw = json.loads(path.read_text("utf-8")) if path.suffix == ".json" else parsed_yaml(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidCatalog(f"cannot read {path}: {error.strerror}", "catalog", "give an existing file") from None
    except UnicodeDecodeError as error:
        raise InvalidCatalog(f"{path} is not a text file: {error}", "catalog", "save it as UTF-8") from None
    except RecursionError:
        raise InvalidCatalog(f"{path} is nested too deeply", "catalog", "use fewer levels") from None
    except (yaml.YAMLError, json.JSONDecodeError) as error:
        raise InvalidCatalog(f"{path} is not valid YAML or JSON: {error}", "catalog", "correct its syntax") from None
    return parse_catalog(raw)


def parse_catalog(raw: Any) -> Catalog:
    """The catalog in a mapping, as read from YAML or JSON; the schemas of callables are derived.

    Raises:
        InvalidCatalog: see `load_catalog`.
    """
    if not isinstance(raw, Mapping):
        raise InvalidCatalog(
            "a catalog is a mapping with the key agents", "catalog", "write 'agents:' followed by a list"
        )
    _refuse_what_json_cannot_hold(raw)
    if "agents" not in raw and raw.keys() & {"goal", "workflow"}:
        raise InvalidCatalog("this is a task, not a catalog", "catalog", "give a file with the key agents")
    agents = raw.get("agents", ())
    if not isinstance(agents, list | tuple):
        raise InvalidCatalog("agents is not a list", "agents", "write each agent as a list item")
    declared = [_agent(entry, f"agents.{index}") for index, entry in enumerate(agents)]
    for index, entry in enumerate(agents):
        _check_schemas(entry, f"agents.{index}", ("input_schema", "output_schema"))
    catalog = with_tools(_validated(_with_servers({**raw, "agents": declared})))
    for index, workflow in enumerate(catalog.workflows):
        _check_schemas(workflow.inputs, f"workflows.{index}.inputs", workflow.inputs)
    return catalog


def _check_schemas(schemas: Any, location: str, names: Iterable[str]) -> None:
    """Refuse schemas that are none. Those that servers tell are left to them."""
    for name in names:
        if isinstance(schemas, Mapping) and isinstance(schema := schemas.get(name), Mapping):
            # Imported here: most catalogs declare no schemas, and reading them is to stay quick.
            from actors.kinds.schemas import check_declared  # noqa: PLC0415

            check_declared(schema, f"{location}.{name}")


def _refuse_what_json_cannot_hold(raw: Mapping[str, Any]) -> None:
    """Refuse half characters, and YAML whose aliases lead back to themselves."""
    try:
        json.dumps(raw, ensure_ascii=False, default=str, skipkeys=True).encode()
    except UnicodeEncodeError:
        raise InvalidCatalog(
            "a text has half of a surrogate pair, which is no character", "catalog", "write whole characters"
        ) from None
    except (ValueError, RecursionError):
        raise InvalidCatalog("it refers to itself or is nested too deeply", "catalog", "use fewer levels") from None


def _with_servers(raw: dict[str, Any]) -> dict[str, Any]:
    """A catalog with what its MCP servers and remote agents offer as agents."""
    agents, providers = list(raw["agents"]), raw.get("providers") or ()
    if not isinstance(providers, list | tuple):
        raise InvalidCatalog("providers is not a list", "providers", "write each provider as a list item")
    providers = list(providers)
    for key, protocol, offers in (("mcp_servers", "mcp", "tools"), ("a2a_agents", "a2a", "skills")):
        servers = raw.pop(key, None) or ()
        if not isinstance(servers, list | tuple):
            raise InvalidCatalog(f"{key} is not a list", key, "write each of them as a list item")
        for index, server in enumerate(servers):
            # Imported here: reading other catalogs needs no client of the protocol.
            discovery = importlib.import_module(f"actors.discovery.{protocol}")
            entries, provider = discovery.discovered(server, f"{key}.{index}")
            agents += [_agent(entry, f"{key}.{index}.{offers}.{entry['name'].partition('.')[2]}") for entry in entries]
            providers.append(provider)
    return {**raw, "agents": agents, "providers": providers}


def _agent(entry: Any, location: str) -> Any:
    """An entry, checked and completed by its kind. Without a kind, its target is a callable."""
    if not isinstance(entry, Mapping):
        return entry
    kind = entry.get("kind")
    if kind is None:
        return declared_by_callable(entry, location)
    if not isinstance(kind, str) or kind not in set(AgentKind):
        return dict(entry)
    try:
        return kind_of(AgentKind(kind)).declare(entry, location)
    except UnsupportedKind as error:
        raise InvalidCatalog(error.message, f"{location}.kind", error.fix) from None


def _validated(raw: Mapping[str, Any]) -> Catalog:
    try:
        return Catalog.model_validate(raw)
    except ValidationError as error:
        raise _refusal(error, raw) from None


def _refusal(error: ValidationError, raw: Mapping[str, Any]) -> InvalidCatalog:
    """What is wrong, in words. The nodes of workflows are named as in tasks."""
    first = error.errors(include_url=False)[0]
    if first["loc"][:1] == ("workflows",):
        flaw: ForerunError = explain(error, Catalog, raw)[0]
        return InvalidCatalog(flaw.message, flaw.field, flaw.fix)
    flaw = first_flaw(error, Catalog)
    if first["loc"]:
        return InvalidCatalog(flaw.message, flaw.field, flaw.fix)
    # What is wrong with a catalog as a whole is told as 'field: message; fix'.
    field, colon, message = flaw.message.partition(": ")
    return InvalidCatalog(message if colon else field, field if colon else "catalog", flaw.fix)
