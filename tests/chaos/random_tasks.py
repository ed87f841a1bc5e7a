"""Random tasks of the chaos tests, and what an undisturbed run of each returns."""

from dataclasses import dataclass
from random import Random
from typing import Any

# What each capability adds to the sum of its inputs; as in chaos_agents.
_ADDED = {"add": 1, "grind": 2, "stage": 3, "act": 4}
_WEIGHTS = (4, 2, 2, 2)


@dataclass(frozen=True)
class ChaosTask:
    """A task as submitted. ``acts`` and ``effects``: its steps that leave a trace in the world."""

    key: str
    body: dict[str, Any]
    outputs: dict[str, int]
    acts: tuple[str, ...]
    effects: tuple[str, ...]


def random_task(random: Random, key: str, witness: str) -> ChaosTask:
    """A workflow of three to seven steps, each reading up to two earlier ones."""
    steps: list[dict[str, Any]] = []
    values: list[int] = []
    traces: dict[str, list[str]] = {"act": [], "stage": []}
    for index in range(random.randint(3, 7)):
        capability = random.choices(list(_ADDED), _WEIGHTS)[0]
        parents = sorted(random.sample(range(index), min(index, random.randint(0, 2))))
        name = f"{key}.s{index}"
        inputs: dict[str, Any] = {
            "numbers": [index, *(f"$steps.s{parent}" for parent in parents)],
            "pause_s": round(random.uniform(0.05, 0.6), 2),
        }
        if capability in traces:
            inputs |= {"step": name, "witness": witness}
            traces[capability].append(name)
        steps.append({"id": f"s{index}", "capability": capability, "inputs": inputs})
        values.append(index + sum(values[parent] for parent in parents) + _ADDED[capability])
    names = [f"s{index}" for index in range(len(steps))]
    body = {
        "name": key,
        "kind": "chaos",
        "workflow": {"steps": steps, "outputs": {name: f"$steps.{name}" for name in names}},
        "planning": {"mode": random.choice(["forerun", "forerun", "wait", "streamed"]), "alpha": 1.0},
    }
    outputs = dict(zip(names, values, strict=True))
    return ChaosTask(key, body, outputs, tuple(traces["act"]), tuple(traces["stage"]))
