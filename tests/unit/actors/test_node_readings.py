"""From readings of the nodes to the speeds, load by others and links of a snapshot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.executor.readings import (
    LOAD_LASTS_S,
    Held,
    NodeReading,
    PairReading,
    SnapshotParts,
    busy_outside,
    held_by_others,
    lasting,
    snapshot_parts,
    speed_of,
)
from planners.cluster import ClusterNode, Link, Reservation
from planners.resources import Resources

NODES = tuple(ClusterNode(id=node, node_class="c", total=Resources(cpus=4)) for node in "abc")
ADDRESSES = {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3"}
NORMAL = PairReading(1e9, 0.0002)


def pairs(**readings: PairReading) -> dict[frozenset[str], PairReading]:
    return {frozenset(ADDRESSES[node] for node in ends): reading for ends, reading in readings.items()}


@given(st.floats(0.81, 1.24), st.floats(1e-4, 1.0))
def test_machines_that_differ_by_less_than_a_quarter_have_speed_1(ratio: float, reference_s: float):
    assert speed_of(reference_s / ratio, reference_s) == 1.0


def test_speeds_are_relative_to_the_reference_and_stepped():
    assert speed_of(0.005, 0.010) == 2.44
    assert speed_of(0.0048, 0.010) == 2.44
    assert speed_of(0.015, 0.010) == 0.64


def test_what_ray_uses_and_no_own_attempt_holds_is_held_by_others():
    used, own = Resources(cpus=3, gpus=1, custom={"microscope": 1}), Held(Resources(cpus=2, custom={"microscope": 1}))

    assert held_by_others(used, own, {}) == {"cpus": 1, "gpus": 1}


@pytest.mark.parametrize(
    ("running", "waiting", "used", "before", "held"),
    [
        (0, 2, 2, 0, {}),  # its process starts
        (0, 2, 2, 2, {"cpus": 2}),  # it waits for others
        (2, 0, 2, 2, {}),  # it has begun, so the others are gone
        (0, 1, 3, 0, {"cpus": 2}),  # the others hold more than it could
        (1, 0, 0, 1, {}),  # Ray's figures lag
    ],
)
def test_attempts_that_wait_for_ray_change_nothing_that_may_still_be_true(
    running: int, waiting: int, used: int, before: int, held: dict[str, float]
):
    own = Held(Resources(cpus=running), Resources(cpus=waiting))

    assert held_by_others(Resources(cpus=used), own, {"cpus": before}) == held


def test_only_what_every_reading_shows_is_load():
    assert lasting([{"a": {"cpus": 2}, "b": {"cpus": 1}}, {"a": {"cpus": 1, "gpus": 1}}]) == {
        "a": {"cpus": 1},
        "b": {"cpus": 0},
    }


def test_processes_seen_in_both_readings_count_as_busy():
    earlier = NodeReading("m", 4, 100.0, {1: 5.0, 2: 1.0, 3: 7.0})
    later = NodeReading("m", 4, 110.0, {1: 15.0, 2: 11.0, 4: 9.0})

    assert busy_outside(earlier, later) == 0.5
    assert busy_outside(later, later) == 0.0


def test_load_by_others_is_a_reservation_for_a_while():
    parts = snapshot_parts(NODES, ADDRESSES, {"b": {"cpus": 2, "microscope": 1}, "gone": {"cpus": 1}}, {}, {})

    held = Resources(cpus=2, custom={"microscope": 1})
    assert parts.reservations == (Reservation(node="b", resources=held, end_s=LOAD_LASTS_S),)


def test_load_outside_ray_counts_beyond_the_least_loaded_machine():
    outside = {"a": ("m1", 0.1), "b": ("m2", 0.7), "c": ("m3", 0.3)}

    parts = snapshot_parts(NODES, ADDRESSES, {"b": {"cpus": 3}}, outside, {})

    assert parts.reservations == (Reservation(node="b", resources=Resources(cpus=4), end_s=LOAD_LASTS_S),)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_nodes_of_one_machine_see_no_load_outside_ray(shares: list[float]):
    outside = {node: ("m", share) for node, share in zip("abc", shares, strict=True)}

    assert snapshot_parts(NODES, ADDRESSES, {}, outside, {}) == SnapshotParts()


@given(st.lists(st.floats(0.72, 1.4), min_size=3, max_size=3))
def test_links_that_vary_as_measurements_do_are_equal(factors: list[float]):
    measured = [PairReading(1e9 * factor, 0.0002 * factor) for factor in factors]

    parts = snapshot_parts(NODES, ADDRESSES, {}, {}, pairs(ab=measured[0], ac=measured[1], bc=measured[2]))

    assert parts.links == ()
    assert parts.latency_s == 0.001


def test_a_link_that_is_far_slower_than_the_others_is_listed():
    parts = snapshot_parts(NODES, ADDRESSES, {}, {}, pairs(ab=NORMAL, ac=NORMAL, bc=PairReading(1e7, 0.1)))

    assert parts.bandwidth_bytes_per_s == 2**30
    assert parts.links == (Link(nodes=("b", "c"), bandwidth_bytes_per_s=2**24, latency_s=0.064),)
    assert parts.without("c").links == ()


def test_nodes_of_one_host_have_no_measured_link():
    assert snapshot_parts(NODES, dict.fromkeys("abc", "10.0.0.1"), {}, {}, {}) == SnapshotParts()
