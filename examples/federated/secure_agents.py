"""The agents of a round in secure mode. The server gets masked vectors only, and the sum of a group."""

import os
import tempfile
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from examples.federated.agents import Before, Choice, Device, Merged, Training, changed, choose
from examples.federated.aggregation import Rule, combined
from examples.federated.model import SIZE, packed, unpacked
from examples.federated.secure import Member, Offer, Revealed, Shares, fixed_point, floating, unmasked
from examples.federated.shards import shards

# Weights are examples over this, so that sums stay in the range of fixed-point numbers.
_EXAMPLES = 128
KEYS = "FEDERATED_KEYS"


class Masked(BaseModel):
    """A client's vector behind masks: its weighted changes and its weight, as base64 of words."""

    client: int
    values: str


class GroupSum(BaseModel):
    """The mean change of a group, and how many clients are in it."""

    change: str
    answered: int


def groups(choice: Choice, size: int) -> list[list[Device]]:
    """The clients in groups whose vectors are summed securely."""
    everyone = choose(choice)
    count = max(1, choice.clients // size)
    return [everyone[number::count] for number in range(count)]


def members(group: list[Device]) -> list[Device]:
    """The clients of one group."""
    return group


def offer(client: Device, turn: int) -> Offer:
    """A client's public keys of this round."""
    return _member(client.number, turn).offer()


def share(client: Device, turn: int, offers: list[Offer]) -> Shares:
    """A client's shares for the others, sealed."""
    return _member(client.number, turn).shares(offers, threshold(len(offers)))


async def train_masked(client: Device, model: str, turn: int, training: Training, offers: list[Offer]) -> Masked:
    """Train on the client's own shard and send the weighted changes behind masks."""
    change = await changed(client, model, turn, training)
    weight = len(shards(client.of, client.alpha)[client.number].labels) / _EXAMPLES
    values = fixed_point(np.append(change * weight, weight).astype(np.float32))
    hidden = _member(client.number, turn).masked(values, offers)
    return Masked(client=client.number, values=packed(hidden.view("<f4")))


def reveal(client: Masked, turn: int, offers: list[Offer], sealed: list[Shares], stayed: list[Masked]) -> Revealed:
    """What one that stayed tells the server to remove the masks."""
    return _member(client.client, turn).revealed(offers, sealed, [each.client for each in stayed])


def unmask(turn: int, offers: list[Offer], masked: list[Masked], revealed: list[Revealed]) -> GroupSum:
    """The mean change of a group, from its sum."""
    words = {each.client: unpacked(each.values).view("<u4") for each in masked}
    total = floating(unmasked(words, offers, revealed, threshold(len(offers)), _round(turn)))
    return GroupSum(change=packed(total[:SIZE] / max(total[SIZE], 1e-6)), answered=len(masked))


def merge_groups(sums: list[GroupSum], before: Before, rule: Rule) -> Merged:
    """Move the model by the groups' mean changes."""
    step = combined([unpacked(each.change) for each in sums], [each.answered for each in sums], rule)
    answered = sum(each.answered for each in sums)
    sent = answered * (SIZE + 1) * 4
    return Merged(
        model=packed(before.parameters + before.momentum + step),
        sent_bytes=before.so_far[0] + sent,
        dense_bytes=before.so_far[1] + sent,
        answered=answered,
        distrusted=[],
    )


def threshold(clients: int) -> int:
    """How many of a group must stay: more than half, so that a server that asks twice cannot get both shares."""
    return clients // 2 + 1


def secrets_folder() -> Path:
    """Where clients keep what nobody else sees."""
    folder = Path(os.environ.get(KEYS) or Path(tempfile.gettempdir()) / f"forerun-federated-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _round(turn: int) -> str:
    return f"round {turn}"


def _member(client: int, turn: int) -> Member:
    return Member(client, _secret(client), _round(turn))


def _secret(client: int) -> bytes:
    """The client's secret, made when it is first needed. Each client's own device would keep it."""
    file = secrets_folder() / f"client-{client}.key"
    try:
        with open(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as new:  # noqa: PTH123
            new.write(os.urandom(32))
    except FileExistsError:
        pass
    return file.read_bytes()
