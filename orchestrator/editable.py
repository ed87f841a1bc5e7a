"""How setuptools installs this project in editable mode: by a path file that lists two folders.

By default setuptools installs an import hook when packages live in two folders. Type checkers do not follow such hooks,
and a folder called ``forerun`` in the current directory would be imported as a namespace package before the hook is
asked. Folders on ``sys.path`` have neither problem.
"""

from pathlib import Path
from typing import Any

from setuptools.command.editable_wheel import _StaticPth, editable_wheel

_FOLDERS = (".", "orchestrator/public")


class EditableWheel(editable_wheel):  # type: ignore[misc] # setuptools is untyped in some releases
    """The command behind ``pip install --editable``."""

    def _select_strategy(self, name: str, tag: str, build_lib: Any) -> Any:
        return _StaticPth(self.distribution, name, [Path(self.project_dir, folder) for folder in _FOLDERS])
