"""Everything that users write, and everything that the API takes and gives, is described where it is declared."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from orchestrator.cli.inventory import SchemaOf, schema_of

METHODS = ("get", "post", "put", "delete", "patch")


@pytest.fixture(scope="module")
def document(built: tuple[Any, FastAPI]) -> dict[str, Any]:
    return built[1].openapi()


def undescribed(schema: dict[str, Any], definitions: dict[str, Any], at: str) -> Iterator[str]:
    """The properties of a schema, at any depth of it, that neither they nor the type that they refer to describe."""
    for name, field in schema.get("properties", {}).items():
        target = definitions.get(field.get("$ref", "").rpartition("/")[2], {})
        if not (field.get("description") or target.get("description")):
            yield f"{at}.{name}"
    if not schema.get("description") and "properties" in schema:
        yield at


@pytest.mark.parametrize("of", SchemaOf)
def test_every_field_of_a_file_that_users_write_is_described(of):
    schema = schema_of(of)
    definitions = schema.get("$defs", {})

    found = [*undescribed(schema, definitions, of.value)]
    found += [name for key, part in definitions.items() for name in undescribed(part, definitions, key)]

    assert found == []


def test_every_field_of_the_api_is_described(document):
    definitions = document["components"]["schemas"]

    assert [name for key, part in definitions.items() for name in undescribed(part, definitions, key)] == []


def test_every_route_has_a_summary_a_description_and_described_parameters(document):
    lacking = []
    for path, methods in document["paths"].items():
        for method in set(methods) & set(METHODS):
            route = methods[method]
            # Where there is none, FastAPI makes one of the function's name, in title case.
            told = route["summary"] != route["summary"].title() and route.get("description")
            lacking += [] if told else [f"{method} {path}"]
            lacking += [
                f"{method} {path} {one['name']}" for one in route.get("parameters", ()) if not one.get("description")
            ]

    assert lacking == []


def test_the_schema_of_a_catalog_accepts_what_people_write():
    jsonschema = pytest.importorskip("jsonschema")
    schema = schema_of(SchemaOf.CATALOG)
    servers = {
        "mcp_servers": [{"name": "files", "command": ["serve-files"]}],
        "a2a_agents": [{"name": "desk", "url": "http://desk"}],
    }

    jsonschema.validate({"agents": [{"target": "textagents:score"}], **servers}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"agents": [], "mcp_server": []}, schema)
