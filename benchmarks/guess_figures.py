"""Figures of a trained predictor's guesses: of the whole plan, and of the rest given its first steps."""

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.guessers import rest_similarity
from learner.predictor import PlanExample, TrainedPlanPredictor
from learner.predictor.calibration import chance_calibration_error, expected_calibration_error
from learner.predictor.example import edge_names
from planners.similarity import multiset_f1
from planners.speculative.continuation import CONSIDERED, WorkSurvival, guessed_works
from planners.speculative.predictor import ConfirmedSteps, GuessedPlan

KNOWN: tuple[int | str, ...] = (0, 1, 2, "half")
Score = tuple[float, float, float]


class GuessFigures:
    """Collects guesses; `whole` and `rest` are means over all collected."""

    def __init__(self) -> None:
        self._scores: list[Score] = []
        self._asked: set[str] = set()
        self._step_probability: list[float] = []
        self._step_hits: list[bool] = []
        self._guess_ms: list[float] = []
        self._rest: dict[str, list[float]] = {}
        self._unrevised: dict[str, list[float]] = {}
        self._continue_ms: list[float] = []
        self._given_up: list[bool] = []  # per work that was given up, whether rightly

    def collect(self, predictor: TrainedPlanPredictor, truth: Sequence[PlanExample]) -> None:
        """Guess each request, and continue the guess after the first steps of its true plan."""
        for example in truth:
            started_s = time.thread_time()
            guesses = predictor.predict(example.request, kind=example.kind)
            if example.request not in self._asked:  # what was found out about a request is kept for a while
                self._guess_ms.append((time.thread_time() - started_s) * 1e3)
                self._asked.add(example.request)
            self._scores.append(_score(guesses, example))
            for guess in guesses[:1]:
                self._step_probability += guess.step_probability
                self._step_hits += survivals(guess.steps, example.steps)
            if predictor.fitted is not None:
                self._continue(predictor, example, guesses)

    @property
    def similarities(self) -> NDArray[np.float64]:
        """One per guess."""
        return np.array([(step + edge) / 2 for step, edge, _ in self._scores])

    def over(self, other: "GuessFigures") -> dict[str, float]:
        """By how much guesses are more similar than others at the same requests: the mean, and its standard error."""
        gains = self.similarities - other.similarities
        tests = max(1, len(gains))
        mean = float(gains.sum()) / tests
        return {"over_cold": mean, "over_cold_error": float(np.sqrt(np.square(gains - mean).sum())) / tests}

    def whole(self) -> dict[str, float]:
        """Of the whole plan; milliseconds are of CPU time."""
        step_f1, edge_f1, exact = np.mean(self._scores, axis=0).tolist() if self._scores else (0.0, 0.0, 0.0)
        hits, claimed = np.array(self._step_hits, dtype=float), np.array(self._step_probability)
        return {
            "step_f1": step_f1,
            "edge_f1": edge_f1,
            "similarity": (step_f1 + edge_f1) / 2,
            "exact": exact,
            "ece": expected_calibration_error(claimed, hits),
            "ece_by_chance": chance_calibration_error(claimed),
            "predict_ms_p50": _quantile(self._guess_ms, 50),
            "predict_ms_p95": _quantile(self._guess_ms, 95),
        }

    def rest(self) -> dict[str, dict[str, float]]:
        """Similarity of what follows the first steps, by their number: continued, and of the guess before them.

        ``all``: time of one continuation, and how many works of first guesses were given up, which share rightly.
        """
        overall = {
            "continue_ms_p50": _quantile(self._continue_ms, 50),
            "given_up": len(self._given_up),
            "given_up_rightly": float(np.mean(self._given_up)) if self._given_up else 1.0,
        }
        return {
            known: {
                "tasks": len(found),
                "similarity": float(np.mean(found)),
                "unrevised": float(np.mean(self._unrevised[known])),
            }
            for known, found in self._rest.items()
        } | ({"all": overall} if self._continue_ms else {})

    def _continue(self, predictor: TrainedPlanPredictor, truth: PlanExample, guesses: Sequence[GuessedPlan]) -> None:
        before = _example(guesses[0]) if guesses else PlanExample("", (), ())
        unlikely = dict[str, None]()
        for known in KNOWN:
            steps = (len(truth.steps) + 1) // 2 if isinstance(known, str) else known
            if steps > len(truth.steps):
                continue
            after = before
            if steps:
                edges = tuple(edge for edge in truth.edges if max(edge) < steps)
                started_s = time.thread_time()
                found = predictor.continuations(
                    truth.request, ConfirmedSteps(truth.steps[:steps], edges), CONSIDERED, truth.kind
                )
                self._continue_ms.append((time.thread_time() - started_s) * 1e3)
                after = _example(found[0]) if found else before
                unlikely |= dict.fromkeys(_unlikely(guesses[:1], found))
            self._rest.setdefault(str(known), []).append(rest_similarity(after, truth, steps))
            self._unrevised.setdefault(str(known), []).append(rest_similarity(before, truth, steps))
        held = guessed_works(GuessedPlan(steps=truth.steps, edges=truth.edges))
        self._given_up += [work not in held for work in unlikely]


def survivals(steps: Sequence[str], truth: Sequence[str]) -> list[bool]:
    """Per guessed step, whether the true plan has an unmatched step of that name."""
    left = Counter(truth)
    out = []
    for step in steps:
        out.append(left[step] > 0)
        left[step] -= 1
    return out


def _unlikely(before: Sequence[GuessedPlan], after: Sequence[GuessedPlan]) -> list[str]:
    """The works that guesses made with more known steps make unlikely, as the speculative planner would find."""
    if not after:
        return []
    survival, kept = WorkSurvival(after), guessed_works(after[0])
    return [
        work for guess in before for work in guessed_works(guess) if work not in kept and survival.is_unlikely(work)
    ]


def _score(guesses: Sequence[GuessedPlan], truth: PlanExample) -> Score:
    """Step F1, edge F1 and exactness of the first guess; no guess scores zero even if the true plan has no edges."""
    if not guesses:
        return 0.0, 0.0, 0.0
    edges = edge_names(guesses[0].steps, guesses[0].edges)
    true_edges = edge_names(truth.steps, truth.edges)
    exact = Counter(guesses[0].steps) == Counter(truth.steps) and Counter(edges) == Counter(true_edges)
    return multiset_f1(guesses[0].steps, truth.steps), multiset_f1(edges, true_edges), float(exact)


def _example(guess: GuessedPlan) -> PlanExample:
    return PlanExample("", guess.steps, guess.edges)


def _quantile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if values else 0.0
