"""The highest of many values, without sorting the others."""

import numpy as np
import pytest

from learner.predictor.candidates import highest


@pytest.mark.parametrize("most", [1, 2, 5, 40, 50])
def test_the_highest_values_are_those_that_a_stable_sort_puts_first(most):
    values = np.random.default_rng(0).integers(0, 8, 40).astype(np.float32)

    assert highest(values, most).tolist() == np.argsort(-values, kind="stable")[:most].tolist()


def test_of_no_values_none_is_the_highest():
    assert highest(np.zeros(0, dtype=np.float32), 3).tolist() == []
