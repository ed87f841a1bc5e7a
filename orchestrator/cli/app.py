"""The command line application: all commands of `forerun`."""

import typer

from orchestrator.cli import bench, inventory, tasks
from orchestrator.cli import learner as learner_commands
from orchestrator.cli.gc import gc
from orchestrator.cli.resolve import resolve
from orchestrator.cli.up import up

app = typer.Typer(
    name="forerun",
    help="Dispatches multi-agent workflows ahead of their plan.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

app.command("up")(up)
app.command("submit")(tasks.submit)
app.command("plan")(tasks.plan)
app.command("show")(tasks.show)
app.command("list")(tasks.list_tasks)
app.command("cancel")(tasks.cancel)
app.command("resolve")(resolve)
app.command("agents")(inventory.agents)
app.command("nodes")(inventory.nodes)
app.add_typer(learner_commands.learner, name="learner")
app.command("ledger")(learner_commands.ledger)
app.command("schema")(inventory.schema)
app.command("gc")(gc)
app.command("demo", context_settings=bench.PASSED_ON)(bench.demo)
app.command("bench", context_settings=bench.PASSED_ON)(bench.bench)
