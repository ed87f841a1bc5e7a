"""Imports without the collector of cyclic garbage, and imports beside something else that takes a while."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module


@contextmanager
def without_collections() -> Iterator[None]:
    """Meanwhile Python looks for no cyclic garbage, and later not in what exists by then.

    Modules are 200,000 objects that stay. To look at them again and again takes a seventh of the time of an import.
    Within another one, it does nothing.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def imported_meanwhile(*modules: str) -> Iterator[None]:
    """Import modules in a thread; without collections. They are imported when the context is left without an error.

    A module that cannot be imported is left out: whoever needs it imports it again, and gets the error.
    """
    importing = threading.Thread(target=_import, args=(modules,), name="imports", daemon=True)
    importing.start()
    try:
        yield
    except Exception:
        # The interpreter may end now, which must not happen during an import. A signal need not wait for that: this
        # process then exits without a clean-up.
        importing.join()
        raise
    importing.join()


def _import(modules: tuple[str, ...]) -> None:
    with without_collections():
        for module in modules:
            with suppress(Exception):
                import_module(module)
