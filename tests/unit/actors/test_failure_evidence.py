"""A failed attempt tells which line of the user's code failed, by which exceptions, and on which inputs."""

import asyncio
import inspect
from typing import Any

import failing_agents as f
import pytest

from actors import environment
from actors.executor.execution import run_async, run_in_process
from actors.invocation import Invocation
from planners.agents import AgentKind
from reconciler.state.evidence import FailureEvidence
from reconciler.state.handoff import Failure, FailureKind

FILE = "failing_agents.py"


def failed(agent: Any, timeout_s: float | None = None, env: tuple[str, ...] = (), **inputs: Any) -> Failure:
    """The failure of one attempt of an agent of `failing_agents`."""
    kind = AgentKind.ASYNC if inspect.iscoroutinefunction(agent) else AgentKind.SYNC
    target = agent if isinstance(agent, str) else f"failing_agents:{agent.__name__}"
    call = Invocation(
        task="t",
        attempt="t.1",
        agent="a",
        kind=kind,
        target=target,
        work_key="k",
        inputs=inputs,
        timeout_s=timeout_s,
        env=env,
    )
    result = asyncio.run(run_async(call, ())) if kind is AgentKind.ASYNC else run_in_process(call, ())
    assert result.ended.failure is not None
    return result.ended.failure


def evidence(failure: Failure) -> FailureEvidence:
    assert failure.evidence is not None
    return failure.evidence


def test_the_line_is_the_innermost_one_of_the_users_own_code():
    failure = failed(f.parses)

    assert failure.error_type == "JSONDecodeError"
    assert evidence(failure).frame.where == f"{FILE}:{f.line_of('parse')} in parses"
    assert evidence(failure).frame.code == 'return json.loads("{")  # parse'
    assert failure.told.endswith(f" at {FILE}:{f.line_of('parse')} in parses")
    assert FILE in failure.fix


def test_exceptions_are_told_from_the_root_cause_on():
    told = evidence(failed(f.summarises, document={"title": "x"})).exceptions

    assert [raised.said for raised in told] == ["KeyError: 'text'", "ValueError: the document cannot be summarised"]
    assert [raised.frame.line for raised in told] == [f.line_of("lookup"), f.line_of("summarise")]


def test_the_traceback_begins_in_the_users_code():
    trace = evidence(failed(f.summarises, document={})).traceback

    assert "in _text_of" in trace
    assert trace.rstrip().endswith("ValueError: the document cannot be summarised")
    assert "run_in_process" not in trace


def test_the_failure_of_a_task_names_the_exception_once():
    failure = failed(f.summarises, document={})
    of_task = failure.model_copy(update={"message": f"step 'a' failed after 2 tries: {failure.told}"})

    assert of_task.told == of_task.message


def test_a_group_of_one_exception_is_told_as_that_exception():
    failure = failed(f.gathers)

    assert failure.told == f"LookupError: nothing found at {FILE}:{f.line_of('child')} in child"
    assert "ExceptionGroup" in evidence(failure).traceback


def test_an_attempt_that_takes_too_long_tells_where_it_waited():
    failure = failed(f.waits_too_long, timeout_s=0.01)

    assert failure.kind is FailureKind.TIMEOUT
    assert evidence(failure).frame.line == f.line_of("waits")
    assert evidence(failure).exceptions == ()


@pytest.mark.parametrize(("agent", "inputs"), [(f.returns_a_text, {}), (f.counts, {"number": "many"})])
def test_a_value_of_the_wrong_type_is_told_with_the_definition_of_the_agent(agent: Any, inputs: dict[str, Any]):
    failure = failed(agent, **inputs)

    assert evidence(failure).frame.function == agent.__name__
    assert evidence(failure).traceback == ""
    assert failure.fix


def test_secrets_are_masked_wherever_they_stand(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment, "inherited_environment", lambda: {"POSTING_KEY": "posting-key-17"})

    failure = failed(f.tells_its_secrets, env=("POSTING_KEY",), login={"user": "ada", "password": "correct horse"})

    assert failure.message == "*** and *** were refused"
    assert evidence(failure).inputs == {"login": {"user": "ada", "password": "***"}}
    assert "posting-key-17" not in failure.model_dump_json()
    assert "correct horse" not in failure.model_dump_json()


def test_a_report_is_small_whatever_the_agent_was_given():
    document = {"title": "x" * 1_000_000, "rows": [{"n": n} for n in range(100_000)], "deep": {}}
    inner = document["deep"]
    for _ in range(200):
        inner["in"] = {}
        inner = inner["in"]

    failure = failed(f.summarises, document=document)

    assert len(failure.model_dump_json()) < 20_000
    shown = evidence(failure).inputs["document"]
    assert shown["title"].endswith("(1000000 characters)")
    assert shown["rows"][-1] == "... (99980 more)"


def test_an_endless_recursion_is_told_in_a_bounded_traceback():
    failure = failed(f.recurses)

    assert failure.error_type == "RecursionError"
    assert len(evidence(failure).traceback) < 20_000


def test_a_missing_module_is_named_with_what_to_do():
    failure = failed("no_such_module_here:agent")

    assert "No module named 'no_such_module_here'" in failure.message
    assert "install" in failure.fix


def test_evidence_survives_the_journal_and_older_failures_load_without_it():
    failure = failed(f.summarises, document={})

    assert Failure.model_validate_json(failure.model_dump_json()) == failure
    assert Failure.model_validate({"kind": "error", "message": "x", "v": 1}).evidence is None
