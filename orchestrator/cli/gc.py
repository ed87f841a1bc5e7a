"""`forerun gc`: delete old tasks from the journal."""
# ruff: noqa: FBT002 - a command's parameters are the options people type, flags among them

import re
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.exit_codes import reported
from orchestrator.cli.options import AsJson, DataDir, SettingsFile
from orchestrator.cli.output import console, print_json
from orchestrator.config import load_settings
from orchestrator.errors import InvalidOption, InvalidSettings
from orchestrator.gateway.task_ids import admitted_at_s
from orchestrator.settings import Settings
from planners.model import TaskId

if TYPE_CHECKING:
    from reconciler.journal import Journal

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_MAX_S = 100 * 365 * 86_400.0


@reported
def gc(
    older_than: Annotated[str, typer.Option(help="Delete tasks that ended longer ago than this, such as 12h or 30d.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the tasks.")] = False,
    data_dir: DataDir = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Delete ended tasks from the journal, with their events and outputs. The service may be running.

    Tasks that are running or in doubt are never deleted, and neither are the latest outcomes that the learner uses.
    """
    age_s = seconds_in(older_than)
    settings = load_settings(settings_file, {} if data_dir is None else {"data_dir": data_dir})
    require_journal(settings)
    # Imported here: only this command needs it.
    from reconciler.journal import Journal  # noqa: PLC0415 (see above)

    before_s = time.time() - age_s
    with closing(Journal(settings.journal_url, 0)) as journal:
        count = journal.ended_before(before_s) if dry_run else journal.delete_ended(before_s)
        if settings.outputs.url is not None and not dry_run:
            # Imported here: most journals have no such folder.
            from actors.payloads.folder import PayloadFolder  # noqa: PLC0415 (see above)

            PayloadFolder(settings.outputs.url).remove_of_deleted_tasks(partial(_keeps, journal, before_s))
    if as_json:
        print_json({"deleted": 0 if dry_run else count, "matching": count})
    else:
        console.print(f"{count} tasks {'would be ' if dry_run else ''}deleted")


def _keeps(journal: "Journal", before_s: float, name: str) -> bool:
    """Whether a folder among the outputs stays. What is no task's is not ours to remove.

    A younger task than those that are deleted may have outputs before its admission is on disk.
    """
    at_s = admitted_at_s(name)
    return at_s is None or at_s >= before_s or journal.view(TaskId(name)) is not None


def seconds_in(duration: str) -> float:
    """Seconds in a duration such as ``90m``, ``12h`` or ``30d``.

    Raises:
        InvalidOption: it is not a duration.
    """
    found = _DURATION.fullmatch(duration.strip())
    seconds = float("inf") if found is None else float(found[1]) * _UNITS_S[found[2]]
    if seconds > _MAX_S:
        raise InvalidOption(
            f"'{duration}' is not a duration", "--older-than", "give a number and one of s, m, h, d, w, such as 30d"
        )
    return seconds


def require_journal(settings: Settings) -> None:
    """Check that the settings name a journal that exists.

    Raises:
        InvalidSettings: they do not.
    """
    # Imported here: only this command needs it.
    from sqlalchemy import make_url  # noqa: PLC0415 (see above)

    url = make_url(settings.journal_url)
    if url.get_backend_name() == "sqlite" and not (url.database and Path(url.database).is_file()):
        fix = "give the --data-dir or the --settings of the service"
        raise InvalidSettings(f"there is no journal at {url.database}", "data_dir", fix)
