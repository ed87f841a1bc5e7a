"""The query of a list of tasks."""

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack


class Filters(TypedDict, total=False):
    """Which tasks a list holds: those whose name, kind or id contains ``text``, and that have all ``labels``."""

    text: str | None
    labels: Mapping[str, str] | None


def task_query(limit: int, before: str | None, status: str | None, **filters: Unpack[Filters]) -> dict[str, Any]:
    """The parameters of `GET /v1/tasks`."""
    asked = {"limit": str(limit), "before": before, "status": status, "text": filters.get("text")}
    labels = [f"{key}={value}" for key, value in (filters.get("labels") or {}).items()]
    return {**{name: value for name, value in asked.items() if value is not None}, "label": labels}
