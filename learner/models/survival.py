"""What becomes of a guess: smoothed rates from the first outcome on, boosted and calibrated probabilities later."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from learner.models.trees import Trees
from learner.online.calibration import isotonic
from reconciler.gate import Calibration

Floats = NDArray[np.float64]
PRIOR = 0.7
FEATURES = ("claimed", "kind_rate", "agent_rate", "pair_rate", "log_expected_s", "parents")
_FOLDS = 4
_LEAST_ROWS = 300
_MOST_ROWS = 20_000
_UNSEEN_SHARE = 0.2
_LEAST_GAIN = 0.01
_PARAMS = {
    "objective": "binary", "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 30, "verbosity": -1,
    "num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": 0,
    "monotone_constraints": [1, 1, 1, 1, 0, 0],
}  # fmt: skip
_TREES = 60


class VerdictChances(NamedTuple):
    """P of each verdict of a guess; they add up to 1."""

    commit: float
    salvage: float
    flush: float

    @property
    def survives(self) -> float:
        """Commit or salvage."""
        return self.commit + self.salvage


class Rate(NamedTuple):
    """Survivals among guesses, older ones fading: a Beta posterior's mean with what it says without any as prior."""

    guesses: float = 0.0
    survived: float = 0.0
    salvaged: float = 0.0

    def after(self, *, survived: bool, salvaged: bool, memory: float) -> "Rate":
        """One more guess; what is older counts ``memory`` times as much as before."""
        return Rate(
            memory * self.guesses + 1,
            memory * self.survived + survived,
            memory * self.salvaged + (survived and salvaged),
        )

    def mean(self, prior: float, weight: float = 5.0) -> float:
        """(survived + weight*prior) / (count + weight)."""
        return (self.survived + weight * prior) / (self.guesses + weight)

    @property
    def salvage_share(self) -> float:
        """Salvages among survivals."""
        return self.salvaged / self.survived if self.survived > 0 else 0.0


class Rates:
    """Fading rates by kind of task, by agent, and by both. A pair leans on its kind and agent, those on everything.

    Constant work an outcome; as many entries as there are kinds and agents in use, and never more than ``most``.
    """

    def __init__(self, memory: float = 0.99, most: int = 20_000) -> None:
        self._memory = memory
        self._most = most
        self._of: dict[Hashable, Rate] = {}

    def add(self, kind: str, agent: str, *, survived: bool, salvaged: bool = False) -> None:
        """Take in the verdict of a guess."""
        for key in (None, ("kind", kind), ("agent", agent), (kind, agent, "pair")):
            rate = self._of.pop(key, Rate())  # put back at the end: the first entry is the one longest unused
            self._of[key] = rate.after(survived=survived, salvaged=salvaged, memory=self._memory)
        while len(self._of) > self._most:
            del self._of[next(iter(self._of))]

    def features(self, kind: str, agent: str) -> tuple[float, float, float]:
        """Rates of the kind, of the agent, of the pair."""
        overall = self._get(None).mean(PRIOR, 2.0)
        of_kind = self._get(("kind", kind)).mean(overall)
        of_agent = self._get(("agent", agent)).mean(overall)
        return of_kind, of_agent, self._get((kind, agent, "pair")).mean((of_kind + of_agent) / 2)

    def agents(self) -> dict[str, float]:
        """Agent -> survival rate, of every agent that was guessed."""
        return {
            str(key[1]): self.features("", str(key[1]))[1]
            for key in self._of
            if isinstance(key, tuple) and len(key) == 2 and key[0] == "agent"
        }

    def salvage_share(self, agent: str) -> float:
        """Salvages among the survivals of an agent's guesses."""
        return self._get(("agent", agent)).salvage_share

    def copy(self) -> "Rates":
        """A copy that later outcomes do not change."""
        other = Rates(self._memory, self._most)
        other._of = dict(self._of)
        return other

    def _get(self, key: Hashable) -> Rate:
        return self._of.get(key, Rate())


@dataclass(frozen=True, slots=True)
class SurvivalModel:
    """Boosted trees over FEATURES, then an isotonic map learned on predictions for outcomes not trained on."""

    trees: Trees
    calibration: Calibration

    def probability(self, row: Sequence[float]) -> float:
        """P of commit or salvage."""
        return self.calibration.of(_logistic(self.trees.score(row)))


