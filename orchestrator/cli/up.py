"""`forerun up`: start the service, say where it is, end it cleanly."""
# ruff: noqa: FBT002, PLR0913, PLR0917 - a command's parameters are the options people type, flags among them

import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from orchestrator.cli.exit_codes import ExitCode, reported
from orchestrator.cli.options import AsJson
from orchestrator.cli.output import console, print_json
from orchestrator.cli.shutdown import ended_by_signal, stopped_within
from orchestrator.config import load
from orchestrator.errors import CannotStart
from orchestrator.service.cluster_token import show_token
from orchestrator.settings import Http
from planners.agents import Catalog

if TYPE_CHECKING:
    from orchestrator.service.wiring import RunningService

# What stopping may take: closing journals, killing workers.
_STOP_S = 20.0
_ADDRESS_HELP = (
    "Join this Ray cluster (HOST:PORT of its head) instead of starting a local one. "
    "Its token is read where Ray keeps it: RAY_AUTH_TOKEN, the file that RAY_AUTH_TOKEN_PATH names, ~/.ray/auth_token "
    "(`ray get-auth-token` on the head tells it). "
    "Forerun and the agents must be installed on its nodes, or shipped by the setting cluster.runtime_env."
)


@reported
def up(
    catalog: Annotated[Path | None, typer.Option(help="The agents: a YAML or JSON file.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes any free one.")] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    address: Annotated[str | None, typer.Option(help=_ADDRESS_HELP)] = None,
    num_cpus: Annotated[float | None, typer.Option(help="Logical CPUs of the local Ray.")] = None,
    num_gpus: Annotated[float | None, typer.Option(help="Logical GPUs of the local Ray.")] = None,
    shards: Annotated[int | None, typer.Option(help="How many actors share the runs.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the journal is kept.")] = None,
    settings_file: Annotated[
        Path | None, typer.Option("--settings", envvar="FORERUN_SETTINGS", help="A YAML file of settings.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start the service and keep it up until Ctrl-C or SIGTERM."""
    settings = load(
        settings_file,
        _given(
            http={"host": host, "port": port},
            cluster={"address": address, "num_cpus": num_cpus, "num_gpus": num_gpus},
            reconciler={"shards": shards},
            catalog=catalog,
            data_dir=data_dir,
        ),
    )
    if settings.cluster.address is None:
        _refuse_taken_port(settings.http)
    else:
        # The port is the head's, which may be elsewhere. The token comes before Ray is imported.
        show_token()
    agents = _agents(settings.catalog)
    # Imported here: only this command needs Ray, and importing it takes seconds.
    from orchestrator.service.wiring import start  # noqa: PLC0415 (see above)

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    with ended_by_signal() as (ended, listen):
        running = start(settings, agents)
        # Ray has put handlers of its own in place, which would end the process without a farewell.
        listen()
        try:
            _say_ready(running, agents, as_json=as_json)
            ended.wait()
        finally:
            in_time = stopped_within(running.stop, _STOP_S)
    if not in_time:
        _leave_at_once()
    if not as_json:
        console.print("Forerun has ended.")


def _leave_at_once() -> NoReturn:
    console.print("Ray did not answer any more; what was going on is taken up after a restart.")
    console.file.flush()
    # Ray's own farewell at exit would wait for the same silence.
    os._exit(ExitCode.SERVICE_FAILED)


def _agents(file: Path | None) -> Catalog:
    """The catalog. Its agents may be modules in the current folder or beside it, here and in Ray's workers."""
    if file is None:
        return Catalog()
    # Imported here: reading a catalog imports what its agents need.
    from actors.catalog import load_catalog  # noqa: PLC0415 (see above)

    folders = [str(folder) for folder in dict.fromkeys((Path.cwd(), file.absolute().parent))]
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    # Workers of a local Ray inherit the environment; those of a joined one are told.
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([*folders, *filter(None, [inherited])])
    return load_catalog(file)


def _given(**flags: Any) -> dict[str, Any]:
    """Only the flags that were given, so that the others come from the environment and the file."""
    given: dict[str, Any] = {}
    for name, value in flags.items():
        inner = _given(**value) if isinstance(value, dict) else value
        if inner is not None and inner != {}:
            given[name] = inner
    return given


def _refuse_taken_port(http: Http) -> None:
    with socket.socket() as probe:
        # As servers do: a port whose last connections still linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((http.host, http.port))
        except OSError as error:
            fix = "give another --port, or 0 for any free one"
            raise CannotStart(f"cannot listen on {http.host}:{http.port}: {error.strerror}", "http.port", fix) from None


def _say_ready(running: "RunningService", agents: Catalog, *, as_json: bool) -> None:
    if as_json:
        print_json({"url": running.url, "agents": len(agents.agents), "pid": os.getpid()})
    else:
        console.print(
            f"Forerun is ready at {running.url} ({len(agents.agents)} agents). Ctrl-C ends it.", soft_wrap=True
        )
        if not agents.agents:
            console.print("There are no agents, so every task will be refused: give --catalog FILE.", soft_wrap=True)
    # Whoever started us may be reading a pipe.
    console.file.flush()
