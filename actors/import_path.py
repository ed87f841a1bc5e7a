"""Finding callables by import path, ``module:attribute``, or in this process by a target made for them."""

import importlib
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from types import ModuleType
from typing import Any

from actors.errors import UnknownTarget
from actors.raised import own_frame
from actors.signature import Signature
from planners.validation.suggestions import nearest


def import_path(function: Callable[..., Any]) -> str:
    """``module:attribute`` of a callable."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{function.__module__}:{name}"


_IN_PROCESS: dict[str, Callable[..., Any]] = {}
_NUMBERS = count(1)


def in_process_path(function: Callable[..., Any]) -> str:
    """A target that `load` resolves in this process alone; for callables that no other process can import."""
    target = f"{import_path(function)}#{next(_NUMBERS)}"
    _IN_PROCESS[target] = function
    return target


def load(target: str) -> Callable[..., Any]:
    """The callable at an import path.

    Raises:
        UnknownTarget: says what is missing and what to do.
    """
    found = load_object(target)
    if not callable(found):
        raise UnknownTarget(f"'{target}' is a {type(found).__name__}, not a callable", "target", "name a callable")
    return found  # type: ignore[no-any-return]  # narrowed by callable()


def load_object(target: str) -> Any:
    """Whatever stands at an import path. Raises as `load`."""
    if target in _IN_PROCESS:
        return _IN_PROCESS[target]
    module_name, colon, attribute = target.partition(":")
    if not colon or not module_name or not attribute:
        raise UnknownTarget(f"'{target}' is not an import path", "target", "write module:attribute")
    if "/" in module_name or module_name.startswith(".") or module_name.endswith(".py"):
        name = module_name.removesuffix(".py").replace("/", ".").strip(".")
        raise UnknownTarget(f"'{module_name}' is not the name of a module", "target", f"write {name}:{attribute}")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        fix = _fix_of_import(module_name, error)
        raise UnknownTarget(f"'{target}' cannot be imported: {error}{_where(error)}", "target", fix) from error
    except Exception as error:  # a user's module may raise anything while it is imported
        why = f"{type(error).__name__}: {error}{_where(error)}"
        raise UnknownTarget(f"'{target}' cannot be imported: {why}", "target", f"fix module {module_name}") from error
    found: Any = module
    try:
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise UnknownTarget(f"module '{module_name}' has no '{attribute}'", "target", _fix(module, attribute)) from None
    return found


def _fix_of_import(module_name: str, error: ImportError) -> str:
    elsewhere = "install it where the workers run, or ship it in Ray's runtime_env"
    if error.name is None or error.name.partition(".")[0] != module_name.partition(".")[0]:
        return elsewhere
    return f"correct the name, put the module beside the catalog or into the current folder, {elsewhere}"


def _fix(module: ModuleType, wrong: str) -> str:
    public = [name for name in vars(module) if not name.startswith("_")]
    own = [name for name in public if getattr(vars(module)[name], "__module__", "") == module.__name__]
    return nearest(wrong, public, own)


def _where(error: Exception) -> str:
    """The line of the user's code that failed. The text of a syntax error names its line itself."""
    frame = None if isinstance(error, SyntaxError) else own_frame(error.__traceback__)
    return "" if frame is None else f" at {frame.where}"


@lru_cache(maxsize=4096)
def loaded(target: str) -> tuple[Callable[..., Any], Signature]:
    """The callable at an import path and its signature, cached per process.

    Raises:
        UnknownTarget: see `load`.
        InvalidAgent: see `Signature`.
    """
    function = load(target)
    return function, Signature(function)
