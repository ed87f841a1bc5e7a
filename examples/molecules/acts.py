"""The two acts of the demo: real chemistry planned by a solver, and a goal in plain words planned by an LLM."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from examples.briefing import script
from examples.comparison.measures import Act
from examples.comparison.trials import MakeTask, agreement_of, live_progress, one_run, three_runs
from examples.molecules.task import molecules_task
from examples.molecules.values import Molecule
from forerun import Client, Task

_WARM_UP = 6


@dataclass(frozen=True)
class Scene:
    """What an act is made of. The ``warm_up`` runs once before the three runs that are measured."""

    title: str
    heading: str
    about: str
    warm_up: Task
    warm_up_name: str
    make: MakeTask
    caveat: str
    notes: tuple[str, ...]


async def play(client: Client, scene: Scene, console: Console) -> Act:
    """Warm up, then run the task waiting, speculating, and with the plan known.

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
        heading="First act: rank molecules by HOMO-LUMO gap",
        about=about,
        warm_up=warm_up,
        warm_up_name=f"warm-up, {len(few)} of them",
        make=lambda mode, plan: molecules_task(molecules, mode, plan),
        caveat="Real calculations, each on one core. The solver, the service and the agents share this machine.",
        notes=(
            f"Before the three runs {len(few)} of the molecules were ranked once: durations learned, processes warm.",
            f"CP-SAT stops after {limit_s:g} s at the latest, with the best plan it has found by then.",
        ),
    )


def briefing_scene(spoken: str) -> Scene:
    """Serve a goal in plain words. ``spoken`` says which LLM writes the plan, and how fast."""
    value = script.VALUE_OF_TIME_USD_PER_S
    return Scene(
        title="A goal in words",
        heading="Second act: a goal in plain words, planned by an LLM",
        about=f"“{script.ASKED.goal}”",
        warm_up=script.briefing_task(script.EARLIER),
        warm_up_name="an earlier goal",
        make=lambda mode, plan: script.briefing_task(script.ASKED, mode, plan),
        caveat=f"{spoken} The agents of this act are simulated: each waits as long as its catalog entry says.",
        notes=(
            "Before the three runs one goal of this kind was served, in other words and on other substances.",
            f"A second of waiting is valued at {value:g} USD; the gate weighs it against the price of a wrong call.",
        ),
    )
