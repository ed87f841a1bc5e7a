"""The demo as a user starts it: on the user's own molecules, to the end, with nothing left running."""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

pytest.importorskip("rdkit")
pytest.importorskip("pyscf")
pytest.importorskip("tblite")

pytestmark = [pytest.mark.chem, pytest.mark.ray, pytest.mark.slow]
MOLECULES = "C=O formaldehyde\nC#C acetylene\nC#N hydrogen cyanide\n"


@pytest.fixture(scope="module")
def mark() -> str:
    """A word in the environment of everything that the demo starts."""
    return uuid.uuid4().hex


@pytest.fixture(scope="module")
def demo(tmp_path_factory, mark) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("demo")
    (folder / "mine.smi").write_text(MOLECULES, encoding="utf-8")
    command = [sys.executable, "-m", "examples.molecules.demo", "--act", "molecules", "--json"]
    ended = subprocess.run(  # noqa: S603 - our own command
        [*command, "--input", "mine.smi", "--report", "report.html"],
        cwd=folder,
        env={**os.environ, "DEMO_UNDER_TEST": mark},
        capture_output=True,
        text=True,
        timeout=270,
        check=False,
    )
    return ended, folder / "report.html"


def test_it_ends_by_itself_and_well(demo):
    ended, _ = demo

    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]


def test_its_figures_are_those_of_three_runs_with_the_same_results(demo):
    told = json.loads(demo[0].stdout)["Molecules"]

    assert min(told["t_wait_s"], told["t_spec_s"], told["t_oracle_s"]) > 0
    assert 0 < told["planning_share"] < 1
    assert 0 <= told["waste"] <= 1
    # Three chains of three steps, ranking and report: eleven steps, compared in the speculating and the oracle's run.
    assert told["results_identical"] == told["results_compared"] == 22


def test_it_prints_the_table_and_where_the_report_is(demo):
    said = demo[0].stderr

    assert "share of attainable" in said
    assert "report.html" in said


def test_the_report_ranks_the_molecules_and_loads_nothing(demo):
    page = demo[1].read_text(encoding="utf-8")

    assert all(name in page for name in ("formaldehyde", "acetylene", "hydrogen cyanide"))
    assert page.count("data:image/svg+xml;base64,") == 3
    assert "://" not in page
    assert "<script" not in page


def test_nothing_is_left_running(demo, mark):
    until = time.monotonic() + 10
    while (left := _marked(mark)) and time.monotonic() < until:
        time.sleep(0.2)

    assert left == []


def _marked(mark: str) -> list[str]:
    """Command lines of live processes that carry the mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:200])
        except OSError:
            continue  # it has ended, or is not ours
    return found