class FittedSurvival(NamedTuple):
    """A model, its booster as text, and Brier scores on the newest outcomes.

    ``brier`` is its own, ``used_brier`` that of the P that was used, ``claims_brier`` that of the planner's own
    claims after an isotonic map of the outcomes before: what the gate would work with without any model.
    """

    model: SurvivalModel
    text: str
    brier: float
    used_brier: float
    claims_brier: float

    @property
    def better(self) -> bool:
        """Whether it beats, by enough to matter, calibrated claims and what the gate worked with at the time."""
        return self.brier < (1 - _LEAST_GAIN) * min(self.used_brier, self.claims_brier)

    @property
    def claims_suffice(self) -> bool:
        """Whether calibrated claims beat both this model and what was used: then a model in use is dropped.

        Brier's score is proper (Gneiting and Raftery 2007), so who is better by it knows better, claims included.
        """
        return self.claims_brier < (1 - _LEAST_GAIN) * self.used_brier and self.claims_brier <= self.brier


def feature_row(claimed: float, rates: tuple[float, float, float], expected_s: float, parents: float) -> list[float]:
    """One row in the order of FEATURES."""
    return [claimed, *rates, math.log1p(max(0.0, expected_s)), parents]


def fit_survival(
    x: Floats, survived: NDArray[np.bool_], groups: Sequence[Hashable], used: Floats
) -> FittedSurvival | None:
    """Learn P of survival; None with too few outcomes or of one class only.

    Args:
        x: rows in the order of FEATURES, oldest first, rates as they were before the outcome.
        survived: whether each guess was committed or salvaged.
        groups: the task of each; guesses of one task share their fate, so they are never split between folds.
        used: the P the gate worked with; the champion's own answers, given before anyone knew.
    """
    x, y, used = x[-_MOST_ROWS:], survived[-_MOST_ROWS:].astype(float), used[-_MOST_ROWS:]
    of_group = np.unique([str(group) for group in groups[-_MOST_ROWS:]], return_inverse=True)[1]
    cut = _cut_between_groups(of_group)
    if len(y) < _LEAST_ROWS or len(np.unique(y[:cut])) < 2 or len(np.unique(of_group[:cut])) < _FOLDS:
        return None
    unfolded = np.empty(cut)
    for train, test in GroupKFold(_FOLDS).split(x[:cut], y[:cut], of_group[:cut]):
        unfolded[test] = _predicted(_boosted(x[train], y[train]), x[test])
    calibration = isotonic(unfolded, y[:cut])
    booster = _boosted(x[:cut], y[:cut])
    model = SurvivalModel(Trees.of(booster), calibration)
    judged = np.array([calibration.of(p) for p in _predicted(booster, x[cut:])])
    of_claims = isotonic(x[:cut, 0], y[:cut])
    claimed = np.array([of_claims.of(p) for p in x[cut:, 0]])
    scores = (brier(p, y[cut:]) for p in (judged, used[cut:], claimed))
    return FittedSurvival(model, booster.model_to_string(), *scores)


def brier(claimed: Floats, survived: Floats) -> float:
    """Mean of (claimed - survived)^2."""
    return float(((claimed - survived) ** 2).mean())


def verdict_chances(survives: float, salvage_share: float) -> VerdictChances:
    """Split P of survival by how often the agent's survivors were salvaged."""
    return VerdictChances(survives * (1 - salvage_share), survives * salvage_share, 1 - survives)


def _cut_between_groups(groups: NDArray[np.int64]) -> int:
    """Where the newest fifth begins, moved back to where the task of that row begins."""
    cut = int(len(groups) * (1 - _UNSEEN_SHARE))
    while 0 < cut < len(groups) and groups[cut] == groups[cut - 1]:
        cut -= 1
    return cut


def _boosted(x: Floats, y: Floats) -> lgb.Booster:
    return lgb.train(_PARAMS, lgb.Dataset(x, y), num_boost_round=_TREES)


def _predicted(booster: lgb.Booster, x: Floats) -> Floats:
    return np.asarray(booster.predict(x), float)


def _logistic(score: float) -> float:
    return 1 / (1 + math.exp(-score)) if score >= 0 else math.exp(score) / (1 + math.exp(score))
