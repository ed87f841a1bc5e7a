"""The public compatibility kit of A2A (from the folder FORERUN_A2A_TCK) against a real service with a small catalog."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import live_service
import pytest

_HERE = Path(__file__).parent
_SUPPORT = _HERE.parent / "support"
_KIT_S = 600
_SERVED = {"FORERUN_HTTP__A2A": "true", "FORERUN_HTTP__DEFAULT_SKILL": "tck", "FORERUN_HTTP__INGRESS": "direct"}


@pytest.mark.slow
@pytest.mark.skipif("FORERUN_A2A_TCK" not in os.environ, reason="set FORERUN_A2A_TCK to the folder of the kit")
@pytest.mark.timeout(_KIT_S + 120)
def test_everything_that_a2a_requires_or_recommends_holds(tmp_path: Path):
    kit = tmp_path / "kit"  # it writes reports beside its tests
    shutil.copytree(os.environ["FORERUN_A2A_TCK"], kit)
    environment = _SERVED | {"PYTHONPATH": os.pathsep.join([str(_SUPPORT), os.environ.get("PYTHONPATH", "")])}
    service = live_service.started(tmp_path, catalog=_HERE / "tck_catalog.yaml", environment=environment)
    try:
        command = [sys.executable, "-m", "pytest", "tests/compatibility", "-q", "--tb=line", "-p", "no:cacheprovider"]
        command += [f"--sut-host={service.url}", "--transport=jsonrpc,http_json", "-m", "must or should or may"]
        run = subprocess.run(  # noqa: S603 - the kit
            command,
            cwd=kit,
            capture_output=True,
            text=True,
            timeout=_KIT_S,
            check=False,
            env=os.environ | {"NO_PROXY": "*"},
        )
    finally:
        assert service.terminate() == 0

    assert run.returncode == 0, run.stdout[-5000:]
    assert int(re.findall(r"(\d+) passed", run.stdout)[-1]) > 100
