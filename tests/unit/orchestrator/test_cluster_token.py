"""Whether Ray is told to show its token to a cluster that is joined by address."""

import pytest

from orchestrator.service.cluster_token import show_token


@pytest.mark.parametrize("where", [{"RAY_AUTH_TOKEN": "t"}, {"RAY_AUTH_TOKEN_PATH": "file"}])
def test_a_token_that_is_named_is_shown(where, tmp_path):
    environment = {"HOME": str(tmp_path), **where}

    assert show_token(environment)
    assert environment["RAY_AUTH_MODE"] == "token"


def test_a_token_at_home_is_shown(tmp_path):
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("t")
    environment = {"HOME": str(tmp_path)}

    assert show_token(environment)
    assert environment["RAY_AUTH_MODE"] == "token"


def test_without_a_token_nothing_is_changed(tmp_path):
    environment = {"HOME": str(tmp_path), "RAY_AUTH_TOKEN": ""}

    assert not show_token(environment)
    assert "RAY_AUTH_MODE" not in environment


@pytest.mark.parametrize(("mode", "shown"), [("disabled", False), ("token", True), ("TOKEN", True)])
def test_a_mode_that_somebody_has_set_stands(mode, shown, tmp_path):
    environment = {"HOME": str(tmp_path), "RAY_AUTH_TOKEN": "t", "RAY_AUTH_MODE": mode}

    assert show_token(environment) is shown
    assert environment["RAY_AUTH_MODE"] == mode
