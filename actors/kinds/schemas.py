"""Checks values against the JSON schemas of a catalog entry, for kinds whose agents have no types of their own."""

from typing import Any

import jsonschema

from actors.errors import ActorsError


def check_schema(value: Any, schema: dict[str, Any] | None, error: type[ActorsError], root: str) -> None:
    """Refuse a value that does not match. ``root`` names the value in messages, such as "inputs".

    Raises:
        ActorsError: of the given type; names the path.
    """
    if schema is None:
        return
    problem = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(value))
    if problem is not None:
        raise error(problem.message, ".".join([root, *map(str, problem.absolute_path)]), "see the agent's schema")
