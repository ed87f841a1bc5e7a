"""Reading catalogs, and saying what is wrong with them."""

import itertools
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sample_agents as s

from actors.catalog import catalog_of, load_catalog, parse_catalog
from actors.errors import InvalidCatalog
from planners.agents import AgentKind, Provider

TARGET = "sample_agents:add"
COMMAND = {"name": "c", "capability": "x", "kind": "command", "target": ["true"]}


def test_callables_make_a_catalog():
    catalog = catalog_of(s.add, s.sleeps, providers=[Provider(name="desk")])

    assert [agent.name for agent in catalog.agents] == ["add", "sleeps"]
    assert "desk" in catalog.provider_by_name


def test_an_undecorated_callable_is_refused():
    with pytest.raises(InvalidCatalog, match="decorate"):
        catalog_of(s.where_now)


def test_a_target_brings_its_declaration_and_the_entry_overrides_it():
    spec = parse_catalog({"agents": [{"target": TARGET, "name": "plus", "quality": 0.3}]}).by_name["plus"]

    assert (spec.capability, spec.kind, spec.quality, spec.target) == ("add", AgentKind.ASYNC, 0.3, TARGET)
    assert spec.input_schema["required"] == ["a"]


def test_an_undecorated_target_needs_only_a_capability():
    spec = parse_catalog({"agents": [{"target": "sample_agents:where_now", "capability": "where"}]}).agents[0]

    assert (spec.name, spec.kind) == ("where_now", AgentKind.SYNC)


WITH_REFERENCE = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "field", "message", "fix"),
    [
        ({"type": "strng"}, ".type", "'strng' is no type of JSON Schema", "did you mean 'string'?"),
        ({"properties": {"n": {"type": "int"}}}, ".properties.n.type", "'int' is no type", "did you mean 'integer'?"),
        ({"properties": {"n": "string"}}, ".properties.n", "'string' is not of type 'object'", "write {type: string}"),
        ({"required": "n"}, ".required", "'n' is not of type 'array'", "see json-schema.org, draft 2020-12"),
        ({"items": [{"type": "string"}]}, ".items", "is not of type 'object'", "write one schema for all elements"),
        ({**WITH_REFERENCE, "$defs": {}}, ".$ref", "'#/$defs/A' leads nowhere", "point to a part of this schema"),
    ],
)
@pytest.mark.parametrize("name", ["input_schema", "output_schema"])
def test_a_schema_that_is_none_is_refused_before_an_output_is_checked_against_it(name, schema, field, message, fix):
    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog({"agents": [{**COMMAND, name: schema}]})

    assert caught.value.field == f"agents.0.{name}{field}"
    assert message in caught.value.message
    assert caught.value.fix.startswith(fix)


def test_the_schemas_of_the_inputs_of_workflows_are_checked_too():
    workflow = {"name": "w", "inputs": {"n": {"type": "int"}}, "steps": [{"id": "a", "capability": "x"}]}

    with pytest.raises(InvalidCatalog, match="'int' is no type") as caught:
        parse_catalog({"agents": [COMMAND], "workflows": [workflow]})

    assert caught.value.field == "workflows.0.inputs.n.type"


def test_a_schema_may_refer_to_its_parts():
    assert parse_catalog({"agents": [{**COMMAND, "output_schema": WITH_REFERENCE}]}).by_name["c"].output_schema


def test_commands_need_no_callable():
    catalog = parse_catalog({"agents": [COMMAND]})

    assert catalog.by_name["c"].target == ("true",)


