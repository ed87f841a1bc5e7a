"""Values of declared variables come from the environment, from files, or from commands."""

import logging
import sys
from pathlib import Path

import pytest

from actors.secrets import SecretSources


def test_the_environment_counts_before_a_file_and_a_file_before_a_command(tmp_path: Path):
    (tmp_path / "key").write_text("from a file\n", encoding="utf-8")
    command = f"{sys.executable} -c \"print('from a command')\""
    all_three = {"KEY": "from the environment", "KEY_FILE": str(tmp_path / "key"), "KEY_COMMAND": command}
    no_variable = {name: value for name, value in all_three.items() if name != "KEY"}

    assert SecretSources(all_three).value("KEY") == "from the environment"
    assert SecretSources(no_variable).value("KEY") == "from a file"
    assert SecretSources({"KEY_COMMAND": command}).value("KEY") == "from a command"
    assert SecretSources({}).value("KEY") is None


def test_a_replaced_file_counts_at_once_and_a_command_is_asked_once(tmp_path: Path):
    key, asked = tmp_path / "key", tmp_path / "asked"
    key.write_text("old", encoding="utf-8")
    sources = SecretSources({"KEY_FILE": str(key), "TOKEN_COMMAND": f"sh -c 'echo x >> {asked}; echo token'"})

    first = sources.value("KEY"), sources.value("TOKEN")
    key.write_text("new", encoding="utf-8")

    assert first == ("old", "token")
    assert (sources.value("KEY"), sources.value("TOKEN")) == ("new", "token")
    assert asked.read_text(encoding="utf-8") == "x\n"


@pytest.mark.parametrize(
    "source", [{"KEY_FILE": "/nowhere"}, {"KEY_COMMAND": "no-such-program"}, {"KEY_COMMAND": "false"}]
)
def test_what_cannot_be_read_is_missing_and_logged(source: dict[str, str], caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        assert SecretSources(source).value("KEY") is None

    assert next(iter(source)) in caplog.text
