"""The command line application: all commands of `forerun`."""

import typer

from orchestrator.cli import bench, inventory, tasks
from orchestrator.cli import learner as learner_commands
from orchestrator.cli.check import check
from orchestrator.cli.credentials import with_credentials
from orchestrator.cli.gc import gc
from orchestrator.cli.keys import keys
from orchestrator.cli.resolve import resolve
from orchestrator.cli.run import run
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
app.command("run")(run)
app.command("check")(check)
app.command("submit")(with_credentials(tasks.submit))
app.command("plan")(with_credentials(tasks.plan))
app.command("show")(with_credentials(tasks.show))
app.command("list")(with_credentials(tasks.list_tasks))
app.command("cancel")(with_credentials(tasks.cancel))
app.command("resolve")(with_credentials(resolve))
app.command("agents")(with_credentials(inventory.agents))
app.command("nodes")(with_credentials(inventory.nodes))
app.add_typer(learner_commands.learner, name="learner")
app.command("ledger")(with_credentials(learner_commands.ledger))
app.command("schema")(inventory.schema)
app.command("gc")(gc)
app.add_typer(keys, name="keys")
app.command("demo", context_settings=bench.PASSED_ON)(bench.demo)
app.command("bench", context_settings=bench.PASSED_ON)(bench.bench)
