"""Which Ray Serve instances the service shuts down."""

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
def test_only_a_serve_instance_left_by_a_killed_forerun_is_shut_down(serving, monkeypatch, applications, ours, ended):
    found = _Serve(*applications)
    monkeypatch.setattr(serving, "serve", found)
    monkeypatch.setattr(serving, "list_named_actors", lambda **_: [{"name": "SERVE_CONTROLLER_ACTOR"}])

    assert serving.owns_serve() is ours
    assert found.ended is ended


def test_a_serve_instance_that_does_not_exist_yet_is_ours(serving, monkeypatch):
    monkeypatch.setattr(serving, "list_named_actors", lambda **_: [{"name": "somebody-else"}])

    assert serving.owns_serve()
