"""Past plans by request: requests that differ in their values only are the same request, repeated."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Floats
from learner.predictor.example import PlanExample
from learner.predictor.numbered_plan import NumberedPlan
from planners.text.tokens import words

_LIKELY = 2  # plans of the kind, and of the neighbour, that may come again


@dataclass(frozen=True)
class RequestHistory:
    """Plans, oldest first, each with the row of its request and the kind of its task; ``keys`` are the rows' keys."""

    plans: list[NumberedPlan]
    rows: list[int]
    kinds: list[str]
    keys: list[str]

    @classmethod
    def of(cls, examples: Sequence[PlanExample], plans: list[NumberedPlan]) -> "RequestHistory":
        """Rows in the order in which the requests first came."""
        number: dict[str, int] = {}
        rows = [number.setdefault(request_key(example.request), len(number)) for example in examples]
        return cls(plans, rows, [example.kind for example in examples], list(number))

    @cached_property
    def by_row(self) -> list[list[NumberedPlan]]:
        """The plans of each request, oldest first."""
        found: list[list[NumberedPlan]] = [[] for _ in self.keys]
        for plan, row in zip(self.plans, self.rows, strict=True):
            found[row].append(plan)
        return found

    @cached_property
    def by_kind(self) -> dict[str, Counter[NumberedPlan]]:
        """How often each plan was made for tasks of each kind."""
        found: dict[str, Counter[NumberedPlan]] = {}
        for plan, kind in zip(self.plans, self.kinds, strict=True):
            found.setdefault(kind, Counter())[plan] += 1
        return found

    @cached_property
    def _commonest_of_kind(self) -> dict[str, list[NumberedPlan]]:
        """Kept, because looking through all plans for them takes as long as other stages of a guess."""
        return {kind: _commonest(plans) for kind, plans in self.by_kind.items()}

    @cached_property
    def times(self) -> NDArray[np.float64]:
        """How often each request came, (rows,)."""
        return np.bincount(self.rows, minlength=len(self.keys)).astype(np.float64)

    def row_of(self, request: str) -> int | None:
        """The row of a request that came before."""
        return self._row.get(request_key(request))

    def recollection(self, row: int | None, kind: str, similarity: Floats) -> "Recollection":
        """What the past says of a request: its own plans (``row``; None for a new one), and those of others.

        ``similarity``: of the request to every other one, (rows,).
        """
        others = similarity.copy()
        of_kind, repeats = self.by_kind.get(kind, Counter[NumberedPlan]()), list[NumberedPlan]()
        commonest = self._commonest_of_kind.get(kind, [])
        if row is not None:
            others[row], repeats = -1.0, self.by_row[row]
            of_kind = of_kind - Counter(repeats)
            commonest = _commonest(of_kind)
        nearest = int(others.argmax())
        if others[nearest] <= 0:
            return Recollection(repeats, of_kind, commonest)
        return Recollection(repeats, of_kind, commonest, self.by_row[nearest], min(1.0, float(others[nearest])))

    def only_in(self, row: int) -> frozenset[NumberedPlan]:
        """The plans that no other request got."""
        return frozenset(plan for plan in self.by_row[row] if self._requests_with[plan] == 1)

    @cached_property
    def _row(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(self.keys)}

    @cached_property
    def _requests_with(self) -> Counter[NumberedPlan]:
        return Counter(plan for plans in self.by_row for plan in set(plans))


@dataclass(frozen=True)
class Recollection:
    """What earlier tasks got.

    ``repeats``: the plans of the same request, oldest first. ``of_kind``: how often each plan was made for the kind of
    the task; ``commonest``: the likeliest of them. ``neighbour``: the plans of the most similar other request, and its
    ``similarity``, 0..1.
    """

    repeats: Sequence[NumberedPlan] = ()
    of_kind: Counter[NumberedPlan] = field(default_factory=Counter)
    commonest: Sequence[NumberedPlan] = ()
    neighbour: Sequence[NumberedPlan] = ()
    similarity: float = 0.0

    def repeated(self, most: int) -> list[NumberedPlan]:
        """The commonest plans of the request, the older first where two are equally common; and its last one."""
        return list(dict.fromkeys([*(plan for plan, _ in Counter(self.repeats).most_common(most)), *self.repeats[-1:]]))

    def likely(self) -> list[NumberedPlan]:
        """The commonest plans of the kind and of the neighbour."""
        return [*self.commonest, *_commonest(Counter(self.neighbour))]


def _commonest(plans: Counter[NumberedPlan]) -> list[NumberedPlan]:
    return [plan for plan, _ in plans.most_common(_LIKELY)]


def request_key(request: str) -> str:
    """A short digest of the words of a request, whatever its numbers, dates, names and quotes."""
    return blake2b(" ".join(words(request)).encode(), digest_size=8).hexdigest()


def first_requests(examples: Iterable[PlanExample]) -> list[str]:
    """The text of each distinct request, in the order of `RequestHistory.keys`."""
    found: dict[str, str] = {}
    for example in examples:
        found.setdefault(request_key(example.request), example.request)
    return list(found.values())
