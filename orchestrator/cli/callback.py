"""`forerun callback`: the signed address at which an outside system answers a callback."""

from typing import Annotated

import typer

from orchestrator.cli.exit_codes import reported
from orchestrator.cli.options import DEFAULT_URL, AsJson, TaskIdArgument, Url
from orchestrator.cli.output import console, print_json
from orchestrator.cli.tasks import with_client


@reported
def callback(
    task_id: TaskIdArgument,
    step: Annotated[str, typer.Argument(metavar="STEP", help="The callback; `forerun show` names it.")],
    ttl_s: Annotated[
        float | None, typer.Option(metavar="S", min=1, help="Valid for so long. Default: callbacks.ttl_s.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,  # noqa: FBT002 - a flag that people type
) -> None:
    """Print an address at which an outside system answers a callback without an API key."""
    address = with_client(url, lambda client: client.callback_address(task_id, step, ttl_s))
    if as_json:
        print_json(address)
    else:
        console.print(f"{address.url}\nheartbeats: {address.heartbeat_url}", soft_wrap=True)