@pytest.mark.parametrize(
    ("raw", "field", "fix"),
    [
        ({"agents": [{"target": TARGET, "qualty": 1}]}, "agents.0.qualty", "quality"),
        ({"agents": [{**COMMAND, "effct": "pure"}]}, "agents.0.effct", "effect"),
        ({"agents": [{**COMMAND, "resources": {"gpu": 1}}]}, "agents.0.resources.gpu", "gpus"),
        ({"agents": [{**COMMAND, "price": {"zzz": 1}}]}, "agents.0.price.zzz", "there are usd_per_call, usd_per_s"),
        ({"agents": [{**COMMAND, "price": {"usd": 1}}]}, "agents.0.price.usd", "'usd_per_call' or 'usd_per_s'?"),
        ({"agent": []}, "agent", "agents"),
        ({"providers": [{"name": "p", "max_concurent": 1}]}, "providers.0.max_concurent", "max_concurrent"),
        ({"agents": [{**COMMAND, "name": "d", "target": "true"}]}, "agents.0.target", "target"),
        ({"agents": [{**COMMAND, "effect": "stageable"}]}, "agents.0.effect", "promote"),
        ({"agents": [{"kind": "command", "capability": "x", "target": ["true"]}]}, "agents.0.name", "add 'name'"),
        ({"agents": [{"target": "sample_agents:describes", "capability": "x"}]}, "agents.0.target", "describe"),
        ({"agents": [{"target": "sample_agents:where_now"}]}, "agents.0.capability", ""),
        ({"agents": [{"target": TARGET, "effect": "stageable"}]}, "agents.0.effect", "promote"),
        ({"agents": [{"target": TARGET, "kind": "sync"}]}, "agents.0.kind", "leave kind out"),
        ({"agents": [{"target": TARGET, "resources": {"cpu": 1}}]}, "agents.0.resources.cpu", "cpus"),
        ({"agents": [{"target": "sample_agents:Molecule", "capability": "x"}]}, "agents.0.target", "name a function"),
        ({"agents": [{"target": TARGET, "effect": "none"}]}, "agents.0.effect", "pure, stageable"),
        ({"agents": [{"target": TARGET, "quality": 90}]}, "agents.0.quality", "at most 1"),
        ({"agents": [{"target": TARGET, "price": 0.1}]}, "agents.0.price", "usd_per_call"),
        ({"agents": [{"target": "agents.py:add", "capability": "x"}]}, "agents.0.target", "write agents:add"),
        ({"agents": [{"target": "./my/agents:add", "capability": "x"}]}, "agents.0.target", "write my.agents:add"),
        ({"agents": [{"name": "c", "target": ["true"], "capability": "x"}]}, "agents.0.target", "add kind: command"),
        ({"agents": [{"target": "no_such_module:x", "capability": "x"}]}, "agents.0.target", "correct the name"),
        ({"agents": [{**COMMAND, "kind": "comand"}]}, "agents.0.kind", "'command'"),
        ({"agents": [COMMAND, COMMAND]}, "agents", "its own name"),
        ({"agents": [{**COMMAND, "provider": "p"}]}, "agents.c.provider", "add it to providers"),
        ({"workflows": [{"name": "w", "steps": [{"id": "a", "capabilty": "x"}]}]}, "workflows.0.steps.a", "capability"),
        ({"providers": [{"nmae": "p"}]}, "providers.0.nmae", "'name'"),
        ({"agents": {"a": 1}}, "agents", "list"),
        ([], "catalog", "agents"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(raw: Any, field: str, fix: str):
    with pytest.raises(InvalidCatalog) as caught:
        parse_catalog(raw)
    assert caught.value.field == field
    assert fix in caught.value.fix


def test_a_module_that_fails_while_it_is_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in {"without_licence": "raise RuntimeError('no licence')", "misspelt": "def f(:"}.items():
        (tmp_path / f"{name}.py").write_text(text)
        with pytest.raises(InvalidCatalog, match=name) as refused:
            parse_catalog({"agents": [{"capability": "x", "target": f"{name}:f"}]})
        assert refused.value.field == "agents.0.target"


def test_a_key_that_is_not_text_is_refused():
    with pytest.raises(InvalidCatalog, match="unknown key"):
        parse_catalog({"agents": [{1: "x", "target": "sample_agents:add"}]})


def test_a_file_that_is_not_text_is_refused(tmp_path: Path):
    (tmp_path / "c.yaml").write_bytes(b"\xff")
    with pytest.raises(InvalidCatalog, match="UTF-8"):
        load_catalog(tmp_path / "c.yaml")


def test_two_agents_of_one_name_are_refused():
    with pytest.raises(InvalidCatalog, match="more than once"):
        parse_catalog({"agents": [COMMAND, COMMAND]})


def test_an_unknown_provider_is_refused():
    with pytest.raises(InvalidCatalog, match="no provider 'p'"):
        parse_catalog({"agents": [{**COMMAND, "provider": "p"}]})


def test_files_of_either_form_say_the_same(tmp_path: Path):
    as_json, as_yaml = tmp_path / "c.json", tmp_path / "c.yaml"
    as_json.write_text(json.dumps({"agents": [{"target": TARGET}]}))
    as_yaml.write_text(f"agents:\n  - target: {TARGET}\n")

    assert load_catalog(as_json) == load_catalog(as_yaml)


def test_a_second_list_of_agents_is_refused_and_merged_keys_may_be_replaced(tmp_path: Path):
    entry = "{name: a, capability: c, kind: command, target: ['true']}"
    (tmp_path / "c.yaml").write_text(f"agents: [{entry}]\nproviders: []\nagents: []")
    (tmp_path / "d.yaml").write_text(f"agents: [&a {entry}, &b {{<<: *a, name: b}}, {{<<: *b, name: c}}]")

    with pytest.raises(InvalidCatalog, match="key 'agents' is written twice"):
        load_catalog(tmp_path / "c.yaml")
    assert [agent.name for agent in load_catalog(tmp_path / "d.yaml").agents] == ["a", "b", "c"]


def test_a_catalog_that_refers_to_itself_is_refused(tmp_path: Path):
    (tmp_path / "c.yaml").write_text("agents: &agents [{name: a, settings: *agents}]")

    with pytest.raises(InvalidCatalog, match="refers to itself"):
        load_catalog(tmp_path / "c.yaml")


@pytest.mark.parametrize("kind", [*AgentKind, []], ids=str)
def test_a_catalog_with_any_value_anywhere_is_read_or_refused(kind: Any):
    fields = ("target", "name", "capability", "provider", "settings", "resources", "effect", "env", "retry", "tools")
    values = (None, True, -1, 1e308, "", "a:b", "\ud800", "x" * 5_000, [], [[1]], {}, {"": []})
    for field, value in itertools.product(fields, values):
        with suppress(InvalidCatalog):
            parse_catalog({"agents": [{"name": "a", "capability": "c", "kind": kind, field: value}]})


@pytest.mark.parametrize("key", ["agents", "providers", "workflows", "mcp_servers", "a2a_agents"])
@pytest.mark.parametrize("value", [1, 1.5, True, "x", {"a": 1}, [1], [[]], [{}], ["\ud800"]], ids=ascii)
def test_a_list_of_a_catalog_that_is_none_is_refused(key: str, value: Any):
    with pytest.raises(InvalidCatalog):
        parse_catalog({"agents": [COMMAND], key: value})


@pytest.mark.parametrize("text", ["agents: [", None])
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, text: str | None):
    path = tmp_path / "c.yaml"
    if text is not None:
        path.write_text(text)

    with pytest.raises(InvalidCatalog):
        load_catalog(path)


def test_a_task_in_the_place_of_a_catalog_is_called_one():
    with pytest.raises(InvalidCatalog, match="this is a task") as refused:
        parse_catalog({"workflow": {"steps": []}, "inputs": {}})

    assert "agents" in refused.value.fix
