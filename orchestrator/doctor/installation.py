"""Is Forerun installed with all that its settings need?"""

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec

from packaging.requirements import Requirement
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from orchestrator.doctor.finding import Finding, error, ok, warning
from orchestrator.settings import Settings

CHECK = "installation"


def check_installation(settings: Settings) -> Iterator[Finding]:
    """Versions of Python and of the required packages, extras that the settings need, and the command on PATH."""
    flaws = [*_requirements(), *_extras(settings)]
    yield from flaws
    if not flaws:
        python = ".".join(map(str, sys.version_info[:3]))
        yield ok(CHECK, f"Forerun {version('forerun')}, Python {python}, Ray {version('ray')}")
    if shutil.which("forerun") is None:
        folder = sys.prefix
        fix = f"activate the environment (. {folder}/bin/activate), or call {folder}/bin/forerun"
        yield warning(CHECK, "the command forerun is not on PATH", fix)


def _requirements() -> Iterator[Finding]:
    fix = "install Forerun again: pip install --upgrade forerun (from a checkout: make install)"
    for line in distribution("forerun").requires or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield error(CHECK, f"the package {requirement.name} is missing", fix)
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield error(CHECK, f"{requirement.name} is {found}, and Forerun needs {requirement.specifier}", fix)


def _extras(settings: Settings) -> Iterator[Finding]:
    if settings.llm.base_url is not None and find_spec("pydantic_ai") is None:
        yield error(CHECK, "an LLM is configured, and its client is missing", "pip install 'forerun[llm]'")
    for wanted, package, extra in ((settings.http.a2a, "a2a", "a2a"), (settings.http.mcp, "mcp", "mcp")):
        if wanted and find_spec(package) is None:
            told = f"http.{extra} is on, and its library is missing"
            yield error(CHECK, told, f"pip install 'forerun[{extra}]', or set http.{extra} to false")
    try:
        backend = make_url(settings.journal_url).get_backend_name()
    except ArgumentError:
        return  # the check of the journal reports it
    if backend == "postgresql" and find_spec("psycopg") is None:
        yield error(CHECK, "the journal is in PostgreSQL, and its driver is missing", "pip install 'forerun[postgres]'")
