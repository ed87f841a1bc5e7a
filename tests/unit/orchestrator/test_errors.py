"""Errors pickle, and one table says which HTTP status and exit code each has."""

import pickle

import httpx
import pytest

from orchestrator.cli.exit_codes import ExitCode, code_of
from orchestrator.client.errors import BadRequest, Busy, Conflict, NotFound, ServiceFailed, Unreachable, refusal
from orchestrator.errors import CannotStart, InvalidRequest, InvalidSettings, Unavailable
from orchestrator.problems import ProblemDetails, describe, plain, status_of
from planners.errors import DecomposeFailed, ForerunError, Infeasible, InvalidTask, PlanningError
from reconciler.errors import IdempotencyConflict, OutputNotReady, Overloaded, UnknownStep, UnknownTask

ERRORS = [
    (InvalidTask("m", "f", "x"), 422),
    (InvalidRequest([InvalidTask("m", "f", "x"), InvalidTask("n")]), 422),
    (Infeasible("m", "f", "x"), 422),
    (PlanningError("m", "f", "x"), 422),
    (DecomposeFailed("m", "f", "x"), 502),
    (UnknownTask("m", "f", "x"), 404),
    (UnknownStep("m", "f", "x"), 404),
    (OutputNotReady("m", "f", "x"), 409),
    (IdempotencyConflict("m", "f", "x"), 409),
    (Overloaded("m", "f", "x", 7.0), 429),
    (Unavailable("m", "f", "x"), 503),
    (CannotStart("m", "f", "x"), 500),
    (InvalidSettings("m", "f", "x"), 500),
]


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=lambda value: type(value).__name__)
def test_every_error_has_a_status_a_field_and_a_fix(error: ForerunError, status: int):
    problem = describe(error, "/v1/tasks")

    assert status_of(error) == problem.status == status
    assert (problem.detail, problem.field, problem.fix, problem.instance) == ("m", "f", "x", "/v1/tasks")
    assert problem.type.startswith("urn:forerun:problem:")


@pytest.mark.parametrize("error", [error for error, _ in ERRORS] + [Unreachable("m", "f", "x")], ids=repr)
def test_every_error_pickles(error: ForerunError):
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(again) is type(error)
    assert (again.message, again.field, again.fix) == (error.message, error.field, error.fix)
    assert getattr(again, "retry_after_s", None) == getattr(error, "retry_after_s", None)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (404, NotFound),
        (409, Conflict),
        (422, BadRequest),
        (429, Busy),
        (503, Busy),
        (500, ServiceFailed),
    ],
)
def test_the_client_raises_a_typed_error_that_carries_the_problem(status, kind):
    problem = ProblemDetails(title="t", status=status, detail="d", field="f", fix="x")
    headers = {"Retry-After": "4"}

    error = refusal(httpx.Response(status, content=problem.model_dump_json(), headers=headers))

    assert type(error) is kind
    assert error.problem == problem
    assert (error.message, error.field, error.fix) == ("d", "f", "x")
    assert getattr(error, "retry_after_s", 4.0) == 4.0
    assert type(pickle.loads(pickle.dumps(error))) is kind  # noqa: S301 - our own bytes


def test_an_error_of_another_server_is_reported_as_it_is():
    request = httpx.Request("GET", "http://proxy/v1/tasks")

    error = refusal(httpx.Response(502, text="<h1>Bad gateway</h1>", request=request))

    assert error.problem.status == 502
    assert "Bad gateway" in error.message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidTask("m"), ExitCode.BAD_INPUT),
        (InvalidSettings("m"), ExitCode.BAD_INPUT),
        (NotFound(plain(404, "m")), ExitCode.BAD_INPUT),
        (Unreachable("m"), ExitCode.UNREACHABLE),
        (Busy(plain(503, "m")), ExitCode.UNREACHABLE),
        (ServiceFailed(plain(500, "m")), ExitCode.SERVICE_FAILED),
        (CannotStart("m"), ExitCode.SERVICE_FAILED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_exit_code(error, code):
    assert code_of(error) is code
