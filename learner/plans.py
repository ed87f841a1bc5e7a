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
        """The world changed ``back`` plans ago: those since may be worth more alone than with all before them."""
        self._recent = back

    @property
    def recent(self) -> int | None:
        """Plans since the world changed; None: it has not, or all that is remembered is newer."""
        return self._recent if self._recent is not None and self._recent < len(self._examples) else None

    def due(self, *, drifting: bool = False) -> bool:
        """Whether a tenth more has come in, and at least 20: the cost of all refits together stays in proportion.

        While guesses fail, 20 are enough: what is new is then worth more than what a refit costs.
        """
        return self._new >= (_LEAST_NEW if drifting else max(_LEAST_NEW, _GROWTH * len(self._examples)))

    def begin_training(self) -> list[PlanExample]:
        """The examples to train on, which from now on count as learned."""
        self._new = 0
        return list(self._examples)


@dataclass(frozen=True, slots=True)
class TrainedPredictor:
    """A challenger and its similarity on examples that neither it nor the champion has seen, with the champion's."""

    predictor: PlanPredictor
    similarity: float
    champion_similarity: float

    @property
    def better(self) -> bool:
        """No worse is good enough: it knows what is newer."""
        return self.similarity >= self.champion_similarity


def train_predictor(
    examples: Sequence[PlanExample],
    catalog: Sequence[ToolText],
    champion: PlanPredictor,
    seed: int = 0,
    *,
    recent: int | None = None,
) -> TrainedPredictor:
    """Fit on all but the newest tenth, judge on that.

    Where the world has changed, one that knows only the ``recent`` plans competes with the one that knows all: which
    of them is better depends on how much of the old world the new one shares, so the newest plans decide.
    """
    unseen = min(_MOST_UNSEEN, max(1, int(_UNSEEN_SHARE * (recent or len(examples)))), len(examples))
    known, judges = examples[:-unseen], examples[-unseen:]
    challengers = [PlanPredictor.fit(known, catalog, seed=seed)]
    if recent is not None and recent - unseen >= _LEAST_NEW:
        challengers.append(PlanPredictor.fit(known[-(recent - unseen) :], catalog, seed=seed))
    similarities = [mean_similarity(challenger, judges) for challenger in challengers]
    best = max(range(len(challengers)), key=similarities.__getitem__)
    return TrainedPredictor(challengers[best], similarities[best], mean_similarity(champion, judges))


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
            )
            for guess in self._predictor.predict(request_text, k=k)
        ]
