"""The demo, which lies beside the service."""

import typer

from orchestrator.cli.bench import imported
from orchestrator.cli.exit_codes import reported

# Options after the name are the demo's or the benchmark's own.
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@reported
def demo(context: typer.Context) -> None:
    """Rank molecules by HOMO-LUMO gap: planning hidden behind work, on real science."""
    raise typer.Exit(int(imported("examples.molecules.demo").main(context.args) or 0))
