"""Callables that work on many calls at once."""

import asyncio
import os
import threading
import time

import ray
from pydantic import BaseModel

BATCH_S = 0.02


class Point(BaseModel):
    x: int
    y: int = 0


async def doubled(number: list[int]) -> list[int]:
    """Takes as long for many numbers as for one."""
    await asyncio.sleep(BATCH_S)
    return [2 * one for one in number]


def doubled_by_blocking(number: list[int]) -> list[int]:
    time.sleep(BATCH_S)  # stands for a GPU
    return [2 * one for one in number]


def of_thread(number: list[int]) -> list[str]:
    return [threading.current_thread().name for _ in number]


class Model:
    """Loads something once."""

    made = 0

    def __init__(self) -> None:
        Model.made += 1

    def __call__(self, point: list[Point], label: list[str]) -> list[dict[str, int | str]]:
        return [
            {"sum": one.x + one.y, "label": name, "made": Model.made} for one, name in zip(point, label, strict=True)
        ]


class Uncallable:
    """Its instances cannot be called."""


class Sized:
    """Nobody gives it the size when it is made."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __call__(self, number: list[int]) -> list[int]:
        return [self._size * one for one in number]


def picky(number: list[int]) -> list[float]:
    """One zero spoils a batch."""
    return [1 / one for one in number]


def reports_failures(number: list[int]) -> list[int]:
    return [ValueError(f"not {one}") if one < 0 else one for one in number]  # type: ignore[misc]


def loses_some(number: list[int]) -> list[int]:
    return number[:-1]


def where(number: list[int]) -> list[dict[str, str | int]]:
    """The process of each call, the size of its batch, and the GPUs that Ray has given it."""
    gpus = ",".join(map(str, ray.get_gpu_ids()))
    return [{"pid": os.getpid(), "batch": len(number), "gpus": gpus} for _ in number]


def not_lists(number: int) -> int:
    return number
