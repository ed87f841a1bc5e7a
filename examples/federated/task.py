"""Federated learning as a task: a round is a turn of a loop, in which clients are the elements of a fan-out."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, model_validator

from examples.federated.aggregation import Rule
from forerun import Task

_INPUTS = {
    "choice": ("clients", "chosen", "random", "alpha", "slow", "poisoned", "seconds"),
    "training": ("epochs", "rate", "share"),
    "merging": ("rule", "robust"),
}
_TURN = {"client": "$item", "turn": "$state.turn"}
_TRAINING = {"model": "$state.model", "training": "$inputs.training"}
_JUDGE = {"id": "judge", "capability": "judge", "inputs": {"model": "$steps.merge.model"}}
_BEFORE = {name: f"$state.{name}" for name in ("turn", "model", "former", "so_far", "records")}
_ADVISE = {"id": "advise", "capability": "advise", "inputs": {"turn": "$state.turn", "records": "$state.records"}}
_ADVISED = {
    "id": "choose",
    "capability": "choose_advised",
    "inputs": {"choice": "$inputs.choice", "advice": "$steps.advise"},
}
CATALOG = Path(__file__).with_name("catalog.yaml")


class FederatedPlan(BaseModel):
    """What is varied.

    Attributes:
        clients: how many there are.
        chosen: how many take part in a round, chosen by speed and usefulness; 0: all.
        random: whether they are drawn at random instead.
        slow: how many of them take five times as long as the others.
        poisoned: how many send nonsense.
        alpha: the smaller, the more uneven the shards.
        rounds: how many at most.
        target: the accuracy to stop at.
        seconds: what a round of a fast client takes.
        enough: a round ends when this share of the clients has answered. Below 1, slow clients are asked for less work.
        share: how many of its changes a client sends; 1: all.
        rule: how changes become one.
        robust: whether odd changes are left out.
        secure: whether the server gets sums of groups only. Then changes are dense, and ``rule`` combines the groups.
        group: how many clients a group has.
        advised: whether an agent of capability ``advise`` names the clients of a round and says which is the last.
        personal: whether each client keeps a last layer of its own. Then `own` is an output: the result of each client.
    """

    clients: int = Field(default=20, ge=2)
    chosen: int = Field(default=0, ge=0)
    random: bool = False
    slow: int = 0
    poisoned: int = 0
    alpha: float = Field(default=1.0, gt=0)
    rounds: int = Field(default=30, ge=1)
    target: float = 1.0
    seconds: float = 0.2
    epochs: int = 5
    rate: float = 0.2
    enough: float = Field(default=1.0, gt=0, le=1)
    share: float = Field(default=0.1, gt=0, le=1)
    rule: Rule = Rule.MEAN
    robust: bool = True
    secure: bool = False
    group: int = Field(default=10, ge=3)
    advised: bool = False
    personal: bool = False

    @model_validator(mode="after")
    def _options_agree(self) -> Self:
        if self.secure and (self.chosen or self.advised):
            raise ValueError("the server cannot tell useful clients in secure mode: leave chosen at 0 and advised off")
        if self.advised and self.chosen:
            raise ValueError("the adviser names the clients: leave chosen at 0")
        if self.secure and self.personal:
            raise ValueError("personal heads are not trained in secure mode: turn one of the two off")
        return self


def federated_task(plan: FederatedPlan) -> Task:
    """The task of a training. Its output is the last round's `Merged`, and the accuracy."""
    values = plan.model_dump(mode="json")
    inputs: dict[str, Any] = {name: {key: values[key] for key in keys} for name, keys in _INPUTS.items()}
    inputs["target"] = plan.target
    inputs["choice"]["adapts"] = plan.enough < 1 and not plan.secure
    round_ = _secure_round(plan) if plan.secure else _open_round(plan)
    learn = {
        "id": "learn",
        "loop": round_,
        "state": {"model": "$steps.begin", "former": "$steps.begin", "so_far": [0, 0], "records": []},
        "next": {
            "model": "$steps.merge.model",
            "former": "$state.model",
            "so_far": ["$steps.merge.sent_bytes", "$steps.merge.dense_bytes"],
            "records": "$state.records" if plan.secure else "$steps.remember",
        },
        "until": "$steps.judge >= $inputs.target" + (" || $steps.advise.last" if plan.advised else ""),
        "output": "merge",
        "max": plan.rounds,
    }
    end = {"id": "accuracy", "capability": "judge", "inputs": {"model": "$steps.learn.model"}}
    steps = [{"id": "begin", "capability": "begin"}, learn, end]
    outputs = {"result": "$steps.learn", "accuracy": "$steps.accuracy"}
    if plan.personal:
        steps = [{"id": "name", "capability": "name_training"}, *steps, *_own_results(plan)]
        outputs["own"] = "$steps.own"
    workflow = {"steps": steps, "outputs": outputs}
    return Task.model_validate({"name": "Train without seeing the images", "workflow": workflow, "inputs": inputs})


