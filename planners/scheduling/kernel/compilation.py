"""The kernel as machine code, made by numba and kept in a folder.

Importing numba takes a second and compiling half a minute, so nobody waits for either: a thread loads the kernel once
large workflows are planned, another process compiles it if the folder does not have it yet, and Python answers until
then. The folder's name has a digest of the kernel's source.
"""

import ast
import logging
import os
import subprocess
import sys
import threading
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from planners.scheduling.kernel.example import call_all
from planners.scheduling.kernel.functions import Kernel

_log = logging.getLogger(__name__)
_PACKAGE = "planners.scheduling.kernel"
# In the order of their imports.
_MODULES = ("profiles", "placement", "passes", "ties", "choices")
# The caller keeps the arrays, and no function makes one. Counting references to them nevertheless, which only an option
# without documentation switches off, takes a sixth of the time. Nothing is divided by zero: without a check of that, no
# function can raise, and none looks whether another one did.
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False, "error_model": "numpy"}
# What functions call the arrays of the memory, and the type of its indices in machine code.
_MEMORY, _UNSIGNED = frozenset({"m", "f"}), "_unsigned"
# The process that compiles gives way to all others.
_LONGEST_S = 3600.0


class KernelLoader:
    """The compiled kernel of this process, if it was asked for and is there."""

    def __init__(self) -> None:
        self.kernel: Kernel | None = None
        self._folder: Path | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def allow(self, folder: Path) -> None:
        """Load the kernel from this folder when it is wanted; without numba, never."""
        if find_spec("numba") is not None:
            self._folder = folder

    def want(self) -> None:
        """Begin to load the kernel, once, if that is allowed."""
        with self._lock:
            if self._folder is not None and self._thread is None:
                self._thread = threading.Thread(target=self._load, args=(self._folder,), name="kernel", daemon=True)
                self._thread.start()

    def _load(self, folder: Path) -> None:
        try:
            self.kernel = loaded(folder)
        # Whatever is wrong with numba or the folder, Python makes the same schedules.
        except Exception:  # noqa: BLE001
            _log.warning("list scheduling is not compiled", exc_info=True)


LOADER = KernelLoader()


def loaded(folder: Path) -> Kernel:
    """The kernel from a folder. Another process compiles it first if the folder does not have it.

    Raises:
        OSError: the folder cannot be written.
        subprocess.SubprocessError: the compilation failed.
        ImportError: numba is not installed.
    """
    kept = folder / _digest()
    done = kept / "done"
    if not done.exists():
        kept.mkdir(parents=True, exist_ok=True)
        _compile_elsewhere(kept)
        done.touch()
    kernel = compiled(kept)
    call_all(kernel)
    return kernel


def _compile_elsewhere(folder: Path) -> None:
    """Compile in another process, which ends when this one does: its input ends then."""
    command = [sys.executable, "-m", f"{_PACKAGE}.compilation", str(folder)]
    read, write = os.pipe()
    try:
        subprocess.run(  # noqa: S603 -- the interpreter and this package
            command, stdin=read, check=True, capture_output=True, timeout=_LONGEST_S
        )
    finally:
        os.close(read)
        os.close(write)


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(1)


def compiled(folder: Path) -> Kernel:
    """The kernel, which compiles a function when it is first called, or reads it from the folder."""
    import numba  # noqa: PLC0415 (an extra, and it takes a second)

    config: Any = numba.config
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        twins: dict[FunctionType, Any] = {}
        for name in _MODULES:
            _compile_module(name, twins, numba.njit(**_OPTIONS))
    finally:
        config.CACHE_DIR = before
    return Kernel.of(twins)


def _compile_module(name: str, twins: dict[FunctionType, Any], compile_function: Any) -> None:
    """Compile the functions of a module, in a copy of it that has the compiled twins of those it imports."""
    original = sys.modules[f"{_PACKAGE}.{name}"]
    assert original.__file__ is not None
    copy = ModuleType(f"{original.__name__}_compiled")
    # The code that is read from the folder looks its module up by this name.
    sys.modules[copy.__name__] = copy
    source = _UnsignedIndices().visit(ast.parse(Path(original.__file__).read_bytes()))
    code = compile(ast.fix_missing_locations(source), original.__file__, "exec")
    vars(copy).update({"__file__": original.__file__, _UNSIGNED: np.uintp})
    exec(code, vars(copy))  # noqa: S102 -- of this package
    for key, value in tuple(vars(original).items()):
        if isinstance(value, FunctionType) and value.__module__.startswith(_PACKAGE):
            if value not in twins:
                twins[value] = compile_function(getattr(copy, key))
            setattr(copy, key, twins[value])


class _UnsignedIndices(ast.NodeTransformer):
    """Makes all indices of the memory unsigned.

    None is negative, but numba compares every signed index with 0 because it might be: a third of the time.
    """

    def visit_Subscript(self, node: ast.Subscript) -> ast.Subscript:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in _MEMORY:
            node.slice = ast.Call(ast.Name(_UNSIGNED, ast.Load()), [node.slice], [])
        return node


def _digest() -> str:
    """Of all that the machine code depends on: numba does not look at the modules that say where arrays begin."""
    digest = sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    os.nice(19)
    threading.Thread(target=_end_with_input, daemon=True).start()
    call_all(compiled(Path(sys.argv[1])))
