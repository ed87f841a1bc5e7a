"""The ranker: candidates of a list compete, and none of them may be right."""

import pickle
import subprocess
import sys

import lightgbm as lgb
import numpy as np
import pytest

from learner.predictor.cross_ranker import CrossRanker, fit_ranker
from learner.predictor.errors import CorruptPredictor
from learner.predictor.features import CandidateFeatures
from learner.predictor.incidence import Incidence
from learner.predictor.quick_scorer import QuickScorer
from learner.predictor.ranker import JudgedCandidates, ListRanker, PointwiseRanker, softmax_objective

NOTHING = Incidence([[]])


def listed(*strength: float) -> CandidateFeatures:
    """Candidates with one feature."""
    features = np.array(strength, dtype=np.float32)[:, None]
    zeros = np.zeros(len(features), dtype=np.float32)
    plans = [((number,), ()) for number in range(len(features))]
    between = np.eye(len(features), dtype=np.float32)
    return CandidateFeatures(plans, zeros.astype(int), NOTHING, NOTHING, between, features, zeros, zeros)


def lists(number: int) -> list[JudgedCandidates]:
    """The strongest is right; where all are weak, none is."""
    drawn = np.random.default_rng(0).random((number, 4))
    drawn[::2] *= 0.3
    return [
        JudgedCandidates(at, listed(*row), np.where((row == row.max()) & (row > 0.3), 1, 0).astype(np.float32))
        for at, row in enumerate(drawn)
    ]


@pytest.fixture(scope="module")
def ranker() -> ListRanker:
    return ListRanker.fit(lists(400), 400, 0)


def test_probabilities_add_up_to_how_likely_any_candidate_is_right(ranker):
    strong, weak = ranker.probabilities(listed(0.1, 0.95)), ranker.probabilities(listed(0.1, 0.15))

    assert strong.argmax() == 1
    assert 0.8 < strong.sum() < 1
    assert weak.sum() < 0.2


def test_a_list_with_two_good_candidates_divides_its_probability(ranker):
    alone, twice = ranker.probabilities(listed(0.9, 0.1)), ranker.probabilities(listed(0.9, 0.9))

    assert twice[0] == pytest.approx(twice[1])
    assert twice[0] < alone[0]
    assert twice.sum() <= 1


def test_gradients_are_those_of_the_cross_entropy():
    truth, sizes, scores = np.array([1.0, 0, 0.3, 0.3, 0]), [2, 3], np.array([0.5, -0.2, 0.1, 0.9, -1.0])

    def loss(at: np.ndarray) -> float:
        total, start = 0.0, 0
        for size in sizes:
            part, right = at[start : start + size], truth[start : start + size]
            total += np.log1p(np.exp(part).sum()) - right @ part
            start += size
        return total

    slope, _ = softmax_objective(truth, sizes)(scores, None)
    numeric = [(loss(scores + step) - loss(scores - step)) / 2e-5 for step in 1e-5 * np.eye(5)]

    assert np.allclose(slope, numeric, atol=1e-6)


def test_a_request_learned_from_is_judged_by_the_ranker_that_has_not_seen_it():
    fitted, asked = fit_ranker(lists(90), 0), listed(0.2, 0.8, 0.5)

    assert [fitted.of_folds[fold].probabilities(asked).tolist() for fold in fitted.fold] == [
        fitted.probabilities(asked, request).tolist() for request in range(90)
    ]
    assert fitted.ranker is not None
    assert np.array_equal(fitted.probabilities(asked), fitted.ranker.probabilities(asked))


def test_a_ranker_is_stored_and_sent_without_a_difference():
    fitted, asked = fit_ranker(lists(90), 0), listed(0.2, 0.8, 0.5)

    for copy in (CrossRanker.from_stored(fitted.stored()), pickle.loads(pickle.dumps(fitted))):  # noqa: S301 - its own
        for request in (None, 0, 1, 2):
            assert np.array_equal(copy.probabilities(asked, request), fitted.probabilities(asked, request))
        assert copy.stored() == fitted.stored()


def test_after_few_requests_there_is_no_ranker():
    few = fit_ranker(lists(20), 0)

    assert few.stored() is None
    assert CrossRanker.from_stored(None).probabilities(listed(0.2)).tolist() == few.probabilities(listed(0.2)).tolist()