def _open_round(plan: FederatedPlan) -> list[dict[str, Any]]:
    choosing = {"choice": "$inputs.choice", "records": "$state.records", "turn": "$state.turn"}
    seen = {"chosen": "$steps.choose", "updates": "$steps.train", "before": _BEFORE, "merged": "$steps.merge"}
    named = {"name": "$steps.name"} if plan.personal else {}
    training = "train_personal" if plan.personal else "train"
    client = {"id": "update", "capability": training, "inputs": _TURN | _TRAINING | named}
    return [
        *([_ADVISE, _ADVISED] if plan.advised else [{"id": "choose", "capability": "choose", "inputs": choosing}]),
        {"id": "train", "for_each": "$steps.choose", "min_successful": f"{plan.enough:.0%}", "steps": [client]},
        _merge("merge", {"updates": "$steps.train", "merging": "$inputs.merging"}),
        {"id": "remember", "capability": "remember", "inputs": seen},
        _JUDGE,
    ]


def _own_results(plan: FederatedPlan) -> list[dict[str, Any]]:
    everyone = plan.model_copy(update={"chosen": 0}).model_dump(mode="json", include=set(_INPUTS["choice"]))
    inputs = {"client": "$item", "model": "$steps.learn.model", "name": "$steps.name", "rounds": plan.rounds}
    return [
        {"id": "everyone", "capability": "choose", "inputs": {"choice": everyone}},
        _for_each("own", "$steps.everyone", "judge_own", inputs),
    ]


def _secure_round(plan: FederatedPlan) -> list[dict[str, Any]]:
    offers = {"offers": "$steps.offers"}
    telling = _TURN | offers | {"sealed": "$steps.shares", "stayed": "$steps.masked"}
    summing = {"turn": "$state.turn", "masked": "$steps.masked", "revealed": "$steps.revealed"} | offers
    masking = _for_each("masked", "$steps.members", "train_masked", _TURN | _TRAINING | offers)
    group = [
        {"id": "members", "capability": "members", "inputs": {"group": "$item"}},
        _for_each("offers", "$steps.members", "offer", _TURN),
        _for_each("shares", "$steps.members", "share", _TURN | offers),
        masking | {"min_successful": f"{plan.enough:.0%}"},
        _for_each("revealed", "$steps.masked", "reveal", telling),
        {"id": "sum", "capability": "unmask", "inputs": summing},
    ]
    return [
        {"id": "groups", "capability": "groups", "inputs": {"choice": "$inputs.choice", "size": plan.group}},
        {"id": "sums", "for_each": "$steps.groups", "steps": group},
        _merge("merge_groups", {"sums": "$steps.sums", "rule": "$inputs.merging.rule"}),
        _JUDGE,
    ]


def _merge(capability: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"id": "merge", "capability": capability, "inputs": inputs | {"before": _BEFORE}}


def _for_each(id_: str, over: str, capability: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"id": id_, "for_each": over, "steps": [{"id": f"{id_}-one", "capability": capability, "inputs": inputs}]}
