"""The fixture `forerun` in the tests of a project."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
TESTS = """
import asyncio

async def wait(name: str) -> str:
    await asyncio.sleep(1800.0)
    return f"waited for {name}"

def test_it_succeeds(forerun):
    steps = [{"id": "s", "capability": "wait", "inputs": {"name": "Ada"}}]
    view = forerun({"workflow": {"steps": steps}}, agents=[wait])
    assert view.status == "succeeded"
    assert view.outputs == {"s": "waited for Ada"}
"""


def test_a_project_tests_its_task_without_a_service_and_without_waiting(tmp_path):
    (tmp_path / "test_project.py").write_text(TESTS)
    path = os.pathsep.join([str(ROOT), str(ROOT / "orchestrator" / "public")])

    ended = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-m", "pytest", "-q", "-p", "forerun.pytest_plugin", "-p", "no:cacheprovider", tmp_path],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr
