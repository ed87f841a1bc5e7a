"""Disk, memory for Ray's objects, the clock, and the port."""

import shutil
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

from orchestrator.doctor.finding import Finding, error, ok, warning
from orchestrator.settings import Settings

_LITTLE_BYTES = 2 * 2**30
_TOO_LITTLE_BYTES = 200 * 2**20
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - Ray's place for objects
# Nothing of Forerun is older.
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Whether the data folder can be written, and how much room its disk has."""
    folder = settings.data_dir.absolute()
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        probe = place / f".forerun-doctor-{time.monotonic_ns()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as flaw:
        yield error("disk", f"{place} cannot be written: {flaw.strerror}", "give a --data-dir that is writable")
        return
    yield _room("disk", place, "delete old tasks (forerun gc --older-than 30d), or give a larger disk")


def check_memory(settings: Settings) -> Iterator[Finding]:
    """Room for outputs in Ray's object store, and memory for its processes."""
    if settings.cluster.address is None and _SHARED_MEMORY.exists():
        fix = "give containers more shared memory (docker run --shm-size=2g); Ray is slow without it"
        yield _room("memory", _SHARED_MEMORY, fix)
    free = psutil.virtual_memory().available
    if free < _LITTLE_BYTES:
        yield warning("memory", f"{free / 2**30:.1f} GiB are available", "a service with a local Ray uses about 2 GiB")


def check_clock() -> Iterator[Finding]:
    """Whether the clock can be right. Task ids and retention use it; durations do not."""
    now = datetime.now(UTC)
    if now < _EARLIEST:
        yield error("clock", f"it says {now:%Y-%m-%d %H:%M}", "set it, and run an NTP client")
    else:
        yield ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def check_port(settings: Settings) -> Iterator[Finding]:
    """Whether the port is free. One that a Forerun uses is the business of `check_service`."""
    http = settings.http
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((http.host, http.port))
        except OSError as flaw:
            yield warning(
                "port", f"{http.host}:{http.port}: {flaw.strerror}", "stop what uses it, or give another --port"
            )
        else:
            yield ok("port", f"{http.host}:{http.port} is free")


def _room(check: str, place: Path, fix: str) -> Finding:
    free = shutil.disk_usage(place).free
    message = f"{free / 2**30:.1f} GiB free at {place}"
    if free < _TOO_LITTLE_BYTES:
        return error(check, message, fix)
    return warning(check, message, fix) if free < _LITTLE_BYTES else ok(check, message)
