"""The two acts of the demo: real chemistry planned by a solver, and a goal in natural language planned by an LLM."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from examples.comparison.measures import Act
from examples.comparison.trials import MakeTask, agreement_of, live_progress, one_run, three_runs
from examples.molecules.task import molecules_task
from examples.molecules.values import Molecule
from examples.screening import script
from forerun import Client, Task

_WARM_UP = 6


@dataclass(frozen=True)
class Scene:
    """The parts of an act. The ``warm_up`` task runs once before the three measured runs."""

    title: str
    heading: str
    about: str
    warm_up: Task
    warm_up_name: str
    make: MakeTask
    caveat: str
    notes: tuple[str, ...]


async def play(client: Client, scene: Scene, console: Console) -> Act:
    """Run the warm-up task, then the task in modes wait, forerun and oracle.

    Raises:
        TrialFailed: a run did not succeed.
    """
    console.print(f"\n[bold]{scene.heading}[/]", soft_wrap=True)
    console.print(f"{scene.about}\n{scene.caveat}\n", markup=False)
    with live_progress(console) as progress:
        await one_run(client, scene.warm_up, progress, scene.warm_up_name)
        wait, forerun, oracle = await three_runs(client, scene.make, progress)
    agreed = await agreement_of(client, wait, (forerun, oracle))
    return Act(scene.title, scene.about, wait, forerun, oracle, agreed, scene.caveat, scene.notes)


def molecules_scene(molecules: Sequence[Molecule]) -> Scene:
    """Rank molecules by HOMO-LUMO gap."""
    few = molecules[:_WARM_UP]
    warm_up = molecules_task(few)
    limit_s = warm_up.planning.time_limit_s
    about = (
        f"{len(molecules)} molecules: for each one a conformer (RDKit), a relaxed geometry (GFN2-xTB) and the gap "
        "(density-fitted B3LYP/def2-SVP, PySCF); then the ranking. The optimal plan comes from CP-SAT."
    )
    return Scene(
        title="Molecules",
        heading="Second act: rank molecules by HOMO-LUMO gap",
        about=about,
        warm_up=warm_up,
        warm_up_name=f"warm-up, {len(few)} of them",
        make=lambda mode, plan: molecules_task(molecules, mode, plan),
        caveat="Real calculations on one core each. Solver, service and agents share this machine.",
        notes=(
            f"A warm-up ranked {len(few)} of the molecules first, so durations are known and processes are warm.",
            f"CP-SAT stops after {limit_s:g} s at the latest and returns its best plan.",
        ),
    )


def screening_scene(spoken: str) -> Scene:
    """Serve a goal in natural language. ``spoken`` describes the LLM that writes the plan, and its speed."""
    value = script.VALUE_OF_TIME_USD_PER_S
    return Scene(
        title="A goal in words",
        heading="First act: a goal in natural language, planned by an LLM",
        about=f"“{script.ASKED.goal}”",
        warm_up=script.screening_task(script.EARLIER),
        warm_up_name="an earlier goal",
        make=lambda mode, plan: script.screening_task(script.ASKED, mode, plan),
        caveat=f"{spoken} The chemistry and the tools are real.",
        notes=(
            "A warm-up served one goal of this kind before the three runs, in other words and for other molecules.",
            f"A second of waiting is valued at ${value:g}; the gate weighs it against the price of a wrong call.",
        ),
    )
