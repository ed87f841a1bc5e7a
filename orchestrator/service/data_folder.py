"""The data folder of a service: made if it is missing, and used by one service at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import CannotStart

_LOCK = "service.lock"


def make_folder(folder: Path) -> None:
    """Make the folder if there is none.

    Raises:
        CannotStart: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder {folder} cannot be created: {error.strerror}"
        raise CannotStart(message, "data_dir", "give a --data-dir that is writable") from None


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Use a folder alone. The lock ends with this process, however it dies.

    A second service would take the journal's shards over (`reconciler.journal.ownership`), and the first one, with
    agents at work, could record nothing any more.

    Raises:
        CannotStart: another service uses it, or it cannot be written.
    """
    make_folder(folder)
    file = folder / _LOCK
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise CannotStart(message, "data_dir", "give a --data-dir that is writable") from None
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        process = os.read(descriptor, 20).decode("ascii", "replace").strip()
        message = f"a service that runs already uses the folder {folder} (process {process or 'unknown'})"
        raise CannotStart(message, "data_dir", "use that one or stop it, or give another --data-dir") from None
    except OSError:
        return  # a file system without locks
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
