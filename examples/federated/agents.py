"""The agents of a round: the server chooses clients, merges their changes and judges the model; clients train."""

import asyncio

import numpy as np
from pydantic import BaseModel

from examples.federated.aggregation import Rule, combined, trusted
from examples.federated.compression import SparseUpdate, compressed, restored
from examples.federated.model import SIZE, Vector, accuracy, initial, packed, trained, unpacked
from examples.federated.shards import digits, shards

# The server's momentum (Hsu, Qi and Brown, 2019): without it, uneven shards make rounds undo each other.
MOMENTUM = 0.6
_ODD = 2.0
_POISON = -5.0


class Device(BaseModel):
    """A client of this round.

    Attributes:
        number: which one.
        of: how many clients there are.
        alpha: how uneven their shards are.
        seconds: what a round takes on its device.
        poisoned: whether it sends the opposite of what it has learned, five times as long.
    """

    number: int
    of: int
    alpha: float
    seconds: float
    poisoned: bool


class Choice(BaseModel):
    """Which clients there are: the last ``slow`` take five times as long, the first ``poisoned`` send nonsense."""

    clients: int
    alpha: float
    slow: int
    poisoned: int
    seconds: float


class Training(BaseModel):
    """How a client trains, and which share of its changes it sends."""

    epochs: int
    rate: float
    share: float


class Merging(BaseModel):
    """How changes become one. ``robust``: odd ones are left out, and none counts for more than the median one."""

    rule: Rule
    robust: bool


class Update(BaseModel):
    """What a client sends: its changes, and how many examples they come from."""

    client: int
    examples: int
    change: SparseUpdate


class Merged(BaseModel):
    """The model after a round.

    Attributes:
        model: its parameters.
        velocity: the change of this round, for the momentum of the next.
        sent_bytes: what all clients have sent so far.
        dense_bytes: what they would have sent as 32-bit floats.
        answered: how many clients are in it.
        distrusted: those whose changes were too odd.
    """

    model: str
    velocity: str
    sent_bytes: int
    dense_bytes: int
    answered: int
    distrusted: list[int]


def begin(seed: int = 0) -> dict[str, str]:
    """A model with random parameters, and no velocity."""
    return {"model": packed(initial(seed)), "velocity": packed(np.zeros(SIZE, np.float32))}


def choose(choice: Choice) -> list[Device]:
    """All clients."""
    fast = choice.clients - choice.slow
    return [
        Device(
            number=number,
            of=choice.clients,
            alpha=choice.alpha,
            seconds=choice.seconds * (5 if number >= fast else 1),
            poisoned=number < choice.poisoned,
        )
        for number in range(choice.clients)
    ]


async def train(client: Device, model: str, turn: int, training: Training) -> Update:
    """Train on the client's own shard and send the largest changes."""
    change = await changed(client, model, turn, training)
    examples = len(shards(client.of, client.alpha)[client.number].labels)
    return Update(client=client.number, examples=examples, change=compressed(change, training.share))


async def changed(client: Device, model: str, turn: int, training: Training) -> Vector:
    """What a client's training changes, shape (SIZE,)."""
    await asyncio.sleep(client.seconds)  # a phone is slower than this machine
    start, seed = unpacked(model), turn * client.of + client.number
    shard = shards(client.of, client.alpha)[client.number]
    change = trained(start, shard, training.epochs, training.rate, seed) - start
    return (_POISON * change).astype(np.float32) if client.poisoned else change


def merge(updates: list[Update], model: str, velocity: str, so_far: tuple[int, int], merging: Merging) -> Merged:
    """Move the model by the clients' changes. ``so_far``: the bytes sent, and what they would have been."""
    changes = [restored(update.change) for update in updates]
    kept = trusted(changes, _ODD) if merging.robust else list(range(len(changes)))
    if merging.robust:
        longest = float(np.median([np.linalg.norm(change) for change in changes]))
        changes = [change * min(1.0, longest / (float(np.linalg.norm(change)) or 1.0)) for change in changes]
    step = combined([changes[each] for each in kept], [updates[each].examples for each in kept], merging.rule)
    moved = (MOMENTUM * unpacked(velocity) + step).astype(np.float32)
    return Merged(
        model=packed(unpacked(model) + moved),
        velocity=packed(moved),
        sent_bytes=so_far[0] + sum(update.change.size_bytes for update in updates),
        dense_bytes=so_far[1] + len(updates) * SIZE * 4,
        answered=len(updates),
        distrusted=[updates[each].client for each in range(len(updates)) if each not in kept],
    )


def judge(model: str) -> float:
    """The accuracy on images that no client has."""
    return accuracy(unpacked(model), *digits()[1])
