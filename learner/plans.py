"""Past plans of authority for the plan predictor, when it is worth training anew, and whether the new one is better."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from learner.predictor import PlanExample, PlanPredictor, ToolText
from learner.predictor.example import edge_names
from planners.agents import AgentSpec, Catalog
from planners.plans import Plan
from planners.similarity import multiset_f1
from planners.speculative.predictor import GuessedPlan

_LEAST_NEW = 20
_GROWTH = 0.1
_UNSEEN_SHARE = 0.1
_MOST_UNSEEN = 100
# Standard errors by which a difference is more than chance.
_ERRORS = 2.0
# Similarity by which a predictor of a new world may fall short on few plans: it is fitted with those as well.
_NOISE = 0.05
# Plans of a changed world after which another alarm is another change; those after which what was before does no harm.
_SETTLED, _USUAL = 250, 1_000


def plan_example(goal: str, plan: Plan) -> PlanExample:
    """What the predictor learns from a goal and the optimal plan it got."""
    index = {planned.id: number for number, planned in enumerate(plan.steps)}
    edges = [
        (index[parent], number)
        for number, planned in enumerate(plan.steps)
        for parent in planned.step.parents
        if parent in index
    ]
    return PlanExample(goal, tuple(planned.step.capability for planned in plan.steps), tuple(edges))


def tool_texts(catalog: Catalog) -> list[ToolText]:
    """The catalog's capabilities as words; where several agents offer one, the first speaks for it."""
    return [_tool_text(capability, agents[0]) for capability, agents in catalog.by_capability.items()]


def _tool_text(capability: str, agent: AgentSpec) -> ToolText:
    def names(schema: dict[str, object] | None) -> tuple[str, ...]:
        properties = (schema or {}).get("properties")
        return tuple(properties) if isinstance(properties, dict) else ()

    return ToolText(capability, agent.description, names(agent.input_schema), names(agent.output_schema))


class PlanHistory:
    """The newest examples, and how many of them the predictor has not learned from yet."""

    def __init__(self, size: int = 2_500) -> None:
        self._examples: deque[PlanExample] = deque(maxlen=size)
        self._new = 0
        self._recent: int | None = None

    def __len__(self) -> int:
        return len(self._examples)

    def add(self, examples: Iterable[PlanExample]) -> None:
        """Remember plans, oldest first."""
        for example in examples:
            self._examples.append(example)
            self._new += 1
            if self._recent is not None:
                self._recent += 1

    def changed(self, back: int = 0) -> None:
        """The world changed ``back`` plans ago: those since may be worth more alone than with all before them.

        While few are known of the new world, another alarm is no other world yet.
        """
        if self._recent is None or self._recent >= _SETTLED:
            self._recent = back

    def settled(self) -> None:
        """It was no other world after all."""
        self._recent = None

    @property
    def recent(self) -> int | None:
        """Plans since the world changed; None: it has not, or so long ago that it no longer matters."""
        most = min(_USUAL, len(self._examples))
        return self._recent if self._recent is not None and self._recent < most else None

    def due(self, *, drifting: bool = False) -> bool:
        """Whether a tenth more has come in, and at least 20: the cost of all refits together stays in proportion.

        A tenth of those since the world changed, where it has. While guesses fail, 20 are enough: what is new is then
        worth more than what a refit costs.
        """
        matter = len(self._examples) if self.recent is None else self.recent
        return self._new >= (_LEAST_NEW if drifting else max(_LEAST_NEW, _GROWTH * matter))

    def begin_training(self) -> list[PlanExample]:
        """The examples to train on, which from now on count as learned."""
        self._new = 0
        return list(self._examples)


@dataclass(frozen=True, slots=True)
class TrainedPredictor:
    """A challenger and its similarity on examples that neither it nor the champion has seen, with the champion's.

    ``margin``: similarity that it may fall short by. ``settled``: plans since an alarm turned out to tell less alone
    than what was known before it.
    """

    predictor: PlanPredictor
    similarity: float
    champion_similarity: float
    margin: float = 0.0
    settled: bool = False

    @property
    def better(self) -> bool:
        """No worse is good enough: it knows what is newer."""
        return self.similarity >= self.champion_similarity - self.margin


def train_predictor(
    examples: Sequence[PlanExample],
    catalog: Sequence[ToolText],
    champion: PlanPredictor,
    seed: int = 0,
    *,
    recent: int | None = None,
) -> TrainedPredictor:
    """Fit on all but the newest tenth, judge on that.

    Where the world has changed, one that knows only the ``recent`` plans is tried first: what other worlds held is
    then a burden. Where it is worse than the champion by more than two standard errors, that was no other world.
    """
    if recent is not None and recent >= _LEAST_NEW:
        trained = _of_new_world(examples[-recent:], catalog, champion, seed)
        if not trained.settled:
            return trained
    unseen = min(_MOST_UNSEEN, max(1, int(_UNSEEN_SHARE * len(examples))))
    challenger = PlanPredictor.fit(examples[:-unseen], catalog, seed=seed)
    judges = examples[-unseen:]
    return TrainedPredictor(
        challenger,
        mean_similarity(challenger, judges),
        mean_similarity(champion, judges),
        settled=recent is not None and recent >= _LEAST_NEW,
    )


def _of_new_world(
    examples: Sequence[PlanExample], catalog: Sequence[ToolText], champion: PlanPredictor, seed: int
) -> TrainedPredictor:
    """Judged on the newest, which the champion has not learned from either; then fitted with them as well."""
    unseen = min(_LEAST_NEW, len(examples) // 2)
    rival = PlanPredictor.fit(examples[:-unseen], catalog, seed=seed)
    own, other = (
        np.array([guess_similarity(predictor, example) for example in examples[-unseen:]])
        for predictor in (rival, champion)
    )
    sure = max(_NOISE, _ERRORS * float((own - other).std() / unseen**0.5))
    settled = bool(other.mean() - own.mean() > sure)
    whole = PlanPredictor.fit(examples, catalog, seed=seed)
    return TrainedPredictor(whole, float(own.mean()), float(other.mean()), _NOISE, settled)


def mean_similarity(predictor: PlanPredictor, examples: Sequence[PlanExample]) -> float:
    """Mean over examples of plan similarity; no guess counts as 0."""
    return float(np.mean([guess_similarity(predictor, example) for example in examples])) if examples else 0.0


def guess_similarity(predictor: PlanPredictor, example: PlanExample) -> float:
    """(step F1 + edge F1) / 2 of the best guess."""
    guesses = predictor.predict(example.request)
    if not guesses or not guesses[0].steps:
        return 0.0
    guess = guesses[0]
    edges = edge_names(guess.steps, guess.edges), edge_names(example.steps, example.edges)
    return (multiset_f1(guess.steps, example.steps) + multiset_f1(*edges)) / 2


class LearnedPlans:
    """A trained predictor as the speculative planner asks for it (`planners.speculative.predictor.PlanPredictor`)."""

    def __init__(self, predictor: PlanPredictor) -> None:
        self._predictor = predictor

    def predict(self, request_text: str, k: int) -> list[GuessedPlan]:
        """At most ``k`` guesses, the likeliest first."""
        return [
            GuessedPlan(
                steps=guess.steps,
                edges=guess.edges,
                step_probability=guess.step_probability,
                edge_probability=guess.edge_probability,
                probability=guess.probability,
                work_probability=guess.work_probability,
            )
            for guess in self._predictor.predict(request_text, k=k)
        ]
