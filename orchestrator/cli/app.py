"""The command line application: all commands of `forerun`."""

from importlib.metadata import version
from typing import Annotated

import typer

from orchestrator.cli import archive, bench, inventory, tasks
from orchestrator.cli import learner as learner_commands
from orchestrator.cli.agents import agents
from orchestrator.cli.answer import approve, reject
from orchestrator.cli.cache import cache
from orchestrator.cli.callback import callback
from orchestrator.cli.check import check
from orchestrator.cli.context import context
from orchestrator.cli.credentials import with_credentials
from orchestrator.cli.doctor import doctor
from orchestrator.cli.gc import gc
from orchestrator.cli.init import init
from orchestrator.cli.keys import keys
from orchestrator.cli.limits import limits
from orchestrator.cli.logs import logs
from orchestrator.cli.reload import reload
from orchestrator.cli.resolve import resolve
from orchestrator.cli.retries import diff, retry
from orchestrator.cli.run import run
from orchestrator.cli.trace import trace
from orchestrator.cli.up import up

app = typer.Typer(
    name="forerun",
    help="Runs multi-agent workflows, and starts agents before the plan is ready.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - called by typer
    if wanted:
        print(f"forerun {version('forerun')}")  # noqa: T201 one line, for scripts
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[  # noqa: FBT002 - a flag that people type
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Runs multi-agent workflows, and starts agents before the plan is ready."""


app.command("init")(init)
app.command("up")(up)
app.command("run")(run)
app.command("check")(check)
app.command("submit")(with_credentials(tasks.submit))
app.command("plan")(with_credentials(tasks.plan))
app.command("show")(with_credentials(tasks.show))
app.command("context")(with_credentials(context))
app.command("logs")(with_credentials(logs))
app.command("list")(with_credentials(tasks.list_tasks))
app.command("cancel")(with_credentials(tasks.cancel))
app.command("resolve")(with_credentials(resolve))
app.command("retry")(with_credentials(retry))
app.command("diff")(with_credentials(diff))
app.command("trace")(with_credentials(trace))
app.add_typer(agents, name="agents")
app.command("approve")(with_credentials(approve))
app.command("reject")(with_credentials(reject))
app.command("callback")(with_credentials(callback))
app.command("limits")(with_credentials(limits))
app.command("nodes")(with_credentials(inventory.nodes))
app.add_typer(learner_commands.learner, name="learner")
app.command("ledger")(with_credentials(learner_commands.ledger))
app.command("schema")(inventory.schema)
app.command("reload")(with_credentials(reload))
app.command("doctor")(doctor)
app.command("gc")(gc)
app.add_typer(cache, name="cache")
app.command("backup")(archive.backup)
app.command("export")(archive.export)
app.command("import")(archive.import_tasks)
app.add_typer(keys, name="keys")
app.command("demo", context_settings=bench.PASSED_ON)(bench.demo)
app.command("bench", context_settings=bench.PASSED_ON)(bench.bench)
