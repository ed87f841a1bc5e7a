"""Each client keeps a last layer of its own, which never leaves it."""

import numpy as np

import forerun
from examples.federated.agents import Device, Training
from examples.federated.compression import restored
from examples.federated.model import HEAD, correct, initial, packed, unpacked
from examples.federated.personal import train_personal, with_head
from examples.federated.secure_agents import KEYS
from examples.federated.shards import digits, own_tests
from examples.federated.task import CATALOG, FederatedPlan, federated_task

CLIENT = Device(number=2, of=6, alpha=0.5, seconds=0, poisoned=False)
TRAINING = Training(epochs=2, rate=0.2, share=1.0)


async def test_a_client_sends_changes_of_the_shared_layer_only(tmp_path, monkeypatch):
    monkeypatch.setenv(KEYS, str(tmp_path))
    start = initial(0)

    update = await train_personal(CLIENT, packed(start), 0, TRAINING, "a")

    change = restored(update.change)
    assert change[:HEAD].any()
    assert not change[HEAD:].any()
    assert not np.array_equal(with_head(2, start, "a", 1)[HEAD:], start[HEAD:])
    assert np.array_equal(with_head(2, start, "another training", 1), start)


async def test_a_round_that_runs_again_sends_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv(KEYS, str(tmp_path))
    start = packed(initial(0))

    first = await train_personal(CLIENT, start, 0, TRAINING, "a")
    again = await train_personal(CLIENT, start, 0, TRAINING, "a")

    assert again.change == first.change


def test_own_heads_do_better_on_own_digits_than_the_shared_model(tmp_path, monkeypatch):
    monkeypatch.setenv(KEYS, str(tmp_path))
    plan = FederatedPlan(clients=8, alpha=0.3, rounds=4, chosen=0, seconds=0.01)

    shared, own = (
        forerun.run(federated_task(each), agents=[CATALOG], virtual_time=True)
        for each in (plan, plan.model_copy(update={"personal": True}))
    )

    assert own.failure is None, own.failure.told
    tests = own_tests(8, 0.3)
    assert [each["images"] for each in own.outputs["own"]] == [len(part.labels) for part in tests]
    model = unpacked(shared.outputs["result"]["model"])
    assert sum(each["correct"] for each in own.outputs["own"]) > sum(correct(model, *part) for part in tests)
    assert sum(len(part.labels) for part in tests) >= len(digits()[1].labels)
