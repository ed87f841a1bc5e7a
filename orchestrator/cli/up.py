"""`forerun up`: start the service, print its URL, shut it down cleanly."""
# ruff: noqa: FBT002, PLR0913, PLR0917 - a command's parameters are the options people type, flags among them

import logging
import os
import sys
import threading
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO

import typer

from orchestrator.agent_files import load_agents
from orchestrator.cli.exit_codes import ExitCode, report, reported
from orchestrator.cli.options import AsJson, DataDir, SettingsFile, only_given
from orchestrator.cli.output import console, print_json
from orchestrator.cli.reload import summary
from orchestrator.cli.shutdown import ShutdownSignals, StartInterrupted, shutdown_signals, stopped_within
from orchestrator.cli.terminal import own_terminal
from orchestrator.config import load_settings
from orchestrator.errors import CannotStart, InvalidOption, InvalidReload, RayLost
from orchestrator.imports import without_collections
from orchestrator.service.addresses import refuse_taken
from orchestrator.service.child_processes import end_children
from orchestrator.service.cluster_token import use_token
from orchestrator.service.data_folder import own_folder
from orchestrator.service_log import ServiceLog
from orchestrator.settings import ADDRESS_FORMS, IngressMode, Settings
from planners.agents import Catalog
from planners.errors import ForerunError

if TYPE_CHECKING:
    from orchestrator.service.wiring import RunningService

_ROTATION_S = 60.0
# Shutting down closes journals and kills workers.
_STOP_S = 20.0
# SIGHUP is noticed this soon.
_LOOK_S = 0.5
_ADDRESS_HELP = (
    f"Join the Ray cluster at this address instead of starting a local one: {ADDRESS_FORMS}. "
    "The cluster's token is read from RAY_AUTH_TOKEN, from the file that RAY_AUTH_TOKEN_PATH names, or from "
    "~/.ray/auth_token (`ray get-auth-token` on the head prints it). "
    "Forerun and the agents must be installed on every node, or shipped with the setting cluster.runtime_env."
)


class LogFormat(StrEnum):
    """How the service's own log is written."""

    TEXT = "text"
    JSON = "json"


