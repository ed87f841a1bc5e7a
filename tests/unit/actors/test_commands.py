"""Commands: what they see, and what bounds what they print."""

import os
from typing import Any

import pytest

from actors import environment
from actors.executor.execution import run_in_process
from actors.invocation import Ended, Invocation
from actors.kinds import command_agent
from actors.kinds.command_progress import share_in
from actors.logs.limits import LogLimits
from planners.agents import AgentKind
from reconciler.state.handoff import FailureKind


def ended(*target: str, **fields: Any) -> Ended:
    known = {"task": "t", "attempt": "t.1", "agent": "a", "work_key": "k", "inputs": {"x": 1}}
    call = Invocation(**{**known, "kind": AgentKind.COMMAND, "target": target, **fields})
    return run_in_process(call, ()).ended


def output(*target: str, **fields: Any) -> Any:
    handoff = ended(*target, **fields).handoff
    assert handoff is not None
    return handoff.output


SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


def test_a_command_finds_its_idempotency_key_and_no_variable_that_it_does_not_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORERUN_LLM__API_KEY", "secret")
    monkeypatch.setenv("SOME_TOKEN", "secret")

    seen = output("python3", "-c", SHOW)

    assert seen["FORERUN_IDEMPOTENCY_KEY"] == seen["FORERUN_ATTEMPT"] == "t.1"
    assert seen["FORERUN_TASK"] == "t"
    assert os.environ["PATH"] in seen["PATH"]
    assert "secret" not in seen.values()


def test_a_command_that_prints_too_much_is_stopped_and_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(command_agent, "MAX_STDOUT_BYTES", 100_000)

    failure = ended("sh", "-c", "yes 1; exit 0").failure

    assert failure is not None
    assert failure.kind is FailureKind.BAD_OUTPUT
    assert "100000 bytes" in failure.message
    assert failure.fix


def test_what_a_command_prints_is_its_progress_if_its_output_is_a_file():
    script = 'printf "reads\\r 25 %%\\r 50 %%\\nwrites\\n"; printf 7 > out'

    end = ended("sh", "-c", script, settings={"output": "out"}, logs=LogLimits())

    assert end.handoff is not None, end.failure
    assert end.handoff.output == 7
    told = [line for batch in end.logs for line in batch.lines()]
    assert [(line.stream, line.text, line.done) for line in told] == [
        ("progress", "reads", None),
        ("progress", "25 %", 0.25),
        ("progress", "50 %", 0.5),
        ("progress", "writes", None),
    ]


@pytest.mark.parametrize(
    ("line", "share"), [("40%", 0.4), ("epoch 3: 12.5 % done", 0.125), ("250 %", None), ("no number %", None)]
)
def test_a_percentage_in_a_line_is_the_share_that_is_done(line: str, share: float | None):
    assert share_in(line) == share


def test_of_a_long_error_text_the_end_is_told():
    script = "import sys; sys.stderr.write('x' * 1_000_000 + 'the reason'); sys.exit(3)"

    failure = ended("python3", "-c", script).failure

    assert failure is not None
    assert failure.message.endswith("the reason")
    assert len(failure.message) <= 2000


def test_a_command_need_not_read_its_inputs():
    assert output("echo", "5", inputs={"x": "y" * 1_000_000}) == 5


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_command_that_prints_a_number_that_json_cannot_hold_fails_with_its_path(number: str):
    failure = ended("echo", f'{{"a": [1, {number}]}}').failure

    assert failure is not None
    assert failure.kind is FailureKind.BAD_OUTPUT
    assert "output.a.1" in failure.message


def test_a_command_that_prints_too_many_levels_fails():
    failure = ended("echo", "[" * 150 + "]" * 150).failure

    assert failure is not None
    assert failure.kind is FailureKind.BAD_OUTPUT


def test_exit_code_and_stderr_are_evidence_and_show_no_secret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment, "inherited_environment", lambda: {"POSTING_KEY": "posting-key-17"})

    failure = ended("sh", "-c", "echo refused: $POSTING_KEY >&2; exit 7", env=("POSTING_KEY",)).failure

    assert failure is not None
    assert failure.evidence is not None
    assert (failure.evidence.exit_code, failure.evidence.stderr) == (7, "refused: ***")
    assert failure.message.endswith("exit code 7: refused: ***")
    assert failure.evidence.inputs == {"x": 1}
