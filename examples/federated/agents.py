"""The agents of a round: the server chooses clients, merges their changes and judges the model; clients train."""

import asyncio
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel

from examples.federated.aggregation import Rule, combined, trusted
from examples.federated.compression import SparseUpdate, compressed, restored
from examples.federated.model import SIZE, Vector, accuracy, initial, packed, trained, unpacked
from examples.federated.selection import ClientAnswer, Record, drawn, learned, picked, work
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
        seconds: what a whole round takes on its device.
        poisoned: whether it sends the opposite of what it has learned, five times as long.
        work: the share of a round's training that it is asked for, 0..1.
    """

    number: int
    of: int
    alpha: float
    seconds: float
    poisoned: bool
    work: float = 1.0


class Choice(BaseModel):
    """Which clients there are: the last ``slow`` take five times as long, the first ``poisoned`` send nonsense.

    ``chosen`` is how many take part in a round; 0: all. They are drawn at random if ``random``. If ``adapts``, clients
    that have been slow are asked for less work, so that their answers come in time.
    """

    clients: int
    chosen: int = 0
    random: bool = False
    adapts: bool = False
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
    """What a client sends: its changes, how many examples they come from, and the seconds that it took."""

    client: int
    examples: int
    seconds: float
    change: SparseUpdate


class Merged(BaseModel):
    """The model after a round.

    Attributes:
        model: its parameters.
        sent_bytes: what all clients have sent so far.
        dense_bytes: what they would have sent as 32-bit floats.
        answered: how many clients are in it.
        distrusted: those whose changes were too odd.
    """

    model: str
    sent_bytes: int
    dense_bytes: int
    answered: int
    distrusted: list[int]


def begin(seed: int = 0) -> str:
    """A model with random parameters."""
    return packed(initial(seed))


class Before(BaseModel):
    """The state of the loop before a round.

    The outputs of a round stay below 16 KiB each, so that the journal holds them: larger ones are lost in a restart,
    and the rounds that made them run again. Hence the state has two models rather than a model and a velocity.

    Attributes:
        turn: the round, from 0.
        model: the parameters.
        former: those of a round earlier. The difference is the velocity for the momentum.
        so_far: the bytes sent, and what they would have been as 32-bit floats.
        records: what the server has learned of the clients.
    """

    turn: int
    model: str
    former: str
    so_far: tuple[int, int]
    records: list[Record]

    @property
    def parameters(self) -> Vector:
        """The model, shape (SIZE,)."""
        return unpacked(self.model)

    @property
    def momentum(self) -> Vector:
        """What a round moves on from the one before, shape (SIZE,)."""
        return (MOMENTUM * (unpacked(self.model) - unpacked(self.former))).astype(np.float32)


def choose(choice: Choice, records: Sequence[Record] = (), turn: int = 0) -> list[Device]:
    """The clients of a round: all, those that ``records`` recommend, or some at random."""
    fast, count = choice.clients - choice.slow, choice.chosen or choice.clients
    numbers = drawn(choice.clients, count, turn) if choice.random else picked(records, choice.clients, count)
    in_time = work(records) if choice.adapts else {}
    return [
        Device(
            number=number,
            of=choice.clients,
            alpha=choice.alpha,
            seconds=choice.seconds * (5 if number >= fast else 1),
            poisoned=number < choice.poisoned,
            work=in_time.get(number, 1.0),
        )
        for number in numbers
    ]


class RoundAdvice(BaseModel):
    """What an adviser, such as a language model, says about a round: who takes part, and whether it is the last one."""

    clients: list[int]
    last: bool


def choose_advised(choice: Choice, advice: RoundAdvice) -> list[Device]:
    """The clients that the adviser names, of those that there are; all if it names none."""
    everyone = choose(choice.model_copy(update={"chosen": 0, "random": False}))
    return [device for device in everyone if device.number in advice.clients] or everyone


async def train(client: Device, model: str, turn: int, training: Training) -> Update:
    """Train on the client's own shard and send the largest changes."""
    clock = asyncio.get_running_loop().time
    started_s = clock()
    change = await changed(client, model, turn, training)
    examples = len(shards(client.of, client.alpha)[client.number].labels)
    sent = compressed(change, training.share)
    return Update(client=client.number, examples=examples, seconds=clock() - started_s, change=sent)


async def changed(client: Device, model: str, turn: int, training: Training) -> Vector:
    """What a client's training changes, shape (SIZE,)."""
    await asyncio.sleep(client.seconds * client.work)  # a phone is slower than this machine
    start, seed = unpacked(model), turn * client.of + client.number
    shard = shards(client.of, client.alpha)[client.number]
    change = trained(start, shard, training.epochs * client.work, training.rate, seed) - start
    return (_POISON * change).astype(np.float32) if client.poisoned else change


def merge(updates: list[Update], before: Before, merging: Merging) -> Merged:
    """Move the model by the clients' changes."""
    changes = [restored(update.change) for update in updates]
    kept = trusted(changes, _ODD) if merging.robust else list(range(len(changes)))
    if merging.robust:
        longest = float(np.median([np.linalg.norm(change) for change in changes]))
        changes = [change * min(1.0, longest / (float(np.linalg.norm(change)) or 1.0)) for change in changes]
    step = combined([changes[each] for each in kept], [updates[each].examples for each in kept], merging.rule)
    return Merged(
        model=packed(before.parameters + before.momentum + step),
        sent_bytes=before.so_far[0] + sum(update.change.size_bytes for update in updates),
        dense_bytes=before.so_far[1] + len(updates) * SIZE * 4,
        answered=len(updates),
        distrusted=[updates[each].client for each in range(len(updates)) if each not in kept],
    )


def remember(chosen: list[Device], updates: list[Update], before: Before, merged: Merged) -> list[Record]:
    """What a round shows about its clients: their seconds, and how well their changes agree with the step taken."""
    step = unpacked(merged.model) - before.parameters - before.momentum
    answers = {
        update.client: ClientAnswer(update.seconds, _agreement(restored(update.change), step)) for update in updates
    }
    answers |= {client: answers[client]._replace(usefulness=0.0) for client in merged.distrusted}
    return learned(before.records, {device.number: device.work for device in chosen}, answers, before.turn)


def _agreement(change: Vector, step: Vector) -> float:
    """The cosine of two vectors, or 0 where they point apart."""
    lengths = float(np.linalg.norm(change) * np.linalg.norm(step)) or 1.0
    return max(0.0, float(change @ step) / lengths)


def judge(model: str) -> float:
    """The accuracy on images that no client has."""
    return accuracy(unpacked(model), *digits()[1])
