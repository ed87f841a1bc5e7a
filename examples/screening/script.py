"""The goals, and the plans that the scripted LLM streams for them at a published speed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.molecules.values import Molecule
from forerun import Mode, Objective, Plan, PlanningOptions, Task

CATALOG = Path(__file__).with_name("catalog.yaml")

# Medians over 5,367 recorded LLM steps of 120 coding-agent sessions (AgentCgroup, github.com/eunomia-bpf/agentcgroup,
# experiments/, commit 5af9e7b): seconds from request to first chunk, and output tokens per second of answers over 50.
TTFT_S = 2.4
TOKENS_PER_S = 53.0
SOURCE = (
    "medians of 5,367 recorded LLM steps in AgentCgroup's public traces (github.com/eunomia-bpf/agentcgroup): "
    f"first token after {TTFT_S:g} s, then {TOKENS_PER_S:g} tokens a second"
)
# A person whose hour costs 72 USD waits for the answer. The gate weighs this against the price of a wrong call.
VALUE_OF_TIME_USD_PER_S = 0.02


@dataclass(frozen=True)
class ScreeningCase:
    """A goal and its inputs."""

    goal: str
    molecules: tuple[Molecule, ...]
    reference: str

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs of the task; names and SMILES of the molecules once more as lists, for the tools."""
        return {
            "molecules": list(self.molecules),
            "names": [molecule["name"] for molecule in self.molecules],
            "smiles": [molecule["smiles"] for molecule in self.molecules],
            "reference": self.reference,
        }


# Submitted once before the measurement, so that the service has seen a goal of this kind.
EARLIER = ScreeningCase(
    "Estimate at which wavelengths acetaldehyde, acetonitrile, dimethyl ether and fluoromethane absorb, from gaps in "
    "relaxed geometries, compare them with acetone, and give me a table.",
    (
        Molecule(smiles="CC=O", name="acetaldehyde"),
        Molecule(smiles="CC#N", name="acetonitrile"),
        Molecule(smiles="COC", name="dimethyl ether"),
        Molecule(smiles="CF", name="fluoromethane"),
    ),
    "CC(C)=O",
)
# The measured goal: different words, different molecules. All are small, so that B3LYP takes about a second.
ASKED = ScreeningCase(
    "Which of nitromethane, acrolein, formamide and glyoxal should absorb at the longest wavelength? Use the "
    "HOMO-LUMO gaps of relaxed geometries, say how similar each is to nitroethylene, and tabulate the result.",
    (
        Molecule(smiles="C[N+](=O)[O-]", name="nitromethane"),
        Molecule(smiles="C=CC=O", name="acrolein"),
        Molecule(smiles="NC=O", name="formamide"),
        Molecule(smiles="O=CC=O", name="glyoxal"),
    ),
    "C=C[N+](=O)[O-]",
)


def screening_task(case: ScreeningCase, mode: Mode = Mode.FORERUN, plan: Plan | None = None) -> Task:
    """The case as a task. Only mode oracle takes a ``plan``."""
    return Task(
        name="Which molecule absorbs at the longest wavelength",
        kind="screening",
        goal=case.goal,
        inputs=case.inputs,
        objective=Objective(min_quality=0.9),
        planning=PlanningOptions(mode=mode, plan=plan, value_of_time_usd_per_s=VALUE_OF_TIME_USD_PER_S),
    )


def answers() -> dict[str, list[dict[str, Any]]]:
    """Goal -> steps in the LLM's format."""
    return {case.goal: _steps(len(case.molecules)) for case in (EARLIER, ASKED)}


def _steps(molecules: int) -> list[dict[str, Any]]:
    steps = []
    for number in range(1, molecules + 1):
        smiles = f"$inputs.smiles.{number - 1}"
        start, geometry = f"$steps.start{number}", f"$steps.geometry{number}"
        steps += [
            _step(f"start{number}", "conformer", {"smiles": smiles}),
            _step(f"geometry{number}", "geometry", {"smiles": smiles, "start": start}),
            _step(f"gap{number}", "gap", {"geometry": geometry}),
        ]
    gaps = [f"$steps.gap{number}" for number in range(1, molecules + 1)]
    told = {"names": "$inputs.names", "gaps": gaps, "wavelengths_nm": "$steps.nm", "similarities": "$steps.alike"}
    return [
        *steps,
        _step("alike", "similarity-to-reference", {"smiles": "$inputs.smiles", "reference": "$inputs.reference"}),
        _step("nm", "gaps-to-wavelengths", {"gaps": gaps}),
        _step("table", "absorption-table", told),
    ]


def _step(name: str, capability: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "capability": capability, "inputs": inputs, "after": []}
