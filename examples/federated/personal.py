"""Personal heads: clients share the hidden layer, and each keeps a last layer of its own (Arivazhagan et al., 2019).

A head stays in a folder of the client's device, one file a round, so a round that runs again begins with the same head.
"""

import asyncio
from pathlib import Path
from uuid import uuid4

import numpy as np
from pydantic import BaseModel

from examples.federated.agents import Device, Training, Update, changed
from examples.federated.compression import compressed
from examples.federated.model import HEAD, Vector, correct, packed, unpacked
from examples.federated.secure_agents import secrets_folder
from examples.federated.shards import own_tests, shards


class OwnResult(BaseModel):
    """How a client does on images of its own kind: with its own head, of how many images."""

    client: int
    correct: int
    images: int


def name_training() -> str:
    """A name that no other training has, so that heads are not mixed up."""
    return uuid4().hex


async def train_personal(client: Device, model: str, turn: int, training: Training, name: str) -> Update:
    """Train with the client's own head, keep the head, and send changes of the shared layer only."""
    clock = asyncio.get_running_loop().time
    started_s = clock()
    own = with_head(client.number, unpacked(model), name, turn)
    change = await changed(client, packed(own), turn, training)
    _keep(client.number, (own + change)[HEAD:], name, turn)
    change[HEAD:] = 0
    examples = len(shards(client.of, client.alpha)[client.number].labels)
    sent = compressed(change, training.share)
    return Update(client=client.number, examples=examples, seconds=clock() - started_s, change=sent)


def judge_own(client: Device, model: str, name: str, rounds: int) -> OwnResult:
    """A client's result on its own images, with the shared layer and its own head."""
    images, labels = own_tests(client.of, client.alpha)[client.number]
    own = with_head(client.number, unpacked(model), name, rounds)
    return OwnResult(client=client.number, correct=correct(own, images, labels), images=len(labels))


def with_head(client: int, model: Vector, name: str, turn: int) -> Vector:
    """The model with the client's latest head before this round, or with the model's own if there is none."""
    heads = _heads(client, name)
    before = [each for each in heads if each < turn]
    return np.concatenate([model[:HEAD], np.load(heads[max(before)])]) if before else model


def _keep(client: int, head: Vector, name: str, turn: int) -> None:
    """Write it beside and move it into place, because an attempt may be stopped at any time; remove old ones."""
    file = secrets_folder() / f"head-{name}-{client}-{turn}.npy"
    beside = file.with_suffix(f".{uuid4().hex}")
    with beside.open("wb") as new:
        np.save(new, head)
    beside.replace(file)
    heads = _heads(client, name)
    for old in sorted(heads)[:-2]:
        heads[old].unlink(missing_ok=True)


def _heads(client: int, name: str) -> dict[int, Path]:
    """A client's heads by the round that they were trained in."""
    return {int(file.stem.rpartition("-")[2]): file for file in secrets_folder().glob(f"head-{name}-{client}-*.npy")}
