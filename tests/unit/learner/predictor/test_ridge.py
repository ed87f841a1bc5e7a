"""The stacked regression: exact leave-one-out of each level, and what the second one adds."""

import numpy as np

from learner.predictor.ridge import KernelRidge, StackedRidge


def unit_rows(n: int, width: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).random((n, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_leave_one_out_scores_are_those_of_a_fit_without_the_example():
    rows = unit_rows(12, 5)
    kernel, targets = rows @ rows.T, np.eye(12)[:, :4]

    _, left_out = KernelRidge.fit(kernel, targets, 0.1)
    others, _ = KernelRidge.fit(kernel[1:, 1:], targets[1:], 0.1)

    assert np.allclose(left_out[0], others.scores(kernel[0, 1:]), atol=1e-4)


def test_scores_of_a_long_history_come_from_its_nearest_examples():
    near = np.zeros(3_000, dtype=np.float32)
    near[:5] = 1.0
    weights = np.arange(6_000, dtype=np.float32).reshape(3_000, 2)

    assert np.allclose(KernelRidge(weights).scores(near), weights[:5].sum(axis=0))


def test_second_regression_sharpens_what_the_first_expects():
    """Two kinds of example are similar; only how they are scored sets them apart."""
    kinds = np.arange(40) % 2
    rows = unit_rows(40, 6) + 0.25 * np.eye(6)[kinds].astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    targets = np.eye(2)[kinds]

    model, stacked = StackedRidge.fit(rows @ rows.T, targets, slice(0, 2), 0.1)
    _, plain = KernelRidge.fit((rows @ rows.T) ** 2, targets, 0.1)

    assert np.square(stacked - targets).mean() < np.square(plain - targets).mean()
    again = StackedRidge.from_arrays(model.arrays())
    assert np.allclose(again.scores(rows @ rows[3]), model.scores(rows @ rows[3]), atol=1e-5)
