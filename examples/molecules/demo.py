"""Run a task with and without speculation, on real chemistry and on a goal in natural language, and compare the runs.

``forerun demo`` or ``python -m examples.molecules.demo``; ``--help`` lists the options. It takes about two minutes,
writes an HTML report, and leaves nothing running.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from rich.console import Console

from benchmarks.scripted_llm import ScriptedLLM
from examples.comparison.measures import Act, figures
from examples.comparison.page import machine, render
from examples.comparison.service import service
from examples.comparison.table import table
from examples.molecules.acts import Scene, molecules_scene, play, screening_scene
from examples.molecules.smiles import DEFAULT, read_molecules
from examples.molecules.task import CATALOG
from examples.molecules.values import Molecule
from examples.screening import script
from forerun import Client, ForerunError, load_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; returns 0 on success, 2 for invalid input, 1 for any other error."""
    options = _options(argv)
    console = Console(stderr=options.json, highlight=False)
    try:
        molecules = read_molecules(options.input)
    except ForerunError as error:
        console.print(f"[red]{error.field}[/]: {error.message}\n[bold]fix:[/] {error.fix}", soft_wrap=True)
        return 2
    try:
        acts = _played(molecules, options, console)
    except ForerunError as error:
        console.print(f"[red]{error.message}[/]" + (f"\n[bold]fix:[/] {error.fix}" if error.fix else ""))
        return 1
    _told(acts, options, console)
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="forerun demo", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--input", type=Path, default=DEFAULT, help="file of molecules: SMILES and a name, one a line")
    parser.add_argument("--report", type=Path, default=Path("demo-report.html"), help="file for the report")
    parser.add_argument("--act", choices=("molecules", "goal", "both"), default="both", help="act to run")
    parser.add_argument(
        "--json", action="store_true", help="print the figures as JSON, everything else to standard error"
    )
    return parser.parse_args(argv)


def _played(molecules: Sequence[Molecule], options: argparse.Namespace, console: Console) -> list[Act]:
    """Start the service, run the acts, and stop the service.

    Raises:
        ForerunError: the service did not start, or a run failed.
    """
    began = time.perf_counter()
    with ExitStack() as stack:
        variables, spoken = _llm(stack)
        with console.status("Starting Forerun ..."):
            url = stack.enter_context(service([CATALOG, script.CATALOG], variables))
        console.print(f"Forerun is at {url} ({time.perf_counter() - began:.1f} s to start), on {machine()}.")
        scenes = [] if options.act == "molecules" else [screening_scene(spoken)]
        scenes += [] if options.act == "goal" else [molecules_scene(molecules)]
        acts = asyncio.run(_acts(url, scenes, console))
        console.print("Stopping Forerun ...")
    return acts


def _llm(stack: ExitStack) -> tuple[dict[str, str], str]:
    """Environment variables for the configured or the scripted LLM, and its description."""
    configured = load_settings().llm
    if configured.base_url and configured.model:
        return {}, f"The goal is decomposed by the configured LLM, {configured.model}."
    scripted = stack.enter_context(
        ScriptedLLM(script.answers(), ttft_s=script.TTFT_S, tokens_per_s=script.TOKENS_PER_S)
    )
    variables = {"FORERUN_LLM__BASE_URL": scripted.base_url, "FORERUN_LLM__MODEL": scripted.model}
    return variables, (
        "No LLM is configured, so a local server that speaks the OpenAI chat protocol streams a prepared plan. "
        f"It has a published speed: {script.SOURCE}."
    )


async def _acts(url: str, scenes: Sequence[Scene], console: Console) -> list[Act]:
    async with Client(url) as client:
        return [await play(client, scene, console) for scene in scenes]


def _told(acts: Sequence[Act], options: argparse.Namespace, console: Console) -> None:
    console.print()
    console.print(table(acts))
    options.report.write_text(render(acts, datetime.now().astimezone()), encoding="utf-8")
    console.print(f"\nThe report with timelines and molecules: {options.report.resolve()}", soft_wrap=True)
    if options.json:
        print(json.dumps({act.title: asdict(figures(act)) for act in acts}, indent=2))


if __name__ == "__main__":
    sys.exit(main())
