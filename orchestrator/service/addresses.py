"""Addresses that the service listens at, and the key of those that it signs."""

import random
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from orchestrator.errors import CannotStart
from orchestrator.settings import Http, Settings

_KEY_FILE = "callback.key"
# Above the ports of Ray's workers, which are below 20,000 by default, and below those that kernels give to connections:
# Linux from 32,768, macOS and Windows from 49,152.
_QUIET_PORTS = range(20_000, 32_768)
_PORT_TRIES = 50


def with_addresses(settings: Settings) -> Settings:
    """The settings with a port that is free now, and with a key that signs addresses, where they leave these open.

    Raises:
        CannotStart: the key cannot be kept in the data directory, or no port of the host can be opened.
    """
    callbacks = settings.callbacks
    if callbacks.key is None:
        key = SecretStr(_kept_key(settings.data_dir / _KEY_FILE))
        callbacks = callbacks.model_copy(update={"key": key})
    return settings.model_copy(update={"http": with_port(settings.http), "callbacks": callbacks})


def _kept_key(file: Path) -> str:
    """The key in a file, which is made if there is none: addresses stay valid when the service is restarted."""
    try:
        file.touch(0o600, exist_ok=False)
        file.write_text(secrets.token_urlsafe(32), encoding="ascii")
    except FileExistsError:
        pass
    except OSError as error:
        raise CannotStart(f"{file} cannot be written: {error.strerror}", "callbacks.key", "give a key") from None
    return file.read_text(encoding="ascii").strip()


def with_port(http: Http) -> Http:
    """The settings with a port that is free now, if they leave it open.

    Raises:
        CannotStart: the host is no address of this machine.
    """
    return http if http.port else http.model_copy(update={"port": _free_port(http.host)})


def refuse_taken(http: Http) -> None:
    """Check that the address is free, before anything is started.

    Shards that share an address would also share it with another process that allows that, without an error.

    Raises:
        CannotStart: another process listens there.
    """
    with socket.socket(socket.AF_INET6 if ":" in http.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((http.host, http.port))
        except OSError as error:
            fix = "give another --port, or 0 for a free one"
            message = f"cannot listen on {http.host}:{http.port}: {error.strerror}"
            raise CannotStart(message, "http.port", fix) from error


def _free_port(host: str) -> int:
    """A port that nothing listens on.

    It is taken only seconds from now, once Ray has started. Ray's processes connect to each other meanwhile, and the
    kernel gives their connections any port of its range: hence a port below that, where there is one.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (*random.sample(_QUIET_PORTS, _PORT_TRIES), 0):
        with socket.socket(family) as probe, suppress(OSError):
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    raise CannotStart(f"cannot listen on {host}", "http.host", "give an address of this machine, or a --port")
