"""`forerun cache`: the stored results of pure agents."""
# ruff: noqa: FBT002 - a command's parameters are the options people type, flags among them

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.exit_codes import reported
from orchestrator.cli.gc import require_journal
from orchestrator.cli.options import AsJson, DataDir, SettingsFile
from orchestrator.cli.output import console, print_json
from orchestrator.config import load_settings

if TYPE_CHECKING:
    from reconciler.journal.results import ResultTable
    from reconciler.journal.stored_result import StoredResult

cache = typer.Typer(
    help="List, count and clear the stored results of pure agents. Run it on the service's host, with its --data-dir "
    "or --settings. The service may be running; it knows a change after a second.",
    no_args_is_help=True,
)


@cache.command("list")
@reported
def list_results(
    most: Annotated[int, typer.Option(help="List at most so many.", min=1, max=10_000)] = 50,
    data_dir: DataDir = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """List the results that were used last."""
    with _stored(data_dir, settings_file) as stored:
        found = stored.latest(most)
    if as_json:
        print_json([_shown(result) for result in found])
        return
    for result in found:
        used = datetime.fromtimestamp(result.used_at_s, UTC).strftime("%Y-%m-%d %H:%M")
        console.print(f"{result.key[:12]}  {result.agent:<30}  {result.bytes:>9} bytes  used {used}", soft_wrap=True)


@cache.command("stat")
@reported
def stat(data_dir: DataDir = None, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Count the results and their bytes."""
    with _stored(data_dir, settings_file) as stored:
        count, size = stored.stat()
    if as_json:
        print_json({"results": count, "bytes": size})
    else:
        console.print(f"{count} results, {size} bytes")


@cache.command("clear")
@reported
def clear(data_dir: DataDir = None, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Delete all results. Work whose result was deleted is done again."""
    with _stored(data_dir, settings_file) as stored:
        count = stored.clear()
    if as_json:
        print_json({"deleted": count})
    else:
        console.print(f"{count} results deleted")


@contextmanager
def _stored(data_dir: Path | None, settings_file: Path | None) -> Iterator["ResultTable"]:
    settings = load_settings(settings_file, {} if data_dir is None else {"data_dir": data_dir})
    require_journal(settings)
    # Imported here: only these commands need a database.
    from reconciler.journal.results import ResultTable  # noqa: PLC0415 (see above)

    with closing(ResultTable(settings.journal_url)) as stored:
        yield stored


def _shown(result: "StoredResult") -> dict[str, object]:
    moments = {"stored_at_s": result.stored_at_s, "used_at_s": result.used_at_s, "until_s": result.until_s}
    return {"key": result.key, "agent": result.agent, "bytes": result.bytes, **moments}
