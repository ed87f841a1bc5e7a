"""Commands that run what lies beside the service: the demo and the benchmarks."""

import importlib
import json
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from orchestrator.cli.exits import refuse, reported
from orchestrator.cli.output import console, print_json
from planners.validation.words import nearest

# Options after the name are the demo's or the benchmark's own.
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@reported
def demo(context: typer.Context) -> None:
    """Rank molecules by HOMO-LUMO gap: planning hidden behind work, on real science."""
    raise typer.Exit(int(_imported("examples.molecules.demo").main(context.args) or 0))


@reported
def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which benchmark; further options are its own.")] = "",
    to: Annotated[Path, typer.Option(help="The folder for JSON and plot.")] = Path("bench-results"),
) -> None:
    """Run a benchmark; prints its JSON and writes it, with a plot where there is one."""
    known = [module.name for module in pkgutil.iter_modules(importlib.import_module("benchmarks").__path__)]
    if name not in known:
        refuse(f"there is no benchmark '{name}'" if name else "which benchmark?", nearest(name, known))
    module = _imported(f"benchmarks.{name}")
    results = module.run(context.args)
    to.mkdir(parents=True, exist_ok=True)
    (to / f"{name}.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print_json(results)
    if hasattr(module, "plot"):
        _plot(module, results, to / f"{name}.png")


def _plot(module: ModuleType, results: object, to: Path) -> None:
    try:
        module.plot(results, to)
    except ImportError as error:
        console.print(f"no plot: {error}; pip install 'forerun[plot]'", soft_wrap=True)


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and name.startswith(error.name):
            refuse(f"{name} is not installed", "run it from a checkout of the repository")
        refuse(f"{name} needs {error.name}", "install the extras: pip install 'forerun[chem,plot,bench]'")
