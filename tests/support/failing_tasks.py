"""Tasks that fail, each in another way, and what must be told of it."""

from typing import Any, NamedTuple

import failing_agents as f


class Case(NamedTuple):
    """A task, and texts that must be told of it: what failed, where, and what to do."""

    task: dict[str, Any]
    what: tuple[str, ...]
    where: tuple[str, ...]
    fix: str


def one(capability: str, given: dict[str, Any] | None = None, **task: Any) -> dict[str, Any]:
    step = {"id": "only", "capability": capability, "inputs": given or {}}
    return {"workflow": {"steps": [step]}, "planning": {"mode": "wait"}, **task}


def at(mark: str, function: str) -> str:
    return f"failing_agents.py:{f.line_of(mark)} in {function}"


CASES = {
    "exception": Case(
        one("summarise", {"document": {"title": "x", "api_key": "a-secret-key"}}),
        ("cause: KeyError: 'text'", "ValueError: the document cannot be summarised"),
        (at("lookup", "_text_of"), at("summarise", "summarises"), "step only, agent summarises, node", '"title": "x"'),
        "correct failing_agents.py",
    ),
    "import error": Case(
        one("license"),
        ("RuntimeError: this machine has no licence",),
        ("failing_import.py:6 in <module>", "agent unreachable"),
        "fix module failing_import",
    ),
    "wrong output": Case(
        one("count-badly"),
        ("output: Input should be a valid integer",),
        ("in returns_a_text", "agent returns_a_text"),
        "correct what 'returns_a_text' returns, or its return type",
    ),
    "wrong input": Case(
        {
            "workflow": {
                "steps": [
                    {"id": "first", "capability": "repeat", "inputs": {"value": "many"}},
                    {"id": "only", "capability": "count", "inputs": {"number": "$steps.first"}},
                ]
            }
        },
        ("inputs.number: Input should be a valid integer",),
        ("in counts", "agent counts"),
        "see the parameters of 'counts'",
    ),
    "crash": Case(
        one("crash"),
        ("the process of agent 'crashes' died of: Segmentation fault",),
        (at("crash", "crashes"), "agent crashes, node", "exit code: 139 (SIGSEGV)"),
        "correct failing_agents.py",
    ),
    "exit": Case(
        one("exit"),
        ("the process of agent 'exits' ended itself by os._exit(",),
        ("step only, agent exits, node", "exit code: "),
        "raise an exception where the agent calls os._exit",
    ),
    "hang": Case(
        one("hang"),
        ("still running after 8 s",),
        (at("hang", "hangs"), "agent hangs, node"),
        "raise the agent's timeout_s",
    ),
    "out of memory": Case(
        one("allocate"),
        ("MemoryError",),
        (at("allocate", "allocates_too_much"), "agent allocates_too_much, node"),
        "resources.memory_bytes",
    ),
    "missing dependency": Case(
        one("import"),
        ("No module named 'no_such_module_here'",),
        (at("missing", "misses_a_module"), "agent misses_a_module, node"),
        "install module 'no_such_module_here' on node",
    ),
    "command": Case(
        one("shell"),
        ("'sh' ended with exit code 7: disk full",),
        ("exit code: 7", "last lines of stderr", "agent sheller"),
        "run the command by hand",
    ),
    "service answers 429": Case(
        one("call-429"), ("answered 429 Too Many Requests",), ("/429", "agent caller-429"), "try again later"
    ),
    "service answers 500": Case(
        one("call-500"), ("answered 500 Internal Server Error",), ("/500", "agent caller-500"), "try again later"
    ),
    "service stalls": Case(
        one("call-stall"), ("still running after 1 s",), ("agent caller-stall, node",), "raise the agent's timeout_s"
    ),
    "budget": Case(
        one("buy", limits={"budget_usd": 1.0}),
        ("step 'only' would cost $0.60, and $0.60 of the budget of $1.00 are spent",),
        ("sold out",),
        "raise limits.budget_usd",
    ),
    "deadline": Case(
        one("rest", limits={"deadline_s": 2.0}),
        ("the deadline of 2 s has passed while 'only' ran",),
        ("step only, agent rests, node",),
        "raise limits.deadline_s",
    ),
    "planner gives nonsense": Case(
        {"goal": "answer with nonsense"}, ("gave a plan that cannot run",), ("the LLM scripted-llm",), "reword the goal"
    ),
    "provider of the planner answers 429": Case(
        {"goal": "answer with http_429"}, ("answered with HTTP 429",), ("the LLM scripted-llm",), "limits the rate"
    ),
    "provider of the planner answers 500": Case(
        {"goal": "answer with http_500"}, ("answered with HTTP 500",), ("the LLM scripted-llm",), "try again"
    ),
    "provider of the planner stalls": Case(
        {"goal": "answer with stall"}, ("stalled: no token for 10 s",), ("the LLM scripted-llm",), "try again"
    ),
}
