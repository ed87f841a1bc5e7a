"""Peers are compared by the same figures, whatever each of them could be measured on."""

import asyncio

import pytest

from benchmarks.load_tables import peers_table
from benchmarks.peers.bench import figures_of, run
from benchmarks.peers.peer import PeerEntry
from benchmarks.peers.workload import OPEN, Sizes, check, end_of_chain, with_open_tasks
from orchestrator.errors import InvalidRequest

SIZES = Sizes(tasks=100, fan=1000, naps=5000, limit_s=60.0)
PEER = PeerEntry("A peer", "none", ())


def cell(seconds, cpu_s=1.0):
    return {"seconds": seconds, "cpu_s": cpu_s}


def test_figures_are_medians_over_the_rounds():
    figures = figures_of(PEER, SIZES, [{"chains": cell(seconds, cpu_s=0.5)} for seconds in (1.0, 2.0, 50.0)])

    assert figures["chains"]["tasks_per_s"] == 50.0
    assert figures["chains"]["steps_per_s"] == 250.0
    assert figures["chains"]["cpu_ms_per_task"] == 5.0


def test_a_cell_that_was_given_up_says_so_and_later_ones_are_not_measured():
    figures = figures_of(PEER, SIZES, [{"start": cell(1.0), "chains": {"over_limit_s": 60.0}}])

    assert figures["chains"] == {"over_limit_s": 60.0}
    assert figures["fan"] == {"error": "not measured"}


def test_a_round_that_was_measured_counts_where_another_failed():
    figures = figures_of(PEER, SIZES, [{"fan": {"error": "ValueError: wrong"}}, {"fan": cell(2.0)}])

    assert figures["fan"]["steps_per_s"] == 500.0


def test_the_table_names_what_was_left_out_and_what_failed():
    figures = figures_of(PEER, SIZES, [{"chains": cell(2.0), "fan": {"over_limit_s": 60.0}}])

    told = peers_table({**SIZES._asdict(), "rounds": 1, "left_out": {"dask": ["distributed"]}, "peers": {"a": figures}})

    assert "| A peer | no | 50 | 250 | 10 | over 60 s | over 60 s | failed |" in told
    assert "dask (distributed)" in told


def test_an_unknown_peer_is_refused_and_the_known_ones_are_named():
    with pytest.raises(InvalidRequest, match=r"airflow.*ray_actor"):
        run(peers=("airflow",))


def test_a_peer_whose_packages_are_missing_names_them():
    assert PeerEntry("A peer", "none", ("json", "no_such_package")).missing == ("no_such_package",)


def test_a_wrong_result_is_an_error():
    check(end_of_chain(7), {"before": {"before": {"before": {"before": {"before": 7}}}}})
    with pytest.raises(ValueError, match="instead of"):
        check(7, end_of_chain(7))


async def test_no_more_tasks_than_agreed_are_open_at_once():
    begun: set[int] = set()
    goes_on = asyncio.Event()

    async def task(number):
        begun.add(number)
        await goes_on.wait()
        return number

    running = asyncio.ensure_future(with_open_tasks(task, range(3 * OPEN)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(begun) == OPEN

    goes_on.set()
    assert await running == list(range(3 * OPEN))
