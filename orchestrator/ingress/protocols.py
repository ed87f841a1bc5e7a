"""The protocols of others that the service speaks. Their libraries are extras, so they are imported when needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from fastapi import FastAPI, Response

from orchestrator.errors import ExtraMissing
from orchestrator.gateway.protocol import Gateway
from orchestrator.ingress.context import IngressContext
from planners.model import TaskId


class EventForm(StrEnum):
    """The form of a task's events: Forerun's own, or those of AG-UI (extra ``ag-ui``)."""

    FORERUN = "forerun"
    AG_UI = "ag-ui"


def add_protocols(app: FastAPI, context: IngressContext) -> None:
    """Serve the protocols that the settings ask for.

    Raises:
        ExtraMissing: the library of one is not installed.
    """
    if context.settings.http.a2a:
        with _extra("a2a", "http.a2a"):
            from orchestrator.ingress.a2a.routes import add_a2a  # noqa: PLC0415
        add_a2a(app, context)
    if context.settings.http.mcp:
        with _extra("mcp", "http.mcp"):
            from orchestrator.ingress.mcp.routes import add_mcp  # noqa: PLC0415
        add_mcp(app, context)


async def ag_ui_events(gateway: Gateway, task_id: TaskId, heartbeat_s: float) -> Response:
    """A task's events as those of AG-UI.

    Raises:
        ExtraMissing: the library is not installed.
    """
    with _extra("ag-ui", "query.format"):
        from orchestrator.ingress.ag_ui import ag_ui_stream  # noqa: PLC0415
    return await ag_ui_stream(gateway, task_id, heartbeat_s)


@contextmanager
def _extra(name: str, field: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        fix = f"install it where the service runs: pip install 'forerun[{name}]'"
        raise ExtraMissing(f"this needs the extra {name}: {error.name} is not installed", field, fix) from error
