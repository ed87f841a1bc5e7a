"""`import forerun` is what users type: quick, complete, and clear about packages that hide Forerun's own."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import forerun
from forerun import _packages
from orchestrator import editable

ROOT = Path(__file__).parents[3]
PUBLIC = ROOT / "orchestrator" / "public"


def python(code: str, *folders: Path, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run code with these folders before Forerun's on ``sys.path``."""
    path = os.pathsep.join(map(str, (*folders, ROOT, PUBLIC)))
    return subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def package(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    return folder


@pytest.mark.parametrize("name", forerun.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(forerun, name) is getattr(sys.modules[forerun._DEFINED_IN[name]], name)


def test_type_checkers_see_the_same_names():
    tree = ast.parse((PUBLIC / "forerun" / "__init__.py").read_text())
    seen = {
        alias.asname: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert seen == forerun._DEFINED_IN
    assert {"agent", "Client", "Task", "Workflow", "Step", "Context", "Handoff"} <= set(seen)
    assert dir(forerun) == sorted(seen)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = forerun.nonsense


def test_importing_it_imports_nothing_heavy():
    heavy = "ray", "pydantic", "ortools", "sklearn", "fastapi"

    assert python(f"import forerun, sys; assert not {set(heavy)} & set(sys.modules)").returncode == 0
    assert (
        python("import sys; from forerun import agent, Client, Task; assert 'ray' not in sys.modules").returncode == 0
    )


def test_a_folder_of_the_same_name_in_the_current_directory_hides_nothing(tmp_path):
    """As in the parent folder of a clone that is itself called forerun."""
    (tmp_path / "forerun").mkdir()

    ended = python("from forerun import Task; print(Task.__module__)", cwd=tmp_path)

    assert ended.stdout.strip() == "planners.tasks", ended.stderr


@pytest.mark.parametrize("name", ["actors", "planners"])
@pytest.mark.parametrize("code", ["from forerun import agent", "import {name}; from forerun import Task"])
def test_a_package_that_hides_one_of_ours_is_named(tmp_path, name, code):
    ended = python(code.format(name=name), package(tmp_path, name), cwd=tmp_path)

    assert f"ImportError: '{tmp_path / name}' hides Forerun's own package '{name}'" in ended.stderr


def test_folders_of_agents_are_checked_for_packages_that_would_hide_ours(tmp_path):
    package(tmp_path, "actors")
    (tmp_path / "learner.py").touch()
    package(tmp_path, "my_actors")

    assert _packages.hiding_packages(tmp_path) == [tmp_path / "learner.py", tmp_path / "actors"]
    assert _packages.hiding_packages(ROOT) == []


def test_an_editable_install_lists_every_folder_that_holds_packages():
    where = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["where"]

    assert list(editable._FOLDERS) == where
