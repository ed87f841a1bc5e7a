"""How a command is started: as it is, in a sandbox, or in a container."""

from collections.abc import Sequence
from dataclasses import dataclass

from actors.environment import base_environment, declared_variables
from actors.errors import UnknownTarget
from actors.invocation import Invocation
from actors.kinds.command_settings import CommandSettings
from actors.kinds.container import contained, removal
from actors.kinds.container_runtime import (
    INSTALL,
    client_environment,
    client_ulimits,
    client_user,
    container_program,
    log_driver,
    new_name,
)
from actors.kinds.sandbox import sandboxed


@dataclass(frozen=True, slots=True)
class Launch:
    """What the guard of a command starts.

    Attributes:
        argv: the argument vector.
        folder: the working folder; None: that of the service.
        environment: all its variables.
        afterwards: what the guard runs if the command was killed; empty: nothing.
    """

    argv: Sequence[str]
    folder: str | None
    environment: dict[str, str]
    afterwards: Sequence[str] = ()


def launch(call: Invocation, settings: CommandSettings, argv: list[str], folder: str | None) -> Launch:
    """How the command of an attempt is started.

    Raises:
        UnknownTarget: it needs a container, and this machine has no program for that.
    """
    own = _own_variables(call)
    if settings.image is not None and folder is not None:
        return _in_container(settings, argv, folder, own)
    if settings.sandbox is not None and folder is not None:
        argv = sandboxed(argv, settings.sandbox, folder)
    return Launch(argv, folder, {**base_environment(), **own})


def _in_container(settings: CommandSettings, argv: list[str], folder: str, own: dict[str, str]) -> Launch:
    program = container_program()
    if program is None:
        raise UnknownTarget("this machine has no program that runs containers", "settings.image", INSTALL)
    name = new_name()
    run = contained(
        program,
        settings,
        argv,
        name=name,
        folder=folder,
        variables=own,
        ulimits=client_ulimits(),
        user=client_user(program),
        log_driver=log_driver(program),
    )
    return Launch(run, folder, {**client_environment(), **own}, removal(program, name))


def _own_variables(call: Invocation) -> dict[str, str]:
    """The variables of the command besides those that all commands see on this machine."""
    known = {
        "FORERUN_TASK": call.task,
        "FORERUN_ATTEMPT": call.attempt,
        "FORERUN_IDEMPOTENCY_KEY": call.idempotency_key or call.attempt,
    }
    return {**declared_variables(call.env), **known}
