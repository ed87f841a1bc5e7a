"""Federated learning as a workflow: accuracy, bytes and seconds, with odd and slow clients, in virtual time."""

import os
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from pydantic import PositiveInt

import forerun
from benchmarks.progress import tracked
from examples.federated.aggregation import Rule
from examples.federated.model import accuracy, initial, trained
from examples.federated.secure_agents import KEYS
from examples.federated.shards import digits
from examples.federated.task import CATALOG, FederatedPlan, federated_task

_CENTRAL_EPOCHS = 30


def run(rounds: PositiveInt = 30, clients: PositiveInt = 20) -> dict[str, Any]:
    """Train on digits that no client sees all of: uneven shards, three in ten poisoned, a fifth five times slower.

    ``secure``: the server gets sums of groups of ten only; a fifth of the clients drop out of each round.
    """
    poisoned, slow = round(0.3 * clients), round(0.2 * clients)
    half = {"slow": slow, "poisoned": poisoned, "enough": 0.8, "chosen": clients // 2}
    variants: dict[str, dict[str, Any]] = {
        "robust": {},
        "robust, very uneven": {"alpha": 0.5},
        "personal heads, very uneven": {"alpha": 0.5, "personal": True},
        "robust, two digits each": {"alpha": 0.1},
        "personal heads, two digits each": {"alpha": 0.1, "personal": True},
        "robust, poisoned": {"poisoned": poisoned},
        "plain mean, poisoned": {"poisoned": poisoned, "robust": False},
        "waits for all": {"slow": slow},
        "quorum": {"slow": slow, "enough": 0.8},
        "quorum, half as many rounds again": {"slow": slow, "enough": 0.8, "rounds": rounds + rounds // 2},
        "slow and poisoned": {"slow": slow, "poisoned": poisoned, "enough": 0.8},
        "slow and poisoned, half at random": half | {"random": True},
        "slow and poisoned, half selected": half,
        "secure": {"slow": slow, "enough": 0.8, "secure": True},
        "secure, median of groups": {"slow": slow, "enough": 0.8, "secure": True, "group": 5, "rule": Rule.MEDIAN},
    }
    train, test = digits()
    central = accuracy(trained(initial(0), train, _CENTRAL_EPOCHS, 0.1, seed=0), *test)
    with TemporaryDirectory() as folder, patch.dict(os.environ, {KEYS: folder}):
        found = {
            name: _played(FederatedPlan.model_validate({"rounds": rounds, "clients": clients} | given))
            for name, given in tracked(list(variants.items()), "Training")
        }
    return {"rounds": rounds, "clients": clients, "central": central, "variants": found}


def _played(plan: FederatedPlan) -> dict[str, Any]:
    view = forerun.run(federated_task(plan), agents=[CATALOG], virtual_time=True)
    if view.outputs is None:
        raise RuntimeError(f"a training failed: {view.failure and view.failure.told}")
    result: Any = view.outputs["result"]
    return {
        "accuracy": _accuracy(plan, view.outputs),
        "sent_bytes": result["sent_bytes"],
        "dense_bytes": result["dense_bytes"],
        "answered": result["answered"],
        "seconds": view.ended_s,
    }


def _accuracy(plan: FederatedPlan, outputs: Any) -> float:
    """On the images for tests: by the shared model, or each by the client that it is divided to, with its own head."""
    if not plan.personal:
        return float(outputs["accuracy"])
    return float(sum(each["correct"] for each in outputs["own"]) / sum(each["images"] for each in outputs["own"]))
