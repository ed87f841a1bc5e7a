"""`forerun keys`: create, list and revoke API keys, in the journal's database."""
# ruff: noqa: FBT002 - a command's parameters are the options people type, flags among them

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from orchestrator.cli.exit_codes import reported
from orchestrator.cli.gc import require_journal
from orchestrator.cli.listing import Listing
from orchestrator.cli.options import AsJson, DataDir, SettingsFile
from orchestrator.cli.output import console, print_json
from orchestrator.config import load_settings
from orchestrator.errors import CannotStart, InvalidOption
from orchestrator.keys import Scope, new_key
from orchestrator.settings import Settings

if TYPE_CHECKING:
    from reconciler.journal.keys import KeyTable
    from reconciler.journal.stored_key import StoredKey

keys = typer.Typer(
    help="Create, list and revoke API keys. Run it on the service's host, with its --data-dir or --settings. "
    "The service may be running; it knows a change after a second.",
    no_args_is_help=True,
)
_MOST = 100


@keys.command("create")
@reported
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, for people.")],
    scope: Annotated[
        Scope, typer.Option(help="read; submit: also submit, cancel and resolve tasks; admin: everything.")
    ] = Scope.SUBMIT,
    data_dir: DataDir = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Create a key and print it. It is shown only this once: the service stores its SHA-256."""
    if not 0 < len(name.strip()) <= _MOST:
        raise InvalidOption(f"the name has to have 1 to {_MOST} characters", "NAME", "give a short name")
    token, key = new_key(name.strip(), scope, time.time())
    with _stored(data_dir, settings_file) as stored:
        is_first = not stored.all()
        stored.add(key)
    if as_json:
        print_json({"id": key.id, "name": key.name, "scope": key.scope, "token": token})
    else:
        console.print(token, soft_wrap=True)
        console.print(f"key {key.id}, scope {key.scope}. Use it as FORERUN_TOKEN; it is not shown again.", style="dim")
        if is_first:
            folder = _settings(data_dir, settings_file).data_dir
            console.print(f"It is the first key of {escape(str(folder.absolute()))}.", style="dim", soft_wrap=True)


@keys.command("list")
@reported
def list_keys(data_dir: DataDir = None, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """List all keys, without their secrets."""
    with _stored(data_dir, settings_file, must_exist=True) as stored:
        found = stored.all()
    if as_json:
        print_json({"keys": [_shown(key) for key in found]})
        return
    rows = [[key.id, escape(key.name), key.scope, _day(key.created_at_s), _state(key)] for key in found]
    console.print(Listing(["key", "name", "scope", "created", "state"], rows))


@keys.command("revoke")
@reported
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Id of the key; `forerun keys list` shows it.")],
    data_dir: DataDir = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key. A running service refuses it after a second."""
    with _stored(data_dir, settings_file, must_exist=True) as stored:
        if not stored.revoke(key_id, time.time()):
            raise InvalidOption(f"there is no valid key '{key_id}'", "KEY", _key_meant(key_id, stored.all()))
    if as_json:
        print_json({"revoked": key_id})
    else:
        console.print(f"key {escape(key_id)} is revoked")


def _key_meant(name: str, known: "Sequence[StoredKey]") -> str:
    """What to write in place of an id that there is not: several keys may have the name that was given."""
    ids = [key.id for key in known if key.name == name and key.revoked_at_s is None]
    return f"give the id of the key: {', '.join(ids)}" if ids else "`forerun keys list` lists the keys"


def _settings(data_dir: Path | None, settings_file: Path | None) -> Settings:
    return load_settings(settings_file, {} if data_dir is None else {"data_dir": data_dir})


@contextmanager
def _stored(data_dir: Path | None, settings_file: Path | None, *, must_exist: bool = False) -> Iterator["KeyTable"]:
    settings = _settings(data_dir, settings_file)
    if must_exist:
        require_journal(settings)
    # Imported here: only these commands need a database.
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 (see above)

    from reconciler.journal.keys import KeyTable  # noqa: PLC0415 (see above)

    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with closing(KeyTable(settings.journal_url)) as stored:
            yield stored
    except (SQLAlchemyError, OSError) as error:
        why = str(error).partition("\n")[0]
        fix = "give the --data-dir or the --settings of the service, and check that its database runs"
        raise CannotStart(f"the journal's database cannot be used: {why}", "journal.url", fix) from None


def _shown(key: "StoredKey") -> dict[str, object]:
    named = {"id": key.id, "name": key.name, "scope": key.scope}
    return {**named, "created_at_s": key.created_at_s, "revoked_at_s": key.revoked_at_s}


def _state(key: "StoredKey") -> str:
    return "valid" if key.revoked_at_s is None else f"revoked {_day(key.revoked_at_s)}"


def _day(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d")
