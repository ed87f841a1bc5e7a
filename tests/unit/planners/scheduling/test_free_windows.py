"""What free windows say about a group of nodes is what a look at every profile says, and takes fewer looks."""

from random import Random

import pytest

from planners.scheduling.list_scheduling.free_windows import FreeWindows
from planners.scheduling.problem.resource_profile import ResourceProfile

CAPACITY, GUARD = 4, 8


def nodes(count):
    return [ResourceProfile(CAPACITY, GUARD) for _ in range(count)]


def copies(profiles):
    """Profiles that have learned nothing."""
    found = nodes(len(profiles))
    for profile, copy in zip(profiles, found, strict=True):
        copy.times, copy.free = profile.times.copy(), profile.free.copy()
    return found


def asked(windows, profiles, draw):
    """A random question: the answer, and that of all profiles."""
    ready, duration = draw.randrange(60), draw.randrange(1, 12)
    starts = [profile.earliest(ready, duration, windows._demand) for profile in copies(profiles)]
    start, position = windows.first(ready, duration)
    on_each = [windows.on(k, ready, duration) for k in range(len(profiles))]
    return (start, starts[position], on_each), (min(starts), min(starts), starts)


@pytest.mark.parametrize("seed", range(20))
def test_the_earliest_start_is_that_of_the_profiles_while_capacity_is_reserved_and_released(seed):
    draw, profiles = Random(seed), nodes(3)
    for start in (0, 5):  # windows may be asked for when capacity is reserved already
        profiles[0].reserve(start, start + 9, 2)
    known = [FreeWindows(demand, profiles) for demand in (1, 2, 4)]
    held = []
    for _ in range(60):
        if held and draw.random() < 0.2:
            position, start, end, demand = held.pop(draw.randrange(len(held)))
            profiles[position].reserve(start, end, -demand)
            for windows in known:
                windows.released(position)
        else:
            position, duration, demand = draw.randrange(3), draw.randrange(1, 9), draw.randrange(1, 5)
            start = profiles[position].earliest(draw.randrange(50), duration, demand)
            profiles[position].reserve(start, start + duration, demand)
            held.append((position, start, start + duration, demand))
            for windows in known:
                windows.reserved(position, start, start + duration)
        for windows in known:
            answer, expected = asked(windows, profiles, draw)
            assert answer == expected


@pytest.mark.parametrize("seed", range(20))
def test_a_start_by_a_moment_is_the_earliest_one_if_that_is_not_later(seed):
    draw, (profile,) = Random(seed), nodes(1)
    for _ in range(40):
        duration, demand = draw.randrange(1, 9), draw.randrange(1, 5)
        start = profile.earliest(draw.randrange(50), duration, demand)
        profile.reserve(start, start + duration, demand)
        ready, slack, duration, demand = (
            draw.randrange(50),
            draw.randrange(12),
            draw.randrange(1, 9),
            draw.choice((1, 3)),
        )
        (fresh,) = copies([profile])
        earliest = fresh.earliest(ready, duration, demand)

        expected = earliest if earliest <= ready + slack else -1
        assert profile.fits(ready, ready + slack, duration, demand) == expected


@pytest.mark.parametrize("seed", range(20))
def test_what_is_free_is_the_capacity_less_what_is_held_in_as_few_pieces_as_can_be(seed):
    draw, (profile,), held = Random(seed), nodes(1), []
    for _ in range(60):
        if held and draw.random() < 0.3:
            start, end, demand = held.pop(draw.randrange(len(held)))
            profile.reserve(start, end, -demand)
        else:
            duration, demand = draw.randrange(1, 9), draw.randrange(1, 5)
            start = profile.earliest(draw.randrange(50), duration, demand)
            profile.reserve(start, start + duration, demand)
            held.append((start, start + duration, demand))
        expected = [CAPACITY - sum(d for start, end, d in held if start <= at < end) for at in range(1000)]
        changes = [at for at in range(1000) if at == 0 or expected[at] != expected[at - 1]]
        assert (profile.times, profile.free) == (changes, [expected[at] for at in changes])


def test_of_nodes_that_are_free_the_first_one_is_chosen():
    assert FreeWindows(2, nodes(3)).first(7, 100) == (7, 0)


def test_gaps_that_are_too_short_are_looked_at_once(monkeypatch):
    profiles = nodes(2)
    windows = FreeWindows(4, profiles)
    for start in (3, 10, 20):
        for position, profile in enumerate(profiles):
            profile.reserve(start, start + 5, 1)
            windows.reserved(position, start, start + 5)
    assert windows.first(4, 6) == (25, 0)
    looked = []
    monkeypatch.setattr(FreeWindows, "_in_gap", lambda *_: looked.append("looked") or -1)

    assert windows.first(4, 6) == (25, 0)
    assert windows.first(9, 50) == (25, 0)
    assert looked == []
