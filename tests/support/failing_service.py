"""A service whose agents, planner and nodes fail."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import live_service
import yaml

from benchmarks.scripted_llm import Fault, ScriptedLLM

GUARD_S = 120
_SUPPORT = Path(__file__).parent
_AGENTS = (
    *("summarises", "returns_a_text", "counts", "crashes", "exits", "hangs", "misses_a_module", "allocates_too_much"),
    *("tells_its_pid", "pays_and_dies", "buys_in_vain", "rests", "repeats"),
    *("lingers", "lingers_to_pay"),
)


class GoalFaults(ScriptedLLM):
    """Its faults follow from the goal, not from the order of requests."""

    def fault(self) -> Fault | None:
        said = json.dumps(self.requests[-1]["messages"])
        fault = next((fault for fault in Fault if f"answer with {fault.value}" in said), None)
        return Fault.CYCLE if "answer with nonsense" in said else fault


class _FailingService(BaseHTTPRequestHandler):
    """Answers with the status in the path, or not at all."""

    stopping = threading.Event()

    def do_POST(self) -> None:
        if self.path == "/stall":
            self.stopping.wait(GUARD_S)
            return
        self.send_response(int(self.path[1:4]))
        if self.path == "/429-busy":
            self.send_header("Retry-After", "600")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def failing_urls() -> Iterator[str]:
    """The URL of a service that fails as the path says."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _FailingService)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        _FailingService.stopping.set()
        server.shutdown()
        server.server_close()
        serving.join()


def catalog(failing_url: str) -> dict[str, Any]:
    agents: list[dict[str, Any]] = [{"target": f"failing_agents:{name}"} for name in _AGENTS]
    for name, capability in {"returns_a_text": "count-badly", "exits": "exit"}.items():
        agents[_AGENTS.index(name)]["capability"] = capability
    agents.append({"capability": "license", "target": "failing_import:unreachable", "retry": {"max_attempts": 1}})
    shell = ["sh", "-c", "echo disk full >&2; exit 7"]
    agents.append(
        {"name": "sheller", "capability": "shell", "kind": "command", "target": shell, "retry": {"max_attempts": 1}}
    )
    agents += [
        {
            "name": f"caller-{path}",
            "capability": f"call-{path}",
            "kind": "http",
            "effect": "pure",
            "target": f"{failing_url}/{path}",
            "settings": {"allow": ["127.0.0.1"]},
            "retry": {"max_attempts": 1},
            "timeout_s": 1.0 if path == "stall" else 30.0,
        }
        for path in ("429", "429-busy", "500", "stall")
    ]
    return {"agents": agents}


def started(folder: Path, url: str, llm: ScriptedLLM) -> live_service.Service:
    """Start a service whose agents call the failing one at ``url``, and whose planner asks the ``llm``."""
    (folder / "catalog.yaml").write_text(yaml.safe_dump(catalog(url)))
    environment = {
        "PYTHONPATH": _paths(),
        "FORERUN_DATA_DIR": str(folder),
        "FORERUN_LLM__BASE_URL": llm.base_url,
        "FORERUN_LLM__MODEL": llm.model,
        "FORERUN_LLM__STALL_S": "10",
        "FORERUN_LLM__MAX_RETRIES": "0",
        "FORERUN_LLM__MAX_REPAIRS": "0",
    }
    # Without Ray Serve it starts sooner, and failures are told the same.
    direct = ("--ingress", "direct")
    return live_service.started(folder, *direct, catalog=folder / "catalog.yaml", environment=environment)


def _paths() -> str:
    return os.pathsep.join([str(_SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])])


@contextmanager
def second_node(service: live_service.Service, log: Path) -> Iterator[Callable[[], None]]:
    """A node that alone has the resource `doomed`; call what is yielded to lose it."""
    raylet = next(pid for pid in service.descendants() if _name(pid) == "raylet")
    address = re.search(r"--gcs-address=([^ \0]+)", Path(f"/proc/{raylet}/cmdline").read_text())
    assert address is not None
    inherited = Path(f"/proc/{raylet}/environ").read_text().split("\0")
    token = dict(line.split("=", 1) for line in inherited if line.startswith("RAY_AUTH"))
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", f"--address={address[1]}"]
    command += ["--num-cpus=2", "--node-ip-address=127.0.0.1", "--disable-usage-stats"]
    command += ["--object-store-memory=100000000", '--resources={"doomed": 2}']
    environment = live_service.clean_environment(
        {**token, "PYTHONPATH": _paths(), "RAY_raylet_start_wait_time_s": str(GUARD_S)}
    )
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment, start_new_session=True)  # noqa: S603 - our own

    def lose() -> None:
        for pid in live_service.family(process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    try:
        yield lose
    finally:
        lose()
        process.wait(GUARD_S)


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
