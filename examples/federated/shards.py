"""The data: handwritten digits that ship with scikit-learn, divided unevenly among clients."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from examples.federated.model import CLASSES, Labels, Matrix

_TEST_SHARE = 0.25
_SEED = 7


class ImageSet(NamedTuple):
    """Images (n, 64), each pixel 0..1, and their digits (n,)."""

    images: Matrix
    labels: Labels


@lru_cache(maxsize=1)
def digits() -> tuple[ImageSet, ImageSet]:
    """All training images, and the images for tests, which no client has."""
    found = load_digits()
    images, labels = (found.data / 16).astype(np.float32), found.target.astype(np.int64)
    order = np.random.default_rng(_SEED).permutation(len(labels))
    test = int(len(order) * _TEST_SHARE)
    return ImageSet(images[order[test:]], labels[order[test:]]), ImageSet(images[order[:test]], labels[order[:test]])


@lru_cache(maxsize=8)
def shards(clients: int, alpha: float) -> tuple[ImageSet, ...]:
    """The training images by client.

    Of each digit, the clients' shares are drawn from a Dirichlet distribution (Hsu, Qi and Brown, 2019): the smaller
    ``alpha``, the fewer digits a client has.
    """
    return _divided(digits()[0], clients, alpha)


@lru_cache(maxsize=8)
def own_tests(clients: int, alpha: float) -> tuple[ImageSet, ...]:
    """The images for tests by client, with the same shares of digits as in training."""
    return _divided(digits()[1], clients, alpha)


def _divided(data: ImageSet, clients: int, alpha: float) -> tuple[ImageSet, ...]:
    images, labels = data
    draw = np.random.default_rng(_SEED)
    mine: list[list[int]] = [[] for _ in range(clients)]
    for digit in range(CLASSES):
        having = np.flatnonzero(labels == digit)
        ends = np.cumsum(draw.dirichlet([alpha] * clients))[:-1] * len(having)
        for client, part in enumerate(np.split(having, ends.astype(int))):
            mine[client].extend(part.tolist())
    return tuple(ImageSet(images[rows], labels[rows]) for rows in map(np.array, (part or [0] for part in mine)))
