"""Load settings and read YAML files. Errors name the wrong key and the nearest valid one."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from actors.yaml_text import parsed_yaml
from orchestrator.errors import InvalidSettings
from orchestrator.settings import Settings
from planners.errors import ForerunError
from planners.leaves import kind_of
from planners.validation.locations import names_at
from planners.validation.suggestions import nearest
from planners.validation.wording import told
from reconciler.errors import InvalidDatabase

# Variables with the same prefix that are no settings: those of the client, the settings file, the benchmarks' data.
_NOT_SETTINGS = frozenset({"FORERUN_URL", "FORERUN_TOKEN", "FORERUN_HEADERS", "FORERUN_SETTINGS", "FORERUN_DATA"})


def load_settings(file: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Settings from a YAML file, the environment and flags (nested by section), each overriding the one before.

    Raises:
        InvalidSettings: a key or variable is unknown, or a value is invalid.
    """
    _refuse_unknown_variables(os.environ)
    merged: dict[str, Any] = {}
    for source in (_file_settings(file), _environment_settings(), flags or {}):
        merged = _merged(merged, source)
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        raise _invalid(error) from None
    if settings.journal.url is not None:
        _refuse_unknown_database(settings.journal_url)
    return settings


def given_settings(settings: Settings | Mapping[str, Any] | None) -> Settings:
    """Settings that Python code gives: a tree, or a mapping as in a file, over those of the environment.

    Raises:
        InvalidSettings: a key is unknown, or a value is invalid.
    """
    if isinstance(settings, Settings):
        return settings
    if settings is not None and not isinstance(settings, Mapping):
        fix = "give a mapping, such as {'gate': {'alpha': 0.5}}, or forerun.load_settings(Path('settings.yaml'))"
        raise InvalidSettings(f"{settings!r} is neither settings nor a mapping", "settings", fix)
    return load_settings(flags=settings)


def read_document(file: Path, refusal: type[ForerunError]) -> Any:
    """The YAML or JSON document in a file.

    Raises:
        refusal: the file cannot be read, or is not valid YAML.
    """
    try:
        return parse_document(file.read_text(encoding="utf-8"), str(file), refusal)
    except (OSError, UnicodeDecodeError) as error:
        raise refusal(
            f"the file cannot be read: {getattr(error, 'strerror', None) or error}", str(file), "check the path"
        ) from None


def parse_document(text: str, name: str, refusal: type[ForerunError]) -> Any:
    """The YAML or JSON document in a text; ``name`` is the field of the error.

    Raises:
        refusal: the text is not valid YAML.
    """
    try:
        return parsed_yaml(text)
    except RecursionError:
        raise refusal("the document is nested too deeply", name, "nest it less") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1} column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "this is not valid YAML"
        raise refusal(f"{problem}{at}", name, "correct the YAML (JSON is valid YAML, too)") from None


def _file_settings(file: Path | None) -> Mapping[str, Any]:
    if file is None:
        return {}
    document = read_document(file, InvalidSettings)
    if not isinstance(document, dict | None):
        raise InvalidSettings(
            "the file is not a mapping of sections", str(file), "start it with a section such as 'http:'"
        )
    if not all(isinstance(key, str) for key in document or ()):
        raise InvalidSettings(
            "the name of a section is not a string", str(file), "start it with a section such as 'http:'"
        )
    # A section of which nothing is left but its name has its defaults.
    return {name: value for name, value in (document or {}).items() if value is not None or name not in _sections()}


def _sections() -> set[str]:
    return {path.partition(".")[0] for path in _paths(Settings, ".") if "." in path}


def _environment_settings() -> Mapping[str, Any]:
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        fix = "give the whole section as JSON, or one key as FORERUN_SECTION__KEY=value"
        raise InvalidSettings(str(error), "environment", fix) from None


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``over`` on top, section by section."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {f"FORERUN_{name}".upper() for name in _paths(Settings, "__")} | _NOT_SETTINGS
    sections = {f"FORERUN_{name}".upper() for name in Settings.model_fields}
    open_ended = ("FORERUN_LLM__EXTRA__", "FORERUN_CLUSTER__RUNTIME_ENV__")
    for name in sorted(environment):
        upper = name.upper()
        if not upper.startswith("FORERUN_") or upper in known | sections or upper.startswith(open_ended):
            continue
        without_section = upper.removeprefix("FORERUN_")
        inside = [one for one in known if one.endswith(f"__{without_section}")]
        raise InvalidSettings("unknown environment variable", name, nearest(upper, inside or known))


def _refuse_unknown_database(url: str) -> None:
    # Imported here: most commands need no database.
    from reconciler.journal.database_url import database_url  # noqa: PLC0415

    try:
        database_url(url)
    except InvalidDatabase as error:
        raise InvalidSettings(error.message, error.field, error.fix) from None


def _paths(model: type[BaseModel], joint: str) -> list[str]:
    """The path of every leaf, with ``joint`` between its parts."""
    paths: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            paths += [f"{name}{joint}{path}" for path in _paths(inner, joint)]
        else:
            paths.append(name)
    return paths


def _invalid(error: ValidationError) -> InvalidSettings:
    first = error.errors()[0]
    place, kind = first["loc"], first["type"]
    path = ".".join(map(str, place))
    if kind == "extra_forbidden":
        known, section = [*_paths(Settings, "."), *Settings.model_fields], path.rpartition(".")[0]
        inside = [name for name in known if not section and name.endswith(f".{path}")]
        beside = [name for name in known if name.rpartition(".")[0] == section]
        return InvalidSettings("unknown setting", path, nearest(path, inside or known, beside))
    if kind == "value_error":
        message, _, fix = str(first["ctx"]["error"]).partition("; ")
        return InvalidSettings(message, path, fix or message)
    if kind == "path_type":
        return InvalidSettings(f"this is {kind_of(first['input'])}, not a path", path, "write a path")
    words = told(first, names_at(place, Settings))
    return InvalidSettings(words.message, path, words.fix)
