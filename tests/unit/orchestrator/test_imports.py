"""Imports of a process that starts."""

import gc
import sys

import pytest

from orchestrator.imports import imported_meanwhile, without_collections


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module that tells whether collections were on while it was imported."""
    (tmp_path / "imported_by_a_test.py").write_text("import gc\ncollects = gc.isenabled()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "imported_by_a_test"
    sys.modules.pop("imported_by_a_test", None)


def test_within_another_one_it_changes_nothing():
    with without_collections():
        frozen = gc.get_freeze_count()
        with without_collections():
            pass
        assert not gc.isenabled()
        assert gc.get_freeze_count() == frozen

    assert gc.isenabled()


def test_modules_are_imported_without_collections_beside_something_else(module):
    with imported_meanwhile("no_such_module", module):
        pass

    assert sys.modules[module].collects is False
    assert gc.isenabled()


def test_an_error_is_raised_once_the_imports_have_ended(module):
    with pytest.raises(ValueError, match="broken"), imported_meanwhile(module):
        raise ValueError("broken")

    assert module in sys.modules
    assert gc.isenabled()
