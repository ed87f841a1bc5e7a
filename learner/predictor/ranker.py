"""The probability of each candidate to be the true plan, by LightGBM.

Candidates of a list compete: the loss is that of choosing among them (ListNet, Cao et al., 2007).
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Floats
from learner.predictor.features import CandidateFeatures
from learner.predictor.quick_scorer import QuickScorer

if TYPE_CHECKING:
    import lightgbm as lgb

Objective = Callable[[NDArray[np.float64], "lgb.Dataset"], tuple[NDArray[np.float64], NDArray[np.float64]]]

_MOST_CERTAIN = 30.0  # log odds beyond which nothing changes
_LEAST_CURVATURE = 1e-6
_PARAMETERS = {
    "learning_rate": 0.1,
    "num_leaves": 15,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbose": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
}


class Ranker(Protocol):
    """Turns the features of candidates into probabilities. Immutable, so any thread may ask."""

    def probabilities(self, candidates: CandidateFeatures) -> Floats:
        """Probability of each candidate to be the true plan, (candidates,)."""
        ...


class ListRanker:
    """Gradient-boosted trees whose scores compete within a list of candidates: the mean of several softmaxes.

    That the true plan is none of them is one more candidate, of score 0.
    """

    def __init__(self, boosters: Sequence["lgb.Booster"], scorer: QuickScorer | None = None) -> None:
        """``scorer``: of the boosters; None if it is yet to be made, which takes 20 ms."""
        self.boosters = tuple(boosters)
        if scorer is not None:
            self._scorer = scorer

    @cached_property
    def _scorer(self) -> QuickScorer | None:
        return QuickScorer.of(self.boosters)

    def __getstate__(self) -> dict[str, Any]:
        """With the tables of the trees: the first guess where it arrives does not wait until they are read again.

        Boosters travel as text, so that a process that only guesses does without LightGBM, which takes a second to
        import.
        """
        return {"texts": [booster.model_to_string() for booster in self.boosters], "_scorer": self._scorer}

    @cached_property
    def boosters(self) -> tuple["lgb.Booster", ...]:
        """The boosters, read from their texts where they have travelled."""
        import lightgbm as lgb  # noqa: PLC0415 -- see `__getstate__`

        return tuple(lgb.Booster(model_str=text) for text in self.__dict__["texts"])

    @classmethod
    def fit(cls, lists: Sequence["JudgedCandidates"], requests: int, seed: int) -> "ListRanker":
        """One booster, from lists of candidates for so many requests."""
        import lightgbm as lgb  # noqa: PLC0415 -- it takes a second, and only training needs it

        features = np.concatenate([one.considered.features for one in lists])
        truth = [one.truth / max(1.0, float(one.truth.sum())) for one in lists]
        objective = softmax_objective(np.concatenate(truth), [len(one) for one in truth])
        leaf = int(np.clip(len(features) // 250, 10, 200))
        parameters = _PARAMETERS | {"objective": objective, "seed": seed, "min_data_in_leaf": leaf}
        trained = lgb.train(parameters, lgb.Dataset(features), int(np.clip(requests // 4, 60, 120)))
        return cls([lgb.Booster(model_str=trained.model_to_string())])  # without the objective, which does not pickle

    def only(self, number: int) -> "ListRanker":
        """The ranker of one of the boosters."""
        return ListRanker([self.boosters[number]], None if self._scorer is None else self._scorer.only(number))

    def probabilities(self, candidates: CandidateFeatures) -> Floats:
        """Probability of each candidate to be the true plan, (candidates,)."""
        if self._scorer is not None:
            scores = self._scorer.scores(candidates.features)
        else:
            scores = np.stack([booster.predict(candidates.features, num_threads=1) for booster in self.boosters])
        odds = np.exp(scores.clip(-_MOST_CERTAIN, _MOST_CERTAIN))
        return np.asarray((odds / (1 + odds.sum(axis=1, keepdims=True))).mean(axis=0), dtype=np.float32)


class PointwiseRanker:
    """Trees that judge each candidate by itself: what predictors of format 6 and before have."""

    def __init__(self, booster: "lgb.Booster") -> None:
        self.booster = booster

    def probabilities(self, candidates: CandidateFeatures) -> Floats:
        """Probability of each candidate to be the true plan, (candidates,)."""
        known = candidates.features[:, : self.booster.num_feature()]  # of its release; later ones come behind them
        return np.asarray(self.booster.predict(known, num_threads=1), dtype=np.float32)


class JudgedCandidates(NamedTuple):
    """Candidates for one of the requests, and how far each is the true plan, 0..1, (candidates,)."""

    request: int
    considered: CandidateFeatures
    truth: Floats


def softmax_objective(truth: Floats, sizes: Sequence[int]) -> Objective:
    """Gradients of the cross-entropy of a softmax over each list of candidates, for LightGBM.

    ``truth``: probabilities of the candidates of all lists, which add up to at most 1 in each. ``sizes``: of the lists.
    """
    starts = np.cumsum(sizes) - np.array(sizes)
    of_list = np.repeat(np.arange(len(sizes)), sizes)

    def gradients(scores: NDArray[np.float64], _: "lgb.Dataset") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        odds = np.exp(scores.clip(-_MOST_CERTAIN, _MOST_CERTAIN))
        probability = odds / (1 + np.add.reduceat(odds, starts))[of_list]
        return probability - truth, np.maximum(probability * (1 - probability), _LEAST_CURVATURE)

    return gradients
