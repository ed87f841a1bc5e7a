"""`forerun doctor`: check everything that the service needs, and say what to do."""
# ruff: noqa: FBT002, PLR0913, PLR0917 - a command's parameters are the options people type, flags among them

import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from orchestrator.agent_files import load_agents
from orchestrator.cli.exit_codes import ExitCode, reported
from orchestrator.cli.options import DEFAULT_URL, AsJson, DataDir, SettingsFile, Url, only_given
from orchestrator.cli.output import console, print_json
from orchestrator.config import load_settings
from orchestrator.settings import Settings
from planners.errors import ForerunError

if TYPE_CHECKING:
    from orchestrator.doctor.finding import Finding

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@reported
def doctor(
    url: Url = DEFAULT_URL,
    catalog: Annotated[Path | None, typer.Option(help="Catalog to check; default: that of the settings.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port of the service.")] = None,
    host: Annotated[str | None, typer.Option(help="Address that the service listens on.")] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster that the service joins.")] = None,
    data_dir: DataDir = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Check installation, Ray, journal, LLM, catalog, clock, disk and a running service. Exit code 1: an error."""
    given = only_given(
        http={"port": port, "host": host}, cluster={"address": address}, data_dir=data_dir, catalog=catalog
    )
    settings = load_settings(settings_file, given)
    # The service of these settings, unless another one is named.
    findings = list(_findings(settings, settings.http.url if url == DEFAULT_URL and settings.http.port else url))
    if as_json:
        print_json({"findings": [finding.model_dump(mode="json") for finding in findings]})
    else:
        _print(findings)
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(ExitCode.TASK_FAILED)


def _findings(settings: Settings, url: str) -> Iterator["Finding"]:
    # Imported here: only this command needs them.
    from orchestrator.doctor import installation, journal, machine, network  # noqa: PLC0415 (see above)

    service = list(network.check_service(url, time.time()))
    runs = any(finding.check == "service" and "none runs" not in finding.message for finding in service)
    return itertools.chain(
        installation.check_installation(settings),
        network.check_ray(settings.cluster),
        journal.check_journal(settings),
        network.check_llm(settings.llm),
        _catalog(settings),
        machine.check_clock(),
        machine.check_disk(settings),
        machine.check_memory(settings),
        () if runs else machine.check_port(settings),
        service,
    )


def _catalog(settings: Settings) -> Iterator["Finding"]:
    from orchestrator.doctor.finding import error, ok, warning  # noqa: PLC0415 (imported with the checks)

    if settings.catalog is None:
        yield warning("catalog", "none is given, so every task is refused", "give one with --catalog FILE")
        return
    try:
        found = load_agents(settings.catalog)
    except (ForerunError, ImportError) as flaw:
        where = getattr(flaw, "field", "")
        message = f"{settings.catalog}: {where + ': ' if where else ''}{getattr(flaw, 'message', flaw)}"
        yield error("catalog", message, getattr(flaw, "fix", "") or "correct it; `forerun schema catalog` helps")
        return
    yield ok("catalog", f"{settings.catalog}: {len(found.agents)} agents")


def _print(findings: Iterable["Finding"]) -> None:
    for finding in findings:
        colour = _COLOURS[finding.level]
        console.print(f"[{colour}]{finding.level:<8}[/]{finding.check:<13}{escape(finding.message)}", soft_wrap=True)
        if finding.fix:
            console.print(f"{'':<21}[bold]fix:[/] {escape(finding.fix)}", soft_wrap=True)
