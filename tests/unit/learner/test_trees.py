import lightgbm as lgb
import numpy as np
import pytest

from learner.models.trees import Trees


@pytest.mark.parametrize("missing", [True, False], ids=["missing values seen", "missing values new"])
@pytest.mark.parametrize("objective", ["quantile", "binary"])
def test_trees_score_as_lightgbm_does(objective, missing):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(600, 4))
    if missing:
        x[draw.random(x.shape) < 0.2] = np.nan
    y = (np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1]) ** 2 > 0.5).astype(float)
    booster = lgb.train({"objective": objective, "verbosity": -1, "num_threads": 1}, lgb.Dataset(x, y), 20)
    fresh = draw.normal(size=(200, 4))
    fresh[draw.random(fresh.shape) < 0.2] = np.nan

    trees = Trees.of(booster)

    assert [trees.score(row) for row in fresh.tolist()] == pytest.approx(
        booster.predict(fresh, raw_score=True).tolist()
    )


def test_a_tree_without_splits_is_one_leaf():
    booster = lgb.train({"objective": "quantile", "verbosity": -1}, lgb.Dataset(np.zeros((50, 1)), np.ones(50)), 3)

    assert Trees.of(booster).score([5.0]) == pytest.approx(float(booster.predict(np.array([[5.0]]))[0]))


def test_a_categorical_split_is_refused():
    x = np.tile(np.arange(4.0), 100).reshape(-1, 1)
    data = lgb.Dataset(x, (x[:, 0] % 2), categorical_feature=[0])
    booster = lgb.train({"objective": "regression", "verbosity": -1, "min_data_per_group": 1}, data, 2)

    with pytest.raises(ValueError, match="=="):
        Trees.of(booster)
