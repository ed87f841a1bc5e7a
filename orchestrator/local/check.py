"""Checks catalogs and tasks without running anything."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from actors.errors import InvalidCatalog
from orchestrator.agent_files import load_agents
from orchestrator.config import read_document
from orchestrator.local.run import catalog_for
from orchestrator.problems import Flaw
from planners.agents import Catalog
from planners.errors import ForerunError, InvalidTask
from planners.linking import definition_flaws, linked
from planners.validation import explain, flaws, parse


class CheckedFile(BaseModel):
    """A file, what it is taken for, and what is wrong with it. For a task, ``catalog`` names the catalogs it needs."""

    file: str
    kind: Literal["catalog", "task"]
    errors: tuple[Flaw, ...] = ()
    catalog: tuple[str, ...] = ()


def checked_files(files: Sequence[Path], catalogs: Sequence[Path] = ()) -> list[CheckedFile]:
    """Check each file. Whatever has the key ``agents`` or ``providers`` is a catalog, anything else a task.

    Tasks are checked against ``catalogs`` and the catalogs among the files; if there are none, against the catalog
    that `forerun run` would use. What depends on the nodes of a cluster is not checked.
    """
    kinds = {file: _kind(file) for file in files}
    known = [*catalogs, *(file for file, kind in kinds.items() if kind == "catalog")]
    return [_catalog(file) if kind == "catalog" else _task(file, known) for file, kind in kinds.items()]


def _kind(file: Path) -> Literal["catalog", "task"]:
    try:
        document = read_document(file, InvalidTask)
    except InvalidTask:
        return "task"  # its check reports the error
    return "catalog" if isinstance(document, dict) and document.keys() & {"agents", "providers"} else "task"


def _catalog(file: Path) -> CheckedFile:
    try:
        errors: tuple[ForerunError, ...] = tuple(definition_flaws(load_agents(file)))
    except ForerunError as error:
        errors = (error,)
    return CheckedFile(file=str(file), kind="catalog", errors=tuple(map(_flaw, errors)))


def _task(file: Path, catalogs: Sequence[Path]) -> CheckedFile:
    errors: list[ForerunError] = []
    try:
        document = read_document(file, InvalidTask)
        catalog = catalog_for(file, catalogs or None)
        errors += _task_errors(document, catalog)
    except InvalidCatalog as error:
        # The check of the catalog itself says the rest.
        errors.append(error if not catalogs else InvalidTask("its catalog is not valid", "", "correct the catalog"))
    except ForerunError as error:
        errors.append(error)
    named = tuple(str(catalog) for catalog in catalogs)
    return CheckedFile(file=str(file), kind="task", errors=tuple(map(_flaw, errors)), catalog=named)


def _task_errors(document: Any, catalog: Catalog) -> list[InvalidTask]:
    try:
        return list(flaws(linked(parse(document), catalog), catalog))
    except ValidationError as error:
        return explain(error, document=document)
    except InvalidTask as error:
        return [error]


def _flaw(error: ForerunError) -> Flaw:
    return Flaw(message=error.message, field=error.field, fix=error.fix)
