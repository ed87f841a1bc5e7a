"""Past plans: when to train the plan predictor again, and on which of them (`change_points`)."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from learner.models.change_points import MIN_NEW_PLANS, KindHistory
from learner.predictor import PlanExample

_GROWTH = 0.1
# Larger plans and longer requests are not learned from: seconds and memory of fitting, and seconds of every guess, grow
# with their length.
_MAX_STEPS = 40
_MAX_REQUEST_CHARS = 20_000
_MAX_TOTAL_STEPS = 20_000


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The input of one training.

    ``examples``: the plans, oldest first; of kinds whose plans have changed, only those since then.
    ``since_suspected_change``: how many of the newest plans of ``kind`` may belong to another workload; None without a
    suspected change. ``differences``: by how much a predictor without the older ones guessed unseen plans of the kind
    better, in the trainings so far.
    """

    examples: Sequence[PlanExample]
    since_suspected_change: int | None = None
    differences: tuple[float, ...] = ()
    kind: str = ""


class PlanHistory:
    """The newest examples, how many of them are new to the predictor, and the change points among them."""

    def __init__(self, size: int = 2_500) -> None:
        self._size = size
        self._examples: deque[PlanExample] = deque()
        self._total_steps = 0
        self._kinds: dict[str, KindHistory] = {}

    def __len__(self) -> int:
        return len(self._examples)

    def add(self, examples: Iterable[PlanExample]) -> None:
        """Add plans, oldest first. Plans that are empty or too large to learn from are left out."""
        for example in filter(_is_usable, examples):
            self._append(example)

    def suspect_change(self, kind: str = "", plans_ago: int = 0) -> None:
        """Tasks of a kind may get other plans than ``plans_ago`` plans of the kind ago."""
        if kind in self._kinds:
            self._kinds[kind].suspect_change(plans_ago)

    def record_evaluation(
        self, champion: Mapping[str, Sequence[float]], kind: str = "", differences: Iterable[float] = ()
    ) -> None:
        """Add the result of one training: the champion's similarities on unseen plans by kind, and the paired
        differences of the kind whose plans may have changed.
        """
        for name, similarities in champion.items():
            if name in self._kinds:
                self._kinds[name].record_champion(similarities)
        if kind in self._kinds:
            self._kinds[kind].record_differences(differences)

    def since_suspected_change(self, kind: str = "") -> int | None:
        """Plans of a kind since the suspected change; None if no change is suspected."""
        return self._kinds[kind].since_suspected_change if kind in self._kinds else None

    def due(self, drifting: Collection[str] = ()) -> bool:
        """Whether to train: after a tenth more plans, at least 20, so that the total cost grows in proportion to them.

        Where guesses at a kind fail, 20 plans of the kind are enough.

        Args:
            drifting: the kinds at whose tasks guesses fail.
        """
        kinds = self._kinds.values()
        if sum(kind.new for kind in kinds) >= max(MIN_NEW_PLANS, _GROWTH * sum(kind.used for kind in kinds)):
            return True
        return any(kind.due(drifting=name in drifting) for name, kind in self._kinds.items())

    def begin_training(self) -> TrainingSet:
        """The next training set. All examples now count as learned."""
        examples = list(self._used())[::-1]
        suspects = [(kind.new, name) for name, kind in self._kinds.items() if kind.since_suspected_change is not None]
        for kind in self._kinds.values():
            kind.new = 0
        if not suspects:
            return TrainingSet(examples)
        name = max(suspects)[1]
        suspect = self._kinds[name]
        return TrainingSet(examples, suspect.since_suspected_change, tuple(suspect.differences), name)

    def _used(self) -> Iterator[PlanExample]:
        """The examples to train on, newest first."""
        left = {name: kind.used for name, kind in self._kinds.items()}
        for example in reversed(self._examples):
            if left[example.kind] > 0:
                left[example.kind] -= 1
                yield example

    def _append(self, example: PlanExample) -> None:
        self._examples.append(example)
        self._total_steps += len(example.steps)
        self._kinds.setdefault(example.kind, KindHistory()).add()
        while len(self._examples) > self._size or self._total_steps > _MAX_TOTAL_STEPS:
            dropped = self._examples.popleft()
            self._total_steps -= len(dropped.steps)
            self._kinds[dropped.kind].plans -= 1
            if not self._kinds[dropped.kind].plans:
                del self._kinds[dropped.kind]


def _is_usable(example: PlanExample) -> bool:
    return 0 < len(example.steps) <= _MAX_STEPS and len(example.request) <= _MAX_REQUEST_CHARS
