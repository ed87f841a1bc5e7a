"""Catalog files, and the Python modules of their agents."""

import itertools
import json
import os
import sys
from pathlib import Path

from forerun._packages import hiding_packages, shadowing_message
from orchestrator.declared_catalog import STDIN
from orchestrator.errors import CannotStart
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.errors import ForerunError

_NAMES = ("catalog.yaml", "catalog.yml", "catalog.json")


def load_agents(file: Path) -> Catalog:
    """The catalog in a file. Its agents may be modules in the current folder or beside the file, here and in workers.

    So may the files that commands name.

    Raises:
        CannotStart: a module there would hide one of Forerun's packages.
        InvalidCatalog: the file cannot be read, or its content is not valid.
    """
    # Imported here: reading a catalog imports what its agents need.
    from actors.catalog import load_catalog  # noqa: PLC0415 (see above)

    places = dict.fromkeys((Path.cwd(), file.absolute().parent))
    for hidden in itertools.chain.from_iterable(hiding_packages(place) for place in places):
        raise CannotStart(shadowing_message(hidden.stem, hidden), "catalog", f"rename {hidden.name}")
    folders = [str(place) for place in places]
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    # Workers of a local Ray inherit the environment; a cluster that is joined gets it by runtime_env.
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([*folders, *filter(None, [inherited])])
    return _with_own_files(load_catalog(file), file.absolute().parent)


def _with_own_files(catalog: Catalog, folder: Path) -> Catalog:
    """The catalog with the full paths of files beside it that its commands name, if the current folder has none."""
    agents = tuple(_finding_its_files(agent, folder) for agent in catalog.agents)
    return catalog if agents == catalog.agents else catalog.model_copy(update={"agents": agents})


def _finding_its_files(agent: AgentSpec, folder: Path) -> AgentSpec:
    if agent.kind is not AgentKind.COMMAND or isinstance(agent.target, str) or "image" in agent.settings:
        return agent
    files = agent.settings.get("files")
    made = {*(files if isinstance(files, dict) else ()), agent.settings.get("output")}  # in the folder of the attempt
    target = tuple(part if part in made else _found(part, folder) for part in agent.target)
    return agent if target == agent.target else agent.model_copy(update={"target": target})


def _found(part: str, folder: Path) -> str:
    path = Path(part)
    try:
        is_there = path.suffix and not path.is_absolute() and not path.exists() and (folder / path).is_file()
    except OSError:  # such as a program text (`python3 -c ...`), which is too long for a path
        return part
    return str(folder / path) if is_there else part


def catalog_near(task_file: Path | None) -> Path | None:
    """``catalog.yaml`` (or ``.yml``, ``.json``) in the folder of a task file, else in the current folder."""
    places = dict.fromkeys([*([] if task_file is None else [task_file.absolute().parent]), Path.cwd()])
    return next((place / name for place in places for name in _NAMES if (place / name).is_file()), None)


def _print_declared() -> int:
    """Complete the catalog on stdin, and print it, or what is wrong with it, as JSON."""
    from actors.catalog import parse_catalog  # noqa: PLC0415 (see `load_agents`)

    try:
        print(parse_catalog(json.load(sys.stdin)).model_dump_json(exclude_unset=True))  # noqa: T201 - for the parent process
    except (ForerunError, ImportError) as error:
        told = {name: getattr(error, name, "") for name in ("message", "field", "fix")}
        print(json.dumps(told | {"message": told["message"] or str(error)}))  # noqa: T201 - for the parent process
        return 1
    return 0


def _print_catalog(file: str) -> int:
    """Print a catalog as JSON: how a process that has imported old code reads new code."""
    if file == STDIN:
        return _print_declared()
    try:
        catalog = load_agents(Path(file))
    except (ForerunError, ImportError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the parent process
        return 1
    print(catalog.model_dump_json())  # noqa: T201 - for the parent process
    return 0


if __name__ == "__main__":
    sys.exit(_print_catalog(sys.argv[1]))
