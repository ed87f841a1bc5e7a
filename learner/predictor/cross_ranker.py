"""The ranker of all requests, and for each request one that has not seen it, so that its calibration is honest.

A request that comes again is judged as in training, by the ranker that has not seen it. Training asks `fit_ranker`:
another kind of ranker fulfils `Ranker` and is chosen here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Floats
from learner.predictor.errors import CorruptPredictor
from learner.predictor.features import CandidateFeatures
from learner.predictor.ranker import JudgedCandidates, ListRanker, PointwiseRanker, Ranker

if TYPE_CHECKING:
    import lightgbm as lgb

FOLDS = 3
_LEAST_REQUESTS = 30  # below, a ranker learns noise


class CrossRanker(NamedTuple):
    """``ranker``: of all requests; None after few. ``fold``: of each request, (requests,)."""

    ranker: Ranker | None
    of_folds: Sequence[Ranker]
    fold: NDArray[np.int_]

    def probabilities(self, candidates: CandidateFeatures, request: int | None = None) -> Floats:
        """Probability of each candidate to be the true plan, (candidates,).

        ``request``: one of those learned from, None for a new one.
        """
        if self.ranker is None:
            return unranked(candidates)
        if request is None or request >= len(self.fold):
            return self.ranker.probabilities(candidates)
        return self.of_folds[int(self.fold[request])].probabilities(candidates)

    def stored(self) -> Any:
        """The part that is stored as JSON."""
        if isinstance(self.ranker, ListRanker):
            texts = [booster.model_to_string() for booster in self.ranker.boosters]
            return {"boosters": texts, "fold": self.fold.tolist()}
        return self.ranker.booster.model_to_string() if isinstance(self.ranker, PointwiseRanker) else None

    @classmethod
    def from_stored(cls, stored: Any) -> "CrossRanker":
        """Inverse of `stored`. Predictors of format 6 and before stored one booster.

        Raises:
            CorruptPredictor: LightGBM cannot read it.
        """
        import lightgbm as lgb  # noqa: PLC0415 -- it takes a second, and only stored rankers need it

        try:
            if stored is None:
                return _joined([], np.zeros(0, dtype=int))
            if isinstance(stored, str):
                pointwise = PointwiseRanker(lgb.Booster(model_str=stored))
                return cls(pointwise, (), np.zeros(0, dtype=int))
            boosters = [lgb.Booster(model_str=text) for text in stored["boosters"]]
        except lgb.basic.LightGBMError as error:
            raise CorruptPredictor(f"ranker: {error}") from error
        fold = np.array(stored["fold"], dtype=int)
        if not boosters or (len(fold) and not 0 <= fold.min() <= fold.max() < len(boosters) - 1):
            raise CorruptPredictor("ranker: a request is in a fold that has none")
        return _joined(boosters, fold)


def fit_ranker(judged: Sequence[JudgedCandidates], seed: int) -> CrossRanker:
    """The ranker and those of the folds, from one or several lists of candidates for each request."""
    requests = 1 + max((one.request for one in judged), default=-1)
    fold = np.random.default_rng(seed).permutation(requests) % FOLDS
    hits = sum(int(one.truth.any()) for one in judged)
    if requests < _LEAST_REQUESTS or hits < FOLDS or all(bool(one.truth.all()) for one in judged):
        return _joined([], fold)
    of_folds = [
        ListRanker.fit([one for one in judged if fold[one.request] != held_out], requests, seed + held_out)
        for held_out in range(FOLDS)
    ]
    rankers = [ListRanker.fit(judged, requests, seed), *of_folds]
    return _joined([booster for ranker in rankers for booster in ranker.boosters], fold)


def _joined(boosters: Sequence["lgb.Booster"], fold: NDArray[np.int_]) -> CrossRanker:
    """Of a booster of all requests, then those of the folds. Their mean varies less than one alone."""
    if not boosters:
        return CrossRanker(None, (), fold)
    ranker = ListRanker(boosters)
    return CrossRanker(ranker, [ranker.only(number) for number in range(1, len(boosters))], fold)


def unranked(candidates: CandidateFeatures) -> Floats:
    """Probabilities without a ranker: the regression's scores of whole plans, with a floor for the others."""
    whole = np.maximum(candidates.whole, 0) + 1e-3
    return np.asarray(whole / max(1.0, float(whole.sum())), dtype=np.float32)
