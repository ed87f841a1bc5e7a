"""Fixtures of all tests. Unit tests start no Ray; all others share one local cluster of different nodes."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Before numpy is imported: BLAS threads that wait for a busy core make small models ten times slower. Ray sets the same
# in its workers.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Importing it writes the size of the terminal to COLUMNS, which tables of the command line keep to.
import readline  # noqa: F401

os.environ.pop("COLUMNS", None)

import pytest
from hypothesis import settings

from planners.scheduling.cp_sat import search_budget
from planners.scheduling.kernel.compilation import LOADER
from reconciler.state.run import RunState

# Every run state that a test drives checks itself after every event.
RunState.validates = True

# Test machines are busy, so the time of an example says nothing about the code. The examples are always the same;
# `make laws` draws others in every run, and prints how to repeat one that fails.
settings.register_profile(
    "forerun", deadline=None, derandomize="FORERUN_LAW_HISTORIES" not in os.environ, print_blob=True
)
settings.load_profile("forerun")

_TESTS = Path(__file__).parent
_WITHOUT_RAY = ("unit", "properties", "laws")


@pytest.fixture(scope="session", autouse=True)
def _repeatable_plans() -> Iterator[None]:
    """Plans depend neither on how busy the machine is nor on when a kernel has been compiled beside other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LOADER, "allow", lambda _folder: None)
        patch.setattr(search_budget, "_GUARD_S", 600.0)
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Spread files over workers so that few services are started."""
    if config.getoption("dist") != "loadfile":
        return None
    from worker_files import WorkerFiles  # noqa: PLC0415 - pytest-xdist may be switched off

    return WorkerFiles(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a unit test that starts Ray."""
    if item.path.relative_to(_TESTS).parts[0] not in _WITHOUT_RAY:
        return (yield)
    import ray  # noqa: PLC0415 - only runs that hold unit tests need it here

    def forbidden(*args: object, **kwargs: object) -> None:
        pytest.fail("a unit test must not start Ray; put it into tests/integration")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray, "init", forbidden)
        return (yield)


@dataclass
class LocalCluster:
    """Node ids by purpose, and functions to add and to lose nodes."""

    address: str
    cpu: str
    cpu2: str
    gpu: str
    lab: str
    add: Callable[..., str] = field(repr=False)
    remove: Callable[[str], None] = field(repr=False)


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """Two CPU nodes, one with a logical GPU, one with a custom resource; two logical CPUs each."""
    import ray  # noqa: PLC0415 - starting it takes seconds; unit tests do without
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    python_path = os.environ.get("PYTHONPATH")
    # Workers of every node import the agents of tests/support.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(_TESTS / "support"), *filter(None, [python_path])])
    base = tempfile.mkdtemp(prefix="fr-", dir="/tmp")  # socket paths must stay under 107 characters
    Path("/tmp/ray").mkdir(exist_ok=True)  # noqa: S108 - Ray ignores ``temp_dir`` for its cluster file
    head = {
        "num_cpus": 2,
        "include_dashboard": False,
        "temp_dir": base,
        "_system_config": {
            "prestart_worker_first_driver": False,
            "enable_worker_prestart": False,
            "health_check_initial_delay_ms": 500,
            "health_check_period_ms": 300,
            "health_check_failure_threshold": 3,
        },
    }
    local = Cluster(initialize_head=True, connect=False, head_node_args=head)
    nodes: dict[str, Any] = {local.head_node.node_id: local.head_node}

    def add(**amounts: Any) -> str:
        node = local.add_node(num_cpus=2, wait=False, **amounts)
        nodes[node.node_id] = node
        return str(node.node_id)

    def remove(node_id: str) -> None:
        local.remove_node(nodes.pop(node_id), allow_graceful=False)

    cpu2, gpu, lab = add(), add(num_gpus=1), add(resources={"microscope": 1})
    local.wait_for_nodes()
    ray.init(address=local.address, log_to_driver=False)
    yield LocalCluster(local.address, str(local.head_node.node_id), cpu2, gpu, lab, add, remove)
    ray.shutdown()
    local.shutdown()
    shutil.rmtree(base, ignore_errors=True)
    os.environ.pop("PYTHONPATH")
    if python_path is not None:
        os.environ["PYTHONPATH"] = python_path
