"""The monotone map of claims to outcomes."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from learner.isotonic import monotone_fit


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_map_that_another_implementation_finds(seed):
    draw = np.random.default_rng(seed)
    x = draw.choice(draw.random(40), 200)  # many of them equal
    y, weights = (draw.random(200) < x).astype(float), draw.random(200) + 0.1
    asked = np.linspace(-0.1, 1.1, 100)

    known = IsotonicRegression(out_of_bounds="clip").fit(x, y, weights).predict(asked)

    assert np.allclose(np.interp(asked, *monotone_fit(x, y, weights)), known)


def test_a_constant_stretch_has_a_knot_at_each_end():
    knots, values = monotone_fit(np.arange(6), [0, 3, 2, 1, 2, 9], np.ones(6))

    assert knots.tolist() == [0, 1, 4, 5]
    assert values == pytest.approx([0, 2, 2, 9])
