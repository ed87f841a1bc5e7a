"""The public conformance suite of MCP (npm, Node 22): Forerun as server and as client.

``FORERUN_MCP_CONFORMANCE`` is the folder where it is: ``npm install @modelcontextprotocol/conformance node@22``.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import live_service
import pytest

_HERE = Path(__file__).parent
_SUPPORT = _HERE.parent / "support"
_SUITE_S = 600
_FOLDER = "FORERUN_MCP_CONFORMANCE"
_PROGRAM = Path("node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js")
# The scenarios about what Forerun offers: it has no resources, prompts or completions, and asks its clients nothing.
_AS_SERVER = (
    "server-initialize",
    "ping",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-error",
    "tools-call-with-progress",
    "json-schema-2020-12",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
)
_AS_CLIENT = ("initialize", "tools_call")
_WHY = f"set {_FOLDER} to a folder with: npm install @modelcontextprotocol/conformance node@22"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(_SUITE_S + 600),
    pytest.mark.skipif(_FOLDER not in os.environ, reason=_WHY),
]


def suite(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the suite; its exit code tells whether all checks of the scenario hold."""
    folder = Path(os.environ[_FOLDER])
    node = folder / "node_modules" / ".bin" / "node"
    command = [str(node if node.exists() else "node"), str(folder / _PROGRAM), *arguments]
    paths = os.pathsep.join([str(_SUPPORT), str(_HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths, "NO_PROXY": "*"}
    return subprocess.run(  # noqa: S603 - the suite
        command, capture_output=True, text=True, timeout=_SUITE_S, check=False, env=environment
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the tools of a real service."""
    environment = {
        "FORERUN_HTTP__MCP": "true",
        "FORERUN_HTTP__INGRESS": "direct",
        "PYTHONPATH": os.pathsep.join([str(_SUPPORT), os.environ.get("PYTHONPATH", "")]),
    }
    folder = tmp_path_factory.mktemp("up")
    service = live_service.started(folder, catalog=_HERE / "mcp_catalog.yaml", environment=environment)
    yield f"{service.url}/mcp"
    assert service.terminate() == 0


@pytest.mark.parametrize("scenario", _AS_SERVER)
def test_what_the_suite_requires_of_a_server_holds(url: str, scenario: str):
    run = suite("server", "--url", url, "--scenario", scenario)

    assert run.returncode == 0, f"{run.stdout[-3000:]}{run.stderr[-1000:]}"


@pytest.mark.parametrize("scenario", _AS_CLIENT)
def test_what_the_suite_requires_of_a_client_holds(scenario: str):
    client = f"{sys.executable} {_SUPPORT / 'mcp_conformance_client.py'}"

    run = suite("client", "--command", client, "--scenario", scenario)

    assert run.returncode == 0, f"{run.stdout[-3000:]}{run.stderr[-1000:]}"