def test_a_ranker_of_an_earlier_format_judges_each_candidate_by_itself():
    features, labels = np.random.default_rng(0).random((200, 1)), np.arange(200) % 2
    older = lgb.train({"objective": "cross_entropy", "verbose": -1}, lgb.Dataset(features, labels), 5)

    loaded = CrossRanker.from_stored(older.model_to_string())

    assert isinstance(loaded.ranker, PointwiseRanker)
    assert isinstance(loaded.stored(), str)
    right = older.predict(np.array([[0.2], [0.8]]))
    assert np.allclose(loaded.probabilities(listed(0.2, 0.8), request=0), right, atol=1e-6)


@pytest.mark.parametrize("damaged", ["", "trees", {"boosters": ["trees"], "fold": []}, {"boosters": [], "fold": [0]}])
def test_what_is_no_model_is_refused(damaged):
    with pytest.raises(CorruptPredictor):
        CrossRanker.from_stored(damaged)


def boosted(number: int, rounds: int, features: int = 4, **more: object) -> lgb.Booster:
    drawn = np.random.default_rng(number)
    x, y = drawn.random((600, features)).astype(np.float32), drawn.random(600)
    parameters = {"num_leaves": 15, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1, "seed": number, **more}
    return lgb.Booster(model_str=lgb.train(parameters, lgb.Dataset(x, y), rounds).model_to_string())


@pytest.mark.parametrize("candidates", [0, 1, 2, 3, 40])
def test_scores_are_those_of_lightgbm_to_the_last_bit(candidates):
    boosters = [boosted(0, 30), boosted(1, 7), boosted(2, 12, num_leaves=3), boosted(3, 2, min_data_in_leaf=600)]
    features = np.random.default_rng(9).random((candidates, 4)).astype(np.float32)
    features[::3] = 1e5

    scorer = QuickScorer.of(boosters)

    expected = [booster.predict(features, num_threads=1) if candidates else [] for booster in boosters]
    assert np.array_equal(scorer.scores(features), expected)
    assert all(np.array_equal(scorer.only(at).scores(features), expected[at : at + 1]) for at in range(4))


def test_a_value_that_is_a_threshold_goes_to_the_left_as_in_lightgbm():
    booster = boosted(0, 30, features=1)
    splits = [float(part) for line in booster.model_to_string().splitlines() if line.startswith("threshold=")
              for part in line.partition("=")[2].split()]  # fmt: skip
    near = np.array(splits, dtype=np.float32)
    features = np.concatenate([near, np.nextafter(near, np.float32(2)), np.nextafter(near, np.float32(-2))])[:, None]

    assert np.array_equal(QuickScorer.of([booster]).scores(features), [booster.predict(features, num_threads=1)])


def test_trees_that_it_cannot_read_are_left_to_lightgbm():
    x = np.where(np.random.default_rng(0).random((600, 1)) > 0.5, np.nan, np.arange(600)[:, None]).astype(np.float32)
    missing = lgb.train({"verbose": -1, "num_threads": 1}, lgb.Dataset(x, np.nan_to_num(x[:, 0])), 3)

    assert QuickScorer.of([boosted(0, 3, num_leaves=31)]) is None
    assert QuickScorer.of([missing]) is None
    assert ListRanker([missing]).probabilities(listed(0.2, 0.4)).shape == (2,)


def test_a_ranker_travels_with_the_tables_of_its_trees(ranker, monkeypatch):
    """The first guess of a shard would wait for them."""
    known, sent = ranker.probabilities(listed(0.1, 0.95)), pickle.dumps(ListRanker(ranker.boosters))
    monkeypatch.setattr(QuickScorer, "of", None)

    arrived = pickle.loads(sent)  # noqa: S301 - its own
    assert np.array_equal(arrived.probabilities(listed(0.1, 0.95)), known)


def test_a_ranker_that_has_travelled_guesses_without_lightgbm(ranker, tmp_path):
    """To import it takes a second, in which the shard that gets the ranker would do nothing else."""
    asked = listed(0.1, 0.95)
    sent = tmp_path / "sent"
    sent.write_bytes(pickle.dumps((ranker, asked)))
    there = f"""
import pickle, sys
ranker, asked = pickle.loads(open({str(sent)!r}, "rb").read())
print(ranker.probabilities(asked).tolist(), "lightgbm" in sys.modules)
"""

    told = subprocess.run([sys.executable, "-c", there], capture_output=True, text=True, timeout=60, check=True).stdout  # noqa: S603 - our own

    assert told.strip() == f"{ranker.probabilities(asked).tolist()} False"


def test_a_ranker_that_has_travelled_can_be_stored(ranker):
    cross = CrossRanker(ranker, (), np.zeros(0, dtype=int))

    assert cross._replace(ranker=pickle.loads(pickle.dumps(ranker))).stored() == cross.stored()  # noqa: S301 - its own
