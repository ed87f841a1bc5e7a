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

_OF_CATALOGS = frozenset({"agents", "providers", "workflows", "mcp_servers", "a2a_agents"})


class CheckedFile(BaseModel):
    """A file, what it is taken for, and what is wrong with it. For a task, ``catalog`` names the catalogs it needs."""

    file: str
    kind: Literal["catalog", "task"]
    errors: tuple[Flaw, ...] = ()
    catalog: tuple[str, ...] = ()


def checked_files(files: Sequence[Path], catalogs: Sequence[Path] = ()) -> list[CheckedFile]:
    """Check each file. Whatever has a key of catalogs, such as ``agents``, is a catalog, anything else a task.

    Tasks, and the workflows of catalogs, are checked against ``catalogs`` and the catalogs among the files; if there
    are none, tasks against the catalog that `forerun run` would use. What depends on the nodes of a cluster is not
    checked.
    """
    kinds = {file: _kind(file) for file in files}
    known = [*catalogs, *(file for file, kind in kinds.items() if kind == "catalog")]
    return [_catalog(file, known) if kind == "catalog" else _task(file, known) for file, kind in kinds.items()]


def _kind(file: Path) -> Literal["catalog", "task"]:
    try:
        document = read_document(file, InvalidTask)
    except InvalidTask:
        return "task"  # its check reports the error
    return "catalog" if isinstance(document, dict) and document.keys() & _OF_CATALOGS else "task"


def _catalog(file: Path, catalogs: Sequence[Path]) -> CheckedFile:
    try:
        catalog = load_agents(file)
        errors: tuple[ForerunError, ...] = tuple(definition_flaws(catalog, _together(catalog, catalogs)))
    except ForerunError as error:
        errors = (error,)
    return CheckedFile(file=str(file), kind="catalog", errors=tuple(map(_flaw, errors)))


def _together(catalog: Catalog, catalogs: Sequence[Path]) -> Catalog:
    """The catalog with all others, if these are valid."""
    try:
        return catalog_for(None, catalogs) if catalog.workflows and len(catalogs) > 1 else catalog
    except InvalidCatalog:
        return catalog


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
