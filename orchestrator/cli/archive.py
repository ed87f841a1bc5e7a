"""`forerun backup`, `export` and `import`: copies of the journal, whole or by task."""
# ruff: noqa: FBT002 - a command's parameters are the options people type, flags among them

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, TextIO, cast

import typer
from rich.markup import escape

from orchestrator.cli.exit_codes import reported
from orchestrator.cli.gc import require_journal, seconds_in
from orchestrator.cli.options import AsJson, DataDir, SettingsFile
from orchestrator.cli.output import console, print_json
from orchestrator.config import load_settings
from orchestrator.errors import InvalidOption
from orchestrator.gateway.task_ids import shard_of
from orchestrator.settings import Settings

_Written = Annotated[str, typer.Argument(metavar="FILE|-", help="File to write; - is standard output.")]
_Read = Annotated[str, typer.Argument(metavar="FILE|-", help="File to read; - is standard input.")]


@reported
def backup(
    file: Annotated[Path, typer.Argument(help="File to write. It must not exist.")],
    data_dir: DataDir = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Copy an SQLite journal to a file. The service may be running. To restore, start it with this file as its journal.

    The copy holds tasks, events, outcomes and API keys, but no learned models: they are trained again from outcomes.
    """
    settings = _settings(data_dir, settings_file)
    # Imported here: only this command needs it.
    from reconciler.journal.backup import back_up  # noqa: PLC0415 (see above)

    size = back_up(settings.journal_url, file)
    if as_json:
        print_json({"file": str(file), "size_bytes": size})
    else:
        console.print(f"{escape(str(file))}: {size / 2**20:.1f} MiB", soft_wrap=True)


@reported
def export(
    file: _Written,
    older_than: Annotated[str, typer.Option(help="Only tasks that ended longer ago than this, such as 30d.")] = "0s",
    data_dir: DataDir = None,
    settings_file: SettingsFile = None,
) -> None:
    """Write all ended tasks as JSON lines: tasks, results, events, logs and outcomes. The service may be running."""
    before_s = time.time() - seconds_in(older_than)
    settings = _settings(data_dir, settings_file)
    if file != "-" and Path(file).is_file():  # an earlier export, whose tasks may be nowhere else by now
        raise InvalidOption(f"{file} exists already", "FILE", "give another file")
    # Imported here: only these commands need it.
    from reconciler.journal.archive import Archive  # noqa: PLC0415 (see above)

    with closing(Archive(settings.journal_url)) as archive, _opened(file, "w", sys.stdout) as to:
        lines = sum(to.write(line + "\n") > 0 for line in archive.exported(before_s, time.time()))
    print(f"{lines - 1} tasks exported", file=sys.stderr)  # noqa: T201 standard output may be the archive


@reported
def import_tasks(
    file: _Read,
    data_dir: DataDir = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Add the tasks of an export to the journal. Tasks that it has already are left as they are."""
    settings = load_settings(settings_file, {} if data_dir is None else {"data_dir": data_dir})
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    # Imported here: only these commands need it.
    from reconciler.journal.archive import Archive  # noqa: PLC0415 (see above)

    with closing(Archive(settings.journal_url)) as archive, _opened(file, "r", sys.stdin) as lines:
        added, known = archive.imported(lines, lambda task: shard_of(task, settings.reconciler.shards))
    if as_json:
        print_json({"imported": added, "known": known})
    else:
        console.print(f"{added} tasks imported" + (f", {known} were there already" if known else ""))


def _settings(data_dir: Path | None, settings_file: Path | None) -> Settings:
    settings = load_settings(settings_file, {} if data_dir is None else {"data_dir": data_dir})
    require_journal(settings)
    return settings


@contextmanager
def _opened(file: str, mode: str, standard: TextIO) -> Iterator[TextIO]:
    if file == "-":
        yield standard
        return
    try:
        with Path(file).open(mode, encoding="utf-8") as text:
            yield cast("TextIO", text)
    except OSError as error:
        raise InvalidOption(f"the file cannot be used: {error.strerror}", file, "check the path") from None
