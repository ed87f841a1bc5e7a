"""Errors at start-up name the setting that fixes them."""

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner, Result

from orchestrator.cli.app import app
from orchestrator.cli.exit_codes import ExitCode
from orchestrator.errors import CannotStart
from orchestrator.service import wiring
from orchestrator.service.data_folder import own_folder
from orchestrator.settings import Settings
from planners.agents import Catalog


class _Caused(Exception):
    """As Ray wraps what an actor raised."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


def forerun(*arguments: Any) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_a_data_folder_that_cannot_be_created_is_reported_before_anything_starts(tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(CannotStart, match="data_dir"):
        wiring.start(Settings(data_dir=tmp_path / "file" / "inside"), Catalog())


def test_a_folder_is_used_by_one_service_at_a_time(tmp_path: Path):
    with own_folder(tmp_path):
        refused = forerun("up", "--data-dir", tmp_path, "--port", "0")

    assert refused.exit_code == ExitCode.SERVICE_FAILED
    assert f"already uses the folder {tmp_path} (process {os.getpid()})" in refused.stderr
    assert "another --data-dir" in refused.stderr
    with own_folder(tmp_path):
        pass


@pytest.mark.parametrize(
    ("cause", "field"),
    [
        (OperationalError("", {}, OSError("unable to open database file")), "journal.url"),
        (KeyError("n1"), ""),
    ],
)
def test_a_shard_that_cannot_be_built_is_reported_with_the_cause(cause: Exception, field: str):
    told = wiring._cannot_start_a_shard(_Caused(cause))

    assert told.field == field
    assert str(cause.args[0]) in told.message or "unable to open" in told.message
    assert told.fix
