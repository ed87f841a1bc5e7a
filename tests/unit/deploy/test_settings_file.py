"""What an operator is given to start from can be used as it is."""

from pathlib import Path

from orchestrator.config import load_settings
from orchestrator.settings import Settings

DEPLOY = Path(__file__).parents[3] / "deploy"


def test_the_settings_file_says_what_the_defaults_are():
    assert load_settings(DEPLOY / "forerun.yaml", {}) == Settings()
