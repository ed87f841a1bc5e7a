"""The model that is trained: a network with one hidden layer, whose parameters are one flat vector."""

import base64

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]
Labels = NDArray[np.int64]

PIXELS, HIDDEN, CLASSES = 64, 32, 10
_SHAPES = ((PIXELS, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,))
SIZE = sum(int(np.prod(shape)) for shape in _SHAPES)
# The last layer begins here.
HEAD = SIZE - HIDDEN * CLASSES - CLASSES
_BATCH = 16


def initial(seed: int) -> Vector:
    """Parameters to begin with, shape (SIZE,)."""
    draw = np.random.default_rng(seed)
    parts = [draw.normal(0, np.sqrt(2 / shape[0]), shape) if len(shape) > 1 else np.zeros(shape) for shape in _SHAPES]
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)


def trained(start: Vector, data: tuple[Matrix, Labels], epochs: float, rate: float, seed: int) -> Vector:
    """Parameters after stochastic gradient descent on images (n, PIXELS) and labels (n,).

    ``epochs`` may be a fraction: at least one batch is used.
    """
    images, labels = data
    vector = start.copy()
    draw = np.random.default_rng(seed)
    firsts = range(0, len(labels), _BATCH)
    left = max(1, round(epochs * len(firsts)))
    while left > 0:
        order = draw.permutation(len(labels))
        for first in firsts[:left]:
            batch = order[first : first + _BATCH]
            vector -= rate * _gradient(vector, images[batch], labels[batch])
        left -= len(firsts)
    return vector


def accuracy(vector: Vector, images: Matrix, labels: Labels) -> float:
    """The share of images that are classified right."""
    return correct(vector, images, labels) / len(labels)


def correct(vector: Vector, images: Matrix, labels: Labels) -> int:
    """How many images are classified right."""
    _, scores = _forward(vector, images)
    return int(np.sum(np.argmax(scores, axis=1) == labels))


def packed(vector: Vector) -> str:
    """A vector as text, for JSON."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def unpacked(text: str) -> Vector:
    """The vector of a text."""
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)


def _parts(vector: Vector) -> list[Vector]:
    parts, first = [], 0
    for shape in _SHAPES:
        size = int(np.prod(shape))
        parts.append(vector[first : first + size].reshape(shape))
        first += size
    return parts


def _forward(vector: Vector, images: Matrix) -> tuple[Matrix, Matrix]:
    into, bias, out, last = _parts(vector)
    hidden = np.maximum(images @ into + bias, 0)
    return hidden, hidden @ out + last


def _gradient(vector: Vector, images: Matrix, labels: Labels) -> Vector:
    out = _parts(vector)[2]
    hidden, scores = _forward(vector, images)
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    chances[np.arange(len(labels)), labels] -= 1
    error = chances / len(labels)
    back = (error @ out.T) * (hidden > 0)
    parts = (images.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0))
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)
