"""Ray sends its token to a cluster that is joined by address."""

import pytest

from orchestrator.service.cluster_token import use_token


@pytest.mark.parametrize("where", [{"RAY_AUTH_TOKEN": "t"}, {"RAY_AUTH_TOKEN_PATH": "file"}])
def test_a_token_in_the_environment_is_used(where, tmp_path):
    environment = {"HOME": str(tmp_path), **where}

    assert use_token(environment)
    assert environment["RAY_AUTH_MODE"] == "token"


def test_a_token_in_the_home_directory_is_used(tmp_path):
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("t")
    environment = {"HOME": str(tmp_path)}

    assert use_token(environment)
    assert environment["RAY_AUTH_MODE"] == "token"


def test_without_a_token_nothing_is_changed(tmp_path):
    environment = {"HOME": str(tmp_path), "RAY_AUTH_TOKEN": ""}

    assert not use_token(environment)
    assert "RAY_AUTH_MODE" not in environment


@pytest.mark.parametrize(("mode", "shown"), [("disabled", False), ("token", True), ("TOKEN", True)])
def test_a_mode_that_is_already_set_is_kept(mode, shown, tmp_path):
    environment = {"HOME": str(tmp_path), "RAY_AUTH_TOKEN": "t", "RAY_AUTH_MODE": mode}

    assert use_token(environment) is shown
    assert environment["RAY_AUTH_MODE"] == mode
