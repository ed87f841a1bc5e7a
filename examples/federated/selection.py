"""Which clients take part in a round: fast and useful ones, and in turn all the others.

The score is that of Oort (Lai et al., OSDI 2021), usefulness times a penalty for slow clients. A share of each round is
for the clients that have waited longest, so that estimates stay fresh and no client is left out for good.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

_EXPLORED = 0.25  # of a round
_PENALTY = 2.0  # the exponent for clients slower than the median
_RECENT = 0.3  # the weight of the latest round in a mean
# Each answer shows how long a client takes, so its seconds follow quickly.
_RECENT_SECONDS = 0.7
# What a client takes whose answer did not come: so many times what was expected of it, and what the round took.
_SILENT = 2.0
_SLOWEST = 10.0  # times what the round took: the highest estimate
_IN_TIME = 0.9  # the share of the usual seconds in which a slow client is to answer
_LEAST_WORK = 0.1


class Record(BaseModel):
    """What the server has learned of a client.

    Attributes:
        client: which one.
        turn: the last round that it was chosen for.
        seconds: how long it takes for all the work of a round; none while it has never been chosen with an answer to
            compare.
        usefulness: how well its changes agree with those of the round, 0..1.
    """

    client: int
    turn: int
    seconds: float | None = None
    usefulness: float = 1.0


class ClientAnswer(NamedTuple):
    """What a client's answer shows: the seconds of the work it was asked for, and how useful its change was, 0..1."""

    seconds: float
    usefulness: float


def picked(records: Sequence[Record], clients: int, count: int) -> list[int]:
    """The clients of the next round, in order: ``count`` of ``clients``.

    A quarter (at least one) has waited longest, the others have the highest scores. Clients without a record are first.
    The first round has all: before anything is known, clients that send nonsense might be the majority of a few.
    """
    if not records:
        return list(range(clients))
    known = {record.client: record for record in records}
    everyone = list(range(clients))
    if count >= clients:
        return everyone
    explored = max(1, round(count * _EXPLORED))
    waiting = sorted(everyone, key=lambda each: known[each].turn if each in known else -1)[:explored]
    usual = _usual(records)
    others = [each for each in everyone if each not in waiting]
    best = sorted(others, key=lambda each: -_score(known.get(each), usual))[: count - explored]
    return sorted(waiting + best)


def drawn(clients: int, count: int, turn: int) -> list[int]:
    """As many clients at random, whatever is known of them."""
    return sorted(np.random.default_rng(turn).choice(clients, min(count, clients), replace=False).tolist())


def work(records: Sequence[Record]) -> dict[int, float]:
    """Client -> the share of a round's work that it does in time, 0.1..1 (as in FedProx: Li et al., MLSys 2020)."""
    known = {record.client: record.seconds for record in records if record.seconds is not None}
    usual = _usual(records)
    return {
        client: 1.0 if seconds <= usual else max(_LEAST_WORK, _IN_TIME * usual / seconds)
        for client, seconds in known.items()
    }


def learned(
    records: Sequence[Record], asked: Mapping[int, float], answers: Mapping[int, ClientAnswer], turn: int
) -> list[Record]:
    """The records after a round in which some have answered. ``asked``: client -> the share of a round's work."""
    known = {record.client: record for record in records}
    took = max((answer.seconds for answer in answers.values()), default=None)
    for client, share in asked.items():
        old = known.get(client) or Record(client=client, turn=turn)
        answer = answers.get(client)
        known[client] = _silent(old, took, share, turn) if answer is None else _answered(old, answer, share, turn)
    return [known[client] for client in sorted(known)]


def _usual(records: Sequence[Record]) -> float:
    """The median of the seconds that are known."""
    return float(np.median([record.seconds for record in records if record.seconds is not None] or [1.0]))


def _score(record: Record | None, usual: float) -> float:
    """Usefulness, less for a client slower than ``usual`` seconds. A client without a record may be perfect."""
    if record is None:
        return 1.0
    speed = 1.0 if record.seconds is None else min(1.0, usual / max(record.seconds, 1e-9))
    return float(record.usefulness * speed**_PENALTY)


def _answered(old: Record, answer: ClientAnswer, share: float, turn: int) -> Record:
    whole = answer.seconds / share
    if old.seconds is None:
        return Record(client=old.client, turn=turn, seconds=whole, usefulness=answer.usefulness)
    seconds = old.seconds + _RECENT_SECONDS * (whole - old.seconds)
    usefulness = old.usefulness + _RECENT * (answer.usefulness - old.usefulness)
    return Record(client=old.client, turn=turn, seconds=seconds, usefulness=usefulness)


def _silent(old: Record, took: float | None, share: float, turn: int) -> Record:
    """The round ended before the client's answer, so it needs longer than the round ``took``."""
    if took is None:
        return old.model_copy(update={"turn": turn})
    seconds = _SILENT * max(old.seconds or 0.0, took / share)
    return old.model_copy(update={"turn": turn, "seconds": min(seconds, _SLOWEST * took)})
