"""Build the task for a list of molecules from the declared workflow."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from examples.molecules.values import Molecule
from forerun import Mode, Plan, Task

TASK = Path(__file__).with_name("task.yaml")
CATALOG = Path(__file__).with_name("catalog.yaml")


def molecules_task(molecules: Sequence[Molecule], mode: Mode = Mode.FORERUN, plan: Plan | None = None) -> Task:
    """The task of `task.yaml` for these molecules. Only mode oracle takes a ``plan``."""
    declared = yaml.safe_load(TASK.read_text(encoding="utf-8"))
    planning = {**declared["planning"], "mode": mode, "plan": plan}
    return Task.model_validate({**declared, "inputs": {"molecules": list(molecules)}, "planning": planning})
