"""A learner may start after the service is ready, if there is nothing that it would have to restore first."""

import pytest

from orchestrator.service.service_actors import is_new
from orchestrator.settings import JournalSettings, Settings

_NETWORK = JournalSettings(url="postgresql+psycopg://user:secret@db/forerun")


def test_a_service_without_journal_and_models_is_new(tmp_path):
    (tmp_path / "models").mkdir()

    assert is_new(Settings(data_dir=tmp_path / "data"))
    assert is_new(Settings(data_dir=tmp_path))


@pytest.mark.parametrize("kept", ["journal.sqlite3", "models/1/manifest.json"])
def test_a_service_that_has_a_journal_or_models_is_not_new(tmp_path, kept):
    file = tmp_path / kept
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()

    assert not is_new(Settings(data_dir=tmp_path))


@pytest.mark.parametrize("journal", [_NETWORK, JournalSettings(url="nonsense"), JournalSettings(url="sqlite://")])
def test_of_another_journal_it_is_not_known(tmp_path, journal):
    assert not is_new(Settings(data_dir=tmp_path, journal=journal))
