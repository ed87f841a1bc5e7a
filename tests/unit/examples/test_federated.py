"""Federated learning as a workflow: accuracy, robustness, bytes, stragglers, and sums that show nobody's vector."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import forerun
from examples.federated.aggregation import Rule, anomaly_scores, combined, trusted
from examples.federated.compression import compressed, restored
from examples.federated.model import SIZE, accuracy, initial, packed, trained, unpacked
from examples.federated.secure import Member, TooFewSharesError, Words, fixed_point, floating, unmasked
from examples.federated.secure_agents import KEYS, threshold
from examples.federated.shards import digits, shards
from examples.federated.task import CATALOG, FederatedPlan, federated_task

ROUND = "round 0"


def played(**plan: Any):
    """A training in virtual time."""
    view = forerun.run(federated_task(FederatedPlan(**plan)), agents=[CATALOG], virtual_time=True)
    assert view.failure is None, view.failure.told
    return view


def group(size: int) -> tuple[list[Member], list[Words]]:
    members = [Member(number, bytes([number + 1]) * 32, ROUND) for number in range(size)]
    vectors = [fixed_point(np.random.default_rng(number).normal(0, 1, 40).astype(np.float32)) for number in range(size)]
    return members, vectors


def test_shards_hold_every_image_once_and_are_uneven():
    parts = shards(20, 1.0)

    assert sum(len(part.labels) for part in parts) == len(digits()[0].labels)
    assert np.mean([np.bincount(part.labels, minlength=10).max() / len(part.labels) for part in parts]) > 0.2


def test_a_model_survives_json():
    vector = initial(3)

    assert (unpacked(packed(vector)) == vector).all()


def test_compressed_changes_are_the_largest_within_half_a_step():
    change = np.random.default_rng(1).normal(0, 1, SIZE).astype(np.float32)

    update = compressed(change, 0.1)
    back = restored(update)

    largest = np.argsort(np.abs(change))[-SIZE // 10 :]
    assert set(np.flatnonzero(back)) <= set(largest)
    assert np.abs(back[largest] - change[largest]).max() <= update.scale / 127
    assert SIZE * 4 / update.size_bytes >= 8


def test_odd_changes_are_found_and_rules_withstand_them():
    draw = np.random.default_rng(2)
    truth = draw.normal(0, 1, SIZE).astype(np.float32)
    changes = [truth + draw.normal(0, 0.3, SIZE).astype(np.float32) for _ in range(14)]
    changes += [-5 * change for change in changes[:6]]

    assert set(trusted(changes)) <= set(range(14))
    assert anomaly_scores(changes)[14:].min() > anomaly_scores(changes)[:14].max()
    for rule in (Rule.MEDIAN, Rule.TRIMMED_MEAN):
        assert np.corrcoef(combined(changes, [1] * 20, rule), truth)[0, 1] > 0.9


@given(st.integers(3, 9), st.data())
@settings(max_examples=15, deadline=None)
def test_masks_vanish_from_the_sum_whoever_drops_out(size: int, data: st.DataObject):
    members, vectors = group(size)
    stayed = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=threshold(size))))
    offers = [member.offer() for member in members]
    shares = [member.shares(offers, threshold(size)) for member in members]
    masked = {number: members[number].masked(vectors[number], offers) for number in stayed}
    revealed = [members[number].revealed(offers, shares, stayed) for number in stayed]

    total = unmasked(masked, offers, revealed, threshold(size), ROUND)

    assert (total == np.sum([vectors[number] for number in stayed], axis=0, dtype=np.uint32)).all()
    for number in stayed:  # no single vector can be read, and nobody tells both shares of a client
        assert np.mean(masked[number] == vectors[number]) < 0.1
    assert all(not each.seeds.keys() & each.mask_keys.keys() for each in revealed)


def test_a_sum_of_too_few_is_refused():
    members, vectors = group(5)
    offers = [member.offer() for member in members]
    shares = [member.shares(offers, threshold(5)) for member in members]
    stayed = [1, 2]
    revealed = [members[number].revealed(offers, shares, stayed) for number in stayed]
    masked = {number: members[number].masked(vectors[number], offers) for number in stayed}

    with pytest.raises(TooFewSharesError, match="3 are needed"):
        unmasked(masked, offers, revealed, threshold(5), ROUND)


def test_fixed_point_numbers_add_up():
    values = np.array([1.25, -7.5, 0.1], np.float32)

    assert np.allclose(floating(fixed_point(values) + fixed_point(-values / 2)), values / 2, atol=1e-5)


def test_a_training_without_the_images_comes_near_the_central_one():
    train, test = digits()
    central = accuracy(trained(initial(0), train, 30, 0.1, seed=0), *test)

    view = played(rounds=12)

    assert view.outputs["accuracy"] > central - 0.04  # the benchmark plays more rounds
    assert view.outputs["result"]["dense_bytes"] >= 8 * view.outputs["result"]["sent_bytes"]


def test_a_quorum_does_not_wait_for_slow_clients():
    everybody, quorum = played(rounds=3, slow=4), played(rounds=3, slow=4, enough=0.8)

    assert quorum.ended_s < 0.6 * everybody.ended_s
    assert (everybody.outputs["result"]["answered"], quorum.outputs["result"]["answered"]) == (20, 16)


def test_a_share_of_an_epoch_changes_less():
    shard = shards(20, 1.0)[3]
    whole = trained(initial(0), shard, 2, 0.2, seed=1)

    assert np.abs(trained(initial(0), shard, 0.1, 0.2, seed=1) - initial(0)).sum() < np.abs(whole - initial(0)).sum()
    assert (trained(initial(0), shard, 2.0, 0.2, seed=1) == whole).all()


def test_groups_are_summed_securely_though_a_third_drops_out(tmp_path, monkeypatch):
    monkeypatch.setenv(KEYS, str(tmp_path))

    view = played(rounds=2, secure=True, clients=6, group=6, slow=2, enough=0.66)

    assert view.outputs["result"]["answered"] == 4
    assert len(list(tmp_path.glob("client-*.key"))) == 6
