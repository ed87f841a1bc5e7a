"""Errors at start-up name the setting that fixes them."""

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from orchestrator.errors import CannotStart
from orchestrator.service import wiring
from orchestrator.settings import Settings
from planners.agents import Catalog


class _Caused(Exception):
    """As Ray wraps what an actor raised."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


def test_a_data_folder_that_cannot_be_created_is_reported_before_anything_starts(tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(CannotStart, match="data_dir"):
        wiring.start(Settings(data_dir=tmp_path / "file" / "inside"), Catalog())


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
