"""An image for podman that is made of busybox; nothing is pulled."""

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from actors.kinds.command_settings import CommandSettings
from actors.kinds.container import contained
from actors.kinds.container_runtime import client_ulimits

BUSYBOX = shutil.which("busybox")
PROGRAMS = ("sh", "cat", "sleep", "sort", "wget", "ls", "tail", "touch", "setsid", "env", "seq")


def podman(*argv: str, **how: Any) -> str:
    """What podman prints."""
    program = str(shutil.which("podman"))
    done = subprocess.run([program, *argv], capture_output=True, check=True, timeout=120, **how)  # noqa: S603
    return done.stdout.decode()


@contextmanager
def busybox_image() -> Iterator[str]:
    """The name of an image with busybox and nothing else. Tests skip where podman is not installed; in CI they fail."""
    if shutil.which("podman") is None or BUSYBOX is None:
        why = "install the Debian packages podman, runc and busybox-static"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    packed, name = io.BytesIO(), f"localhost/forerun-test-{os.getpid()}"
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(str(BUSYBOX), "bin/busybox")
        for program in PROGRAMS:
            link = tarfile.TarInfo(f"bin/{program}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    try:
        podman("import", "-", name, input=packed.getvalue())
    except subprocess.CalledProcessError as error:
        pytest.skip(f"podman keeps no image here: {error.stderr.decode(errors='replace').strip()}")
    try:
        if (reason := _refuses(name)) is not None:
            pytest.skip(f"podman starts no container here: {reason}")
        yield name
    finally:
        podman("rmi", "--force", name)


def _refuses(image: str) -> str | None:
    """Why no container starts, such as on a machine that is itself a container without privileges."""
    program, name = str(shutil.which("podman")), f"forerun-tried-{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        argv = contained(
            program, CommandSettings(image=image), ["sh", "-c", ":"], name=name, folder=folder, ulimits=client_ulimits()
        )
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120)  # noqa: S603
    return None if done.returncode == 0 else done.stderr.decode(errors="replace").strip()


def containers(image: str) -> list[str]:
    """The containers of an image, also those that have ended."""
    return podman("ps", "--all", "--filter", f"ancestor={image}", "--format", "{{.Names}}").split()


def processes(mark: str) -> list[int]:
    """The processes of this machine with a mark among their arguments; those in containers are among them."""
    return [one.pid for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or ())]
