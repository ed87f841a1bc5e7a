"""Whose Ray Serve is on a cluster that was joined."""

import importlib
import warnings
from types import SimpleNamespace

import pytest


class _Serve:
    """Ray Serve as far as it is looked at here."""

    def __init__(self, *applications: str) -> None:
        self.applications = dict.fromkeys(applications)
        self.ended = False

    def status(self):
        return SimpleNamespace(applications=self.applications)

    def shutdown(self):
        self.ended = True


@pytest.fixture(scope="module")
def serving():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray Serve's own, as it is imported
        return importlib.import_module("orchestrator.service.serve_instance")


@pytest.mark.parametrize(
    ("applications", "ours", "ended"),
    [(("forerun",), True, True), (("forerun", "other"), False, False), (("other",), False, False), ((), False, False)],
)
def test_only_what_a_forerun_has_left_behind_is_ended(serving, monkeypatch, applications, ours, ended):
    found = _Serve(*applications)
    monkeypatch.setattr(serving, "serve", found)
    monkeypatch.setattr(serving, "list_named_actors", lambda **_: [{"name": "SERVE_CONTROLLER_ACTOR"}])

    assert serving.have_serve() is ours
    assert found.ended is ended


def test_where_there_is_none_the_one_to_come_is_ours(serving, monkeypatch):
    monkeypatch.setattr(serving, "list_named_actors", lambda **_: [{"name": "somebody-else"}])

    assert serving.have_serve()
