"""The README is true: its files, commands and programs run against one service that holds all agents it declares.

Conventions of the page: ``<!-- file: NAME -->`` before a block is the file's name; ``<!-- service -->`` before a block:
it starts the service; ``bash`` and ``python`` are run as they stand, but for the service's URL; ``text`` is output or
a drawing; ``sh`` is not run, and holds nothing but make, which takes minutes and has tests of its own.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import typer
import yaml

from benchmarks.scripted_llm import ScriptedLLM
from orchestrator.cli.app import app
from orchestrator.client.client import DEFAULT_URL
from orchestrator.settings import Settings
from orchestrator.settings_section import Section
from planners.tasks import Task

from .conftest import started

pytest.importorskip("pydantic_ai", reason="goals need the extra llm")


_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_RUN = ("bash", "python")
# What the blocks must have said: a line of each, by what the block holds.
_SAID = {
    "hello/task.yaml --watch": "HELLO, GRACE!",
    "forerun run examples": "HELLO, KATHERINE!",
    "virtual_time=True": "succeeded after 60 virtual seconds",
    "forerun plan": "verdicts on the speculative plan",
    "client.submit": "HELLO, KATHERINE!",
    "curl": '"capability":"greet"',
    "submit task.yaml": "published: AGENTS, SALVAGE",
    "submit goal.yaml": "HELLO, ADA!",
    "forerun ledger": "task kind",
}


@dataclass(frozen=True)
class Block:
    """A fenced block, with the comment right before it."""

    mark: str
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The name of the file that the block is."""
        return self.mark.removeprefix("file: ") if self.mark.startswith("file: ") else None

    @property
    def runs(self) -> bool:
        """Whether it is run as it stands."""
        return self.language in _RUN and not self.mark


BLOCKS = [Block(found["mark"] or "", found["language"], found["text"]) for found in _BLOCK.finditer(_PAGE)]
RUN = [block for block in BLOCKS if block.runs]


@dataclass(frozen=True)
class Place:
    """A folder as the reader's, and the service's URL."""

    folder: Path
    url: str

    def run(self, block: Block) -> subprocess.CompletedProcess[str]:
        """As the reader does."""
        text = block.text.replace(DEFAULT_URL, self.url)
        command = (
            [sys.executable, "-c", text] if block.language == "python" else ["bash", "-euo", "pipefail", "-c", text]
        )
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = os.environ | {"PATH": path, "FORERUN_URL": self.url, "COLUMNS": "160"}
        return subprocess.run(  # noqa: S603 - our own page
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The page's files in a folder, and one service for all that the page starts."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "examples").symlink_to(_ROOT / "examples")
    for block in BLOCKS:
        if block.file is not None:
            (folder / block.file).write_text(block.text, encoding="utf-8")
    goal = Task.model_validate(_yaml(folder / "goal.yaml")).goal
    steps = [
        {"id": "greet", "capability": "greet", "inputs": {"name": "Ada"}, "after": []},
        {"id": "louder", "capability": "shout", "inputs": {"text": "$steps.greet"}, "after": []},
    ]
    with ScriptedLLM({goal: steps}) as llm:
        _prepare(folder, llm)
        flags = ("--catalog", str(folder / "all.yaml"), "--settings", str(folder / "adapted.yaml"))
        service = started(folder, "--ingress", "direct", *flags)  # Ray Serve takes seconds to start
        try:
            yield Place(folder, service.url)
        finally:
            assert service.terminate() == 0, service.log.read_text()


def _prepare(folder: Path, llm: ScriptedLLM) -> None:
    """One catalog of all that the page's services are given; its settings with the address of a model that is there."""
    whole: dict[str, list[object]] = {"agents": [], "providers": []}
    for name in dict.fromkeys(_options("--catalog")):
        for key, entries in _yaml(folder / name).items():
            whole[key] += entries
    (folder / "all.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")
    (name,) = _options("--settings")
    settings = _yaml(folder / name)
    settings["llm"] |= {"base_url": llm.base_url, "model": llm.model}
    (folder / "adapted.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def _options(flag: str) -> list[str]:
    """What a flag is given in the blocks that start the service."""
    commands = [shlex.split(block.text) for block in BLOCKS if block.mark == "service"]
    assert commands
    assert all(command[:2] == ["forerun", "up"] for command in commands)
    return [command[command.index(flag) + 1] for command in commands if flag in command]


def _yaml(file: Path) -> dict:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("block", RUN, ids=lambda block: block.text.strip().splitlines()[0][:50])
def test_a_block_does_what_it_says(place, block):
    if "curl" in block.text and shutil.which("curl") is None:
        pytest.skip("there is no curl here")

    ended = place.run(block)

    sys.stdout.write(ended.stdout)  # pytest -rP shows what the page may quote
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    for said in (said for part, said in _SAID.items() if part in block.text):
        assert said in ended.stdout


def test_the_blocks_are_of_known_kinds_and_only_make_is_not_run():
    assert {block.language for block in BLOCKS} <= {"bash", "python", "yaml", "sh", "text"}
    assert [part for part in _SAID if not any(part in block.text for block in RUN)] == []
    assert all(block.file for block in BLOCKS if block.language == "yaml")
    unrun = [line for block in BLOCKS if block.language == "sh" for line in block.text.splitlines()]
    assert all(line.startswith(("make demo", "make test")) for line in unrun)


def test_every_route_of_the_page_is_there_and_every_route_is_on_the_page(place):
    served = set(httpx.get(f"{place.url}/openapi.json", timeout=30).json()["paths"])
    section = _PAGE.partition("## HTTP")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    told = {code.rpartition(" ")[2].partition("?")[0] for cell in cells for code in re.findall(r"`([^`]+)`", cell)}

    unlisted = {"/docs", "/openapi.json", "/"}
    assert told - unlisted == {path.replace("{task_id}", "{id}") for path in served}


def test_every_command_of_the_page_exists():
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined] # a group

    named = set(re.findall(r"(?<!from )forerun ([a-z]+)\b", _PAGE))

    assert named <= known
    assert {"up", "submit", "plan", "show", "schema", "ledger", "learner"} <= named


def test_every_setting_is_on_the_page():
    section = _PAGE.partition("## Settings")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            assert [key for key in field.annotation.model_fields if f"`{key}`" not in rows[name]] == [], name
        else:
            assert f"`{name}`" in section


def test_its_links_lead_somewhere():
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", _PAGE) if "://" not in link]

    assert links
    assert [link for link in links if not (_ROOT / link).exists()] == []
