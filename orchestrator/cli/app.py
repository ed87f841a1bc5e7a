"""The commands of `forerun`, joined."""

import typer

from orchestrator.cli import bench as benching
from orchestrator.cli import extras, tasks
from orchestrator.cli import inventory as knowledge
from orchestrator.cli import learner as learning
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
app.command("agents")(knowledge.agents)
app.command("nodes")(knowledge.nodes)
app.add_typer(learning.learner, name="learner")
app.command("ledger")(learning.ledger)
app.command("schema")(knowledge.schema)
app.command("demo", context_settings=extras.PASSED_ON)(extras.demo)
app.command("bench", context_settings=extras.PASSED_ON)(benching.bench)
