"""Runs every peer in turns, each in a process of its own that ends before the next one starts."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import PositiveFloat, PositiveInt
from rich.progress import track

from benchmarks.peers.peer import PEERS, PeerEntry
from benchmarks.peers.workload import STEPS, Sizes
from orchestrator.errors import InvalidRequest
from planners.errors import InvalidTask

# What starting a peer and ending it may take, besides its three cells.
_START_S = 120.0

Cells = Mapping[str, Mapping[str, Any]]


def run(  # noqa: PLR0913, PLR0917 - each is an option of the command
    tasks: PositiveInt = 500,
    fan: PositiveInt = 1000,
    naps: PositiveInt = 5000,
    rounds: PositiveInt = 3,
    limit_s: PositiveFloat = 60.0,
    peers: Sequence[str] = tuple(PEERS),
) -> dict[str, Any]:
    """Measure all peers in each of ``rounds`` rounds, in another order each time, and take medians.

    ``chains``: ``tasks`` chains of five trivial steps, 50 open at a time. ``fan``: so many trivial steps side by side
    in one task. ``naps``: so many agents that wait for a second, in one task. A cell that takes longer than ``limit_s``
    is given up, and so are the later ones of that round. CPU time is that of all processes, the client included.
    """
    _refuse_unknown(peers)
    missing = {name: list(PEERS[name].missing) for name in peers if PEERS[name].missing}
    measured = [name for name in peers if name not in missing]
    sizes = Sizes(tasks, fan, naps, limit_s)
    found: dict[str, list[Cells]] = {name: [] for name in measured}
    turns = [name for number in range(rounds) for name in (measured[number:] + measured[:number])]
    for name in track(turns, "running peers"):
        found[name].append(_cells_of(name, sizes))
    return {
        **sizes._asdict(),
        "rounds": rounds,
        "left_out": missing,
        "peers": {name: figures_of(PEERS[name], sizes, cells) for name, cells in found.items()},
    }


def _refuse_unknown(peers: Iterable[str]) -> None:
    if unknown := [name for name in peers if name not in PEERS]:
        message = f"there is no peer '{unknown[0]}'"
        raise InvalidRequest([InvalidTask(message, "--peers", f"the peers are {', '.join(PEERS)}")])


def _cells_of(name: str, sizes: Sizes) -> Cells:
    """The cells of one peer, measured in a process of its own. What it does not report in time is missing."""
    command = [sys.executable, "-m", "benchmarks.peers.process", name, json.dumps(sizes)]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, stdout=subprocess.PIPE, text=True, timeout=_START_S + 3 * sizes.limit_s, check=False
        )
        text = done.stdout
    except subprocess.TimeoutExpired as error:
        text = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
    cells = [json.loads(line) for line in text.splitlines() if line.startswith('{"cell"')]
    return {cell.pop("cell"): cell for cell in cells}


def figures_of(peer: PeerEntry, sizes: Sizes, rounds: Sequence[Cells]) -> dict[str, Any]:
    """The figures of a peer: medians over the rounds, and why cells are missing."""
    figures: dict[str, Any] = {"title": peer.title, "durable": peer.durable}
    counts = {
        "start": (0, 0),
        "chains": (sizes.tasks, sizes.tasks * STEPS),
        "fan": (1, sizes.fan),
        "naps": (1, sizes.naps),
    }
    for cell, (tasks, steps) in counts.items():
        found = [cells[cell] for cells in rounds if cell in cells]
        timed = [each for each in found if "seconds" in each]
        figures[cell] = _medians(timed, tasks, steps) if timed else _reason(found)
    return figures


def _medians(timed: Sequence[Mapping[str, Any]], tasks: int, steps: int) -> dict[str, Any]:
    seconds = statistics.median(each["seconds"] for each in timed)
    if not tasks:
        return {"seconds": seconds}
    cpu_s = statistics.median(each["cpu_s"] for each in timed)
    return {
        "seconds": seconds,
        "tasks_per_s": tasks / seconds,
        "steps_per_s": steps / seconds,
        "cpu_ms_per_task": 1e3 * cpu_s / tasks,
        "cpu_ms_per_step": 1e3 * cpu_s / steps,
    }


def _reason(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return dict(found[-1]) if found else {"error": "not measured"}