@reported
def up(
    catalog: Annotated[Path | None, typer.Option(help="YAML or JSON file that declares the agents.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    address: Annotated[str | None, typer.Option(help=_ADDRESS_HELP)] = None,
    num_cpus: Annotated[float | None, typer.Option(help="Logical CPUs of the local Ray cluster.")] = None,
    num_gpus: Annotated[float | None, typer.Option(help="Logical GPUs of the local Ray cluster.")] = None,
    ingress: Annotated[
        IngressMode | None, typer.Option(help="Through Ray Serve, or directly on this machine, which costs less CPU.")
    ] = None,
    shards: Annotated[int | None, typer.Option(help="Number of actors that share the runs.")] = None,
    log_format: Annotated[LogFormat | None, typer.Option(help="Format of the service's own log.")] = None,
    data_dir: DataDir = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Start the service and run it until Ctrl-C or SIGTERM."""
    settings = load_settings(
        settings_file,
        only_given(
            http={"host": host, "port": port, "ingress": ingress},
            cluster={"address": address, "num_cpus": num_cpus, "num_gpus": num_gpus},
            reconciler={"shards": shards},
            logs={"format": log_format and log_format.value},
            catalog=catalog,
            data_dir=data_dir,
        ),
    )
    if settings.cluster.address is None:
        refuse_taken(settings.http)
    else:
        # The port is opened on the head, which may be another host. The token must be set before Ray is imported.
        use_token()
    agents = Catalog() if settings.catalog is None else load_agents(settings.catalog)
    with own_folder(settings.data_dir):
        try:
            why = _run(settings, agents, as_json=as_json)
        except StartInterrupted:
            if not as_json:
                console.print("Forerun has stopped before it was ready.")
            _exit_without_ray(ExitCode.INTERRUPTED)
    if why is not None:
        fix = "start the service again; unfinished tasks resume"
        report(RayLost(f"{why}, so the service has stopped", "", fix), as_json=as_json)
        _exit_without_ray(ExitCode.SERVICE_FAILED)
    if not as_json:
        console.print("Forerun has stopped.")


def _run(settings: Settings, agents: Catalog, *, as_json: bool) -> str | None:
    """Run the service until a signal requests shutdown. Returns why it could not be shut down cleanly, or None."""
    # Imported here: only this command needs Ray, and importing it takes seconds.
    from orchestrator.service.ray_watch import RayWatch, ray_processes  # noqa: PLC0415 (see above)

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    # In a terminal SIGHUP says that the terminal is gone; a daemon has none.
    wanted = None if sys.stdin is not None and sys.stdin.isatty() else threading.Event()
    with own_terminal() as stderr, shutdown_signals(wanted) as signals:
        log = _installed_log(settings, stderr)
        running = _started(settings, agents, signals)
        signals.service_runs()
        watch = RayWatch(ray_processes(settings.cluster), on_death=signals.requested.set)
        watch.start()
        in_time = True
        try:
            _print_ready(running, settings, agents, as_json=as_json)
            _serve(running, settings, log, signals.requested, wanted)
        finally:
            watch.stop()
            # Without Ray a clean shutdown is impossible: every call would wait for an answer.
            if watch.dead is None:
                in_time = stopped_within(running.stop, _STOP_S)
    if watch.dead is None and in_time:
        return None
    # After a signal to the whole process group, too: what Ray had just started again would keep the port.
    watch.kill_children()
    return "Ray does not answer" if watch.dead is None else f"{watch.dead.title} has died"


def _started(settings: Settings, agents: Catalog, signals: ShutdownSignals) -> "RunningService":
    """Start the service, unless a signal interrupts that.

    Raises:
        StartInterrupted: by a signal. Ray's processes, which nobody else may know yet, have been ended.
        CannotStart: says what failed.
    """
    try:
        with without_collections():
            from orchestrator.service.wiring import start  # noqa: PLC0415 (see `_run`)

        return start(settings, agents, signals.connecting())
    except BaseException as error:
        # Ray's own handler of SIGTERM raises SystemExit. Whatever Ray, or a module that is being imported, makes of a
        # signal, the event is set.
        if not signals.requested.is_set() and not isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        end_children()
        raise StartInterrupted from None


def _serve(
    running: "RunningService",
    settings: Settings,
    log: ServiceLog,
    stop: threading.Event,
    reload: threading.Event | None,
) -> None:
    """Return when the service is to stop. Reloads when it is asked to, and rotates the log."""
    rotate_s = time.monotonic() + _ROTATION_S
    while not stop.wait(_LOOK_S):
        if reload is not None and reload.is_set():
            reload.clear()
            _reload(running, settings.catalog)
        if time.monotonic() > rotate_s:
            rotate_s = time.monotonic() + _ROTATION_S
            log.rotate()


def _reload(running: "RunningService", catalog: Path | None) -> None:
    """Read the catalog anew. Whatever is wrong with it, the service goes on."""
    # Imported here: Ray is imported by now.
    from ray.exceptions import RayError  # noqa: PLC0415 (see above)

    try:
        if catalog is None:
            raise InvalidOption("no catalog was given", "--catalog", "start the service with one")
        console.print(summary(running.reload(catalog)), soft_wrap=True)
    except ForerunError as error:
        report(error, as_json=False)
    except (RayError, TimeoutError) as error:
        report(InvalidReload(f"not reloaded: {error}", "", "send SIGHUP again"), as_json=False)
    console.file.flush()


def _installed_log(settings: Settings, stderr: TextIO) -> ServiceLog:
    log = ServiceLog.of(settings)
    try:
        log.rotate()
        log.install("up", stderr)
    except OSError as error:
        message = f"the log {log.file} cannot be written: {error.strerror}"
        raise CannotStart(message, "logs.file", "give a file that is writable, or another --data-dir") from None
    return log


def _exit_without_ray(code: ExitCode) -> NoReturn:
    console.file.flush()
    sys.stderr.flush()
    # Ray's own shutdown at exit would wait for an answer. Its processes end with this one.
    os._exit(code)


def _near(file: Path) -> str:
    """A path as short as people write it."""
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def _print_ready(running: "RunningService", settings: Settings, agents: Catalog, *, as_json: bool) -> None:
    if as_json:
        known = {"url": running.url, "agents": len(agents.agents), "pid": os.getpid(), "log": str(settings.log_file)}
        print_json(known)
    else:
        console.print(
            f"Forerun is ready at {running.url} ({len(agents.agents)} agents). Press Ctrl-C to stop it.", soft_wrap=True
        )
        console.print(f"Its log is {_near(settings.log_file)}", soft_wrap=True)
        if settings.http.keys_required:
            console.print("Requests need an API key; `forerun keys create NAME` makes one.", soft_wrap=True)
        if not agents.agents:
            console.print(
                "There are no agents, so every task will be refused. Declare some with --catalog FILE.", soft_wrap=True
            )
    # A parent process may read this line from a pipe.
    console.file.flush()
