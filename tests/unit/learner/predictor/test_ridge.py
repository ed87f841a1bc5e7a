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


def test_the_examples_that_are_not_near_count_with_their_mean():
    """They are many: without them, scores would differ from the exact ones, which the later stages learned from."""
    far = np.full(3_000, 0.02, dtype=np.float32)
    far[:5] = 1.0
    model = KernelRidge(np.random.default_rng(0).random((3_000, 2)).astype(np.float32))

    assert np.allclose(model.scores(far), far @ model.weights, rtol=1e-4)


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


def test_equal_targets_share_their_weights_and_are_scored_as_if_they_had_their_own():
    rows = unit_rows(12, 5)
    kernel, distinct = rows @ rows.T, np.eye(12)[:, :3]

    each, left_out = KernelRidge.fit(kernel, distinct, 0.1)
    shared, all_left_out = KernelRidge.fit(kernel, distinct[:, [0, 1, 0, 2, 1]], 0.1)

    assert shared.weights.shape == (12, 3)
    assert np.allclose(shared.scores(kernel[4]), each.scores(kernel[4])[[0, 1, 0, 2, 1]], atol=1e-5)
    assert np.allclose(all_left_out, left_out[:, [0, 1, 0, 2, 1]], atol=1e-5)
    assert np.allclose(shared.left_out(2, distinct[2, [0, 1, 0, 2, 1]]), all_left_out[2], atol=1e-5)


def test_a_regression_stored_with_weights_for_each_target_is_read():
    rows, targets = unit_rows(12, 5), np.eye(12)[:, :4]
    model, _ = StackedRidge.fit(rows @ rows.T, targets, slice(0, 2), 0.1)
    older = {name: array for name, array in model.arrays().items() if not name.endswith("_column")}

    again = StackedRidge.from_arrays(older)

    assert np.allclose(again.scores(rows @ rows[3]), model.scores(rows @ rows[3]), atol=1e-5)
