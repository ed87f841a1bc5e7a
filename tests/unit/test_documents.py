"""The excerpts in the documents are valid, and their links lead somewhere."""

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from actors.catalog import parse_catalog
from actors.discovery.a2a import RemoteEntry
from actors.discovery.mcp import ServerEntry
from planners.agents import Catalog
from planners.nodes import Node

_DOCUMENTS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVERS = {"mcp_servers": ServerEntry, "a2a_agents": RemoteEntry}


def excerpts(name: str) -> list[Any]:
    found = [yaml.safe_load(text) for text in _BLOCK.findall((_DOCUMENTS / name).read_text("utf-8"))]
    assert found
    return found


@pytest.mark.parametrize("excerpt", excerpts("agents.md"), ids=str)
def test_excerpts_of_catalogs_are_valid(excerpt: Any, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("langgraph", reason="pip install 'forerun[langgraph]'")
    for name in ("myproject", "myproject.agents", "myproject.graphs", "myproject.models"):
        monkeypatch.setitem(sys.modules, name, import_module("graphs"))
    if isinstance(excerpt, list) and "id" in excerpt[0]:
        assert TypeAdapter(tuple[Node, ...]).validate_python(excerpt)
    elif isinstance(excerpt, list):
        assert parse_catalog({"agents": excerpt}).agents
    else:
        for key, servers in excerpt.items():
            assert [_SERVERS[key].model_validate(server) for server in servers]


@pytest.mark.parametrize("excerpt", excerpts("workflows.md"), ids=str)
def test_excerpts_of_workflows_are_valid(excerpt: Any):
    if isinstance(excerpt, dict):
        assert Catalog.model_validate(excerpt).workflows
        return
    assert TypeAdapter(tuple[Node, ...]).validate_python(excerpt)


@pytest.mark.parametrize("document", sorted(_DOCUMENTS.glob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path):
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", document.read_text("utf-8"))]

    assert [link for link in links if "://" not in link and not (_DOCUMENTS / link).exists()] == []
