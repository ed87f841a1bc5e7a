"""The list of tasks that came over A2A."""

from a2a.types import ListTasksRequest, ListTasksResponse
from a2a.utils.errors import InvalidParamsError
from a2a.utils.task import apply_history_length, validate_page_size

from orchestrator.gateway.protocol import Gateway
from orchestrator.ingress.a2a.tasks import CONTEXT, STATUS_OF, VIA, history_of, state_of, status_of, task_of
from reconciler.views.models import TaskFilter, TaskView

# A2A sorts by the last change, and Forerun by admission: so many of the newest are sorted.
_NEWEST = 1000
_PAGE = 500
_DEFAULT_SIZE = 50


async def listed(gateway: Gateway, params: ListTasksRequest) -> ListTasksResponse:
    """A page of the newest thousand tasks, those that changed last first.

    Raises:
        InvalidParamsError: the size or the token of the page is none.
    """
    size = _DEFAULT_SIZE
    if params.HasField("page_size"):
        validate_page_size(params.page_size)
        size = params.page_size
    views = [view for view in await _newest(gateway, params) if _matches(view, params)]
    views.sort(key=lambda view: (status_of(view).timestamp.ToNanoseconds(), view.id), reverse=True)
    first = _first(views, params.page_token)
    page = views[first : first + size]
    response = ListTasksResponse(page_size=size, total_size=len(views))
    for summary in page:
        whole = params.include_artifacts and summary.status.ended
        view = await gateway.read(summary.id, TaskView) if whole else summary
        task = task_of(view, history_of(view, ()), artifacts=params.include_artifacts)
        response.tasks.append(apply_history_length(task, params))
    if first + size < len(views):
        response.next_page_token = page[-1].id
    return response


async def _newest(gateway: Gateway, params: ListTasksRequest) -> list[TaskView]:
    labels = {VIA: "a2a"} | ({CONTEXT: params.context_id} if params.context_id else {})
    where = TaskFilter(labels=labels, status=STATUS_OF.get(params.status))
    views: list[TaskView] = []
    before: str | None = None
    while len(views) < _NEWEST:
        page = await gateway.list_tasks(_PAGE, before, where)
        views += page.tasks
        before = page.next_before
        if before is None:
            break
    return views


def _matches(view: TaskView, params: ListTasksRequest) -> bool:
    if params.status and state_of(view) != params.status:
        return False
    if not params.HasField("status_timestamp_after"):
        return True
    return status_of(view).timestamp.ToNanoseconds() >= params.status_timestamp_after.ToNanoseconds()


def _first(views: list[TaskView], token: str) -> int:
    """The position behind the task that ended the page before."""
    if not token:
        return 0
    for position, view in enumerate(views):
        if view.id == token:
            return position + 1
    raise InvalidParamsError(message="unknown page token; start again without one")
