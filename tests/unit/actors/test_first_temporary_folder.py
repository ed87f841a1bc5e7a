"""An agent that is the first in its process to ask for the temporary folder."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = """
import tempfile
from forerun import run

def first() -> str:
    return tempfile.gettempdir()

view = run({"workflow": {"steps": [{"id": "a", "capability": "first"}]}}, [first])
assert view.status == "succeeded", view.failure
"""


def test_it_does_not_hang():
    """Looking the folder up writes a file under a lock, and the hook that notices files must not need that lock."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "orchestrator" / "public")])
    ended = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", CODE],
        env={**os.environ, "PYTHONPATH": paths},
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
